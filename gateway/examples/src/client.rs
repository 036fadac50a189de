//! Asks the weather tools behind the gateway, as any MCP client would: list the tools, call one, show what it said.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use gateway_examples::{Connection, Failure, ServerArgs, spoken, terminal};
use serde_json::{Map, Value, json};

/// Ask the weather tools behind the gateway
///
/// The result goes to stdout; the tools on offer, progress and errors go to stderr.
#[derive(Parser)]
#[command(name = "weather-client", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    question: Question,
}

const EXAMPLES: &str = "\
Examples:
  weather-client --key-file api-key --ca ca.pem tools
  weather-client --key-file api-key --ca ca.pem forecast 40.7128 -74.0060
  API_KEY=$(cat api-key) weather-client --url https://mcp.example.com/mcp alerts CA

Exit codes: 0 answered, 1 failed, 3 the API key was refused, 64 wrong arguments.";

#[derive(Subcommand)]
enum Question {
    /// List the tools that the API key may see
    Tools,
    /// The weather forecast for a place, in decimal degrees (south and west are negative)
    #[command(allow_negative_numbers = true)]
    Forecast {
        /// Latitude, -90 to 90
        #[arg(value_parser = degrees)]
        lat: f64,
        /// Longitude, -180 to 180
        #[arg(value_parser = degrees)]
        lon: f64,
    },
    /// The active weather alerts of a US state or marine area
    Alerts {
        /// Two-letter code, such as CA
        state: String,
    },
}

impl Question {
    /// The tool that answers, and its arguments.
    fn call(&self) -> Option<(&'static str, Map<String, Value>)> {
        let (tool, arguments) = match self {
            Self::Tools => return None,
            Self::Forecast { lat, lon } => {
                ("get_forecast", [("latitude", json!(lat)), ("longitude", json!(lon))].to_vec())
            }
            Self::Alerts { state } => ("get_alerts", [("state", json!(state))].to_vec()),
        };
        Some((tool, arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
    }
}

fn main() -> ExitCode {
    gateway_examples::run("weather-client", ask)
}

async fn ask(arguments: Arguments) -> Result<(), Failure> {
    let connection = Connection::open("weather-client", &arguments.server).await?;
    let tools = connection.tools().await?;
    match arguments.question.call() {
        None => tools.iter().try_for_each(|tool| terminal::say(&described(tool)))?,
        Some((name, parameters)) => {
            let offered = names(&tools);
            terminal::note(&format!("tools: {offered}"));
            if !tools.iter().any(|tool| tool.name == name) {
                return Err(Failure::Refused(format!("the server offers no tool {name} to this key, only: {offered}")));
            }
            let result = connection.call(name, parameters).await?;
            if result.is_error == Some(true) {
                return Err(Failure::Refused(spoken(&result)));
            }
            terminal::say(&format!("{}\n", spoken(&result)))?;
        }
    }
    connection.close().await;
    Ok(())
}

fn names(tools: &[rmcp::model::Tool]) -> String {
    if tools.is_empty() {
        return "none".to_owned();
    }
    tools.iter().map(|tool| tool.name.as_ref()).collect::<Vec<_>>().join(", ")
}

/// `get_forecast(latitude, longitude)` and what it does.
fn described(tool: &rmcp::model::Tool) -> String {
    let parameters: Vec<&str> = match tool.input_schema.get("properties") {
        Some(Value::Object(properties)) => properties.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let description = tool.description.as_deref().unwrap_or("(no description)").trim().replace('\n', "\n    ");
    format!("{}({})\n    {description}\n", tool.name, parameters.join(", "))
}

fn degrees(written: &str) -> Result<f64, String> {
    match written.parse::<f64>() {
        Ok(degrees) if degrees.is_finite() => Ok(degrees),
        Ok(_) | Err(_) => Err("not a number of degrees, such as 40.7128 or -74.006".to_owned()),
    }
}
