//! The MCP server: two tools, their schemas, and how a call is answered. What weather is, it does not know.

use std::borrow::Cow;

use rmcp::{
    ErrorData, Peer, RoleServer, ServerHandler,
    handler::server::{
        common::{schema_for_input, schema_for_output},
        router::tool::ToolRouter,
        wrapper::Parameters,
    },
    model::{
        CallToolResult, ContentBlock, Implementation, JsonObject, ProgressNotificationParam, ProgressToken,
        ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
    tool, tool_handler, tool_router,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    metrics::{Metrics, Outcome},
    source::{Source, Step, Watch},
    weather::{Alerts, Area, Forecast, Point},
};

/// The tools' names.
pub(crate) const NAMES: [&str; 2] = ["get_alerts", "get_forecast"];

/// The last line of every text that comes from sample data.
const SAMPLE: &str = "(This is sample data, not a real forecast or warning.)";

/// The handler of all requests.
pub(crate) struct Tools {
    source: Source,
    metrics: Metrics,
    /// Cancelled when running calls must end: they then answer that we are stopping.
    stopping: CancellationToken,
    router: ToolRouter<Self>,
}

#[derive(Deserialize, JsonSchema)]
struct AlertsArguments {
    /// Two-letter code of a US state, territory or marine area, such as CA, NY, PR or GM.
    #[schemars(regex(pattern = "^[A-Za-z]{2}$"))]
    state: String,
}

#[derive(Deserialize, JsonSchema)]
struct ForecastArguments {
    /// Degrees north, such as 40.7128 for New York.
    #[schemars(range(min = -90, max = 90))]
    latitude: f64,
    /// Degrees east; negative in the Americas, such as -74.0060 for New York.
    #[schemars(range(min = -180, max = 180))]
    longitude: f64,
}

/// What a tool returns as structured content.
#[derive(Serialize, JsonSchema)]
struct Report<T> {
    #[serde(flatten)]
    report: T,
    /// Where it comes from.
    source: Origin,
}

#[derive(Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Origin {
    /// The National Weather Service.
    Nws,
    /// Sample data: made up.
    Sample,
}

#[tool_router]
impl Tools {
    pub(crate) fn new(source: Source, metrics: Metrics, stopping: CancellationToken) -> Self {
        Self { source, metrics, stopping, router: Self::tool_router() }
    }

    #[tool(
        description = "Weather alerts (watches, warnings, advisories) in force now for a US state, territory or marine area, \
                       from the National Weather Service. Each alert has event, area, severity, description and instructions.",
        input_schema = schema_for_input::<AlertsArguments>().expect("a struct's schema is an object"),
        output_schema = schema_for_output::<Report<Alerts>>(),
        annotations(title = "Weather alerts", read_only_hint = true, open_world_hint = true)
    )]
    async fn get_alerts(
        &self,
        Parameters(arguments): Parameters<JsonObject>,
        request: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let progress = Progress::of(&request, 1);
        let work = async {
            let AlertsArguments { state } = read(arguments)?;
            let area = Area::parse(&state).map_err(Failure::refused)?;
            self.source.alerts(area, &progress, &self.metrics).await.map_err(Failure::failed)
        };
        self.answer("get_alerts", &request, work).await
    }

    #[tool(
        description = "Weather forecast for a point in the United States or its territories, from the National Weather \
                       Service: the next five half-days, each with temperature, wind and a detailed forecast.",
        input_schema = schema_for_input::<ForecastArguments>().expect("a struct's schema is an object"),
        output_schema = schema_for_output::<Report<Forecast>>(),
        annotations(title = "Weather forecast", read_only_hint = true, open_world_hint = true)
    )]
    async fn get_forecast(
        &self,
        Parameters(arguments): Parameters<JsonObject>,
        request: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let progress = Progress::of(&request, 2);
        let work = async {
            let ForecastArguments { latitude, longitude } = read(arguments)?;
            let point = Point::new(latitude, longitude).map_err(Failure::refused)?;
            self.source.forecast(point, &progress, &self.metrics).await.map_err(Failure::failed)
        };
        self.answer("get_forecast", &request, work).await
    }
}

#[tool_handler(router = self.router)]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(
                Implementation::new("weather-backend", env!("CARGO_PKG_VERSION")).with_title("Secure Weather MCP Server"),
            )
            .with_instructions(
                "Weather alerts and forecasts of the US National Weather Service. get_alerts takes a two-letter state code; \
                 get_forecast takes latitude and longitude.",
            )
    }
}

impl Tools {
    /// Runs `work` until it is done, the client leaves, or we stop; whichever it is, it is counted once.
    async fn answer<T>(
        &self,
        tool: &'static str,
        request: &RequestContext<RoleServer>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<CallToolResult, ErrorData>
    where
        T: Serialize + ToString,
    {
        let record = self.metrics.call(tool);
        let answer = tokio::select! {
            biased;
            // Dropping `work` ends its requests upstream. Nobody reads what is returned here.
            () = request.ct.cancelled() => return Err(ErrorData::internal_error("the client left", None)),
            answer = work => answer,
            () = self.stopping.cancelled() => Err(Failure::stopping()),
        };
        let (outcome, result) = match answer {
            Ok(report) => (Outcome::Ok, self.report(report)?),
            Err(failure) => (failure.outcome, CallToolResult::error(vec![self.text(failure.sentence.into())])),
        };
        record.settle(outcome);
        Ok(result)
    }

    fn report<T: Serialize + ToString>(&self, report: T) -> Result<CallToolResult, ErrorData> {
        let text = self.text(report.to_string().into());
        let structured = serde_json::to_value(Report { report, source: self.origin() }).map_err(|error| {
            ErrorData::internal_error(format!("the report cannot be written as JSON: {error}"), None)
        })?;
        let mut result = CallToolResult::structured(structured);
        result.content = vec![text];
        Ok(result)
    }

    fn text(&self, text: Cow<'_, str>) -> ContentBlock {
        match self.origin() {
            Origin::Nws => ContentBlock::text(text),
            Origin::Sample => ContentBlock::text(format!("{text}\n\n{SAMPLE}")),
        }
    }

    fn origin(&self) -> Origin {
        match self.source {
            Source::Nws(_) => Origin::Nws,
            Source::Sample(_) => Origin::Sample,
        }
    }
}

/// Why a call has no report: a tool error with a sentence, since its caller is to read it (MCP 2025-11-25, tools, error handling).
struct Failure {
    outcome: Outcome,
    sentence: String,
}

impl Failure {
    fn refused(why: impl ToString) -> Self {
        Self { outcome: Outcome::Refused, sentence: why.to_string() }
    }

    fn failed(why: impl ToString) -> Self {
        Self { outcome: Outcome::Failed, sentence: why.to_string() }
    }

    fn stopping() -> Self {
        let sentence = "The weather server is stopping and could not finish this call. Try again.".to_owned();
        Self { outcome: Outcome::Drained, sentence }
    }
}

fn read<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| Failure::refused(format!("The arguments are not what the tool takes: {error}.")))
}

/// Tells the client of each step, if it gave a token for that (MCP, basic/utilities/progress).
struct Progress {
    told: Option<(Peer<RoleServer>, ProgressToken)>,
    steps: u8,
}

impl Progress {
    fn of(request: &RequestContext<RoleServer>, steps: u8) -> Self {
        Self { told: request.meta.get_progress_token().map(|token| (request.peer.clone(), token)), steps }
    }
}

impl Watch for Progress {
    async fn told(&self, step: Step) {
        let Some((peer, token)) = &self.told else { return };
        let progress = ProgressNotificationParam::new(token.clone(), f64::from(step.taken_before()))
            .with_total(f64::from(self.steps))
            .with_message(step.to_string());
        // A client that is gone is noticed by its request's token.
        let _ = peer.notify_progress(progress).await;
    }
}
