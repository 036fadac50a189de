//! Answers a question in plain words: a chat model reads it and picks the tools, which are called over MCP through the
//! gateway, and the answer is printed as the model writes it.
//!
//! Two servers, two keys: the gateway's key goes to the gateway only, the model's key to the model only.

mod conversation;
mod model;
mod toolbox;
mod turn;

use std::process::ExitCode;

use clap::Parser;
use gateway_examples::{Connection, Failure, ServerArgs};

use conversation::Conversation;
use model::{Model, ModelArgs};
use toolbox::Toolbox;

/// Ask a question about the weather in plain words
///
/// A chat model answers it with the tools of the MCP server behind the gateway. The answer goes to stdout as it is
/// written; tool calls, progress and errors go to stderr.
#[derive(Parser)]
#[command(name = "weather-agent", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// The question
    #[arg(required = true, num_args = 1.., value_name = "QUESTION")]
    question: Vec<String>,
}

const EXAMPLES: &str = "\
The model's key is taken from OPENAI_API_KEY, or for Azure from AZURE_OPENAI_API_KEY.

Examples:
  export OPENAI_API_KEY=... OPENAI_MODEL=gpt-4o-mini
  weather-agent --key-file api-key --ca ca.pem \"What's the weather forecast for New York?\"

  export OPENAI_BASE_URL=http://localhost:11434/v1 OPENAI_API_KEY=none OPENAI_MODEL=qwen3
  weather-agent --key-file api-key --ca ca.pem \"Are there weather alerts in California?\"

  export AZURE_OPENAI_ENDPOINT=https://me.openai.azure.com AZURE_OPENAI_API_KEY=...
  export AZURE_OPENAI_DEPLOYMENT_NAME=gpt-4o-mini
  weather-agent --key-file api-key --ca ca.pem \"Will it rain in Seattle?\"

Exit codes: 0 answered, 1 failed, 3 the API key was refused, 64 wrong arguments or settings.";

fn main() -> ExitCode {
    gateway_examples::run("weather-agent", answer)
}

async fn answer(arguments: Arguments) -> Result<(), Failure> {
    let model = Model::new(&arguments.model)?;
    let toolbox = Toolbox::open(Connection::open("weather-agent", &arguments.server).await?).await?;
    Conversation::about(&arguments.question.join(" ")).run(&model, &toolbox).await?;
    toolbox.close().await;
    Ok(())
}
