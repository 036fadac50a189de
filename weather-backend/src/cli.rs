//! What a person types.

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, error::ErrorKind};
use weather_backend::{Address, BaseUrl, Nws, NwsSettings, Source};

/// Exit code for arguments that cannot be used (`EX_USAGE` of sysexits.h).
pub(crate) const USAGE: u8 = 64;

const EXAMPLES: &str = "\
Examples:
  weather-backend                                        National Weather Service, 127.0.0.1:8081
  weather-backend --nws-contact ops@example.com          the same, with a contact in User-Agent
  weather-backend --source sample                        made-up data, no internet needed
  weather-backend --listen unix:/run/weather/mcp.sock    on a Unix socket
  weather-backend --metrics-listen 127.0.0.1:9465        with /metrics for Prometheus
  weather-backend healthcheck --listen 127.0.0.1:8081    0 if that backend is healthy, else 1

It has no authentication and therefore listens on loopback only; put the gateway in front to offer it to others.
Exit codes: 0 stopped as told, 64 unusable arguments, 1 any other failure.";

/// As written.
#[derive(Parser)]
#[command(version, about = "MCP server for US weather alerts and forecasts, on loopback only", after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Ask a running backend for /health; exit code 0 if it is healthy, else 1
    Healthcheck(HealthArgs),
}

#[derive(Args)]
pub(crate) struct HealthArgs {
    /// Where the backend listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub(crate) listen: Address,
    /// How long it may take to answer
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Where to listen: a loopback address, or unix:PATH (mode 0660)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub(crate) listen: Address,
    /// Where to offer /metrics: a loopback address, or unix:PATH; off unless given
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics_listen: Option<Address>,
    /// Where observations come from: the National Weather Service, or sample data of our own
    #[arg(long, value_enum, default_value = "nws")]
    source: SourceName,
    /// Where the National Weather Service's API is
    #[arg(long, value_name = "URL", default_value = "https://api.weather.gov")]
    nws_base_url: String,
    /// Whom the Service can turn to, a mail address or web page: part of User-Agent
    #[arg(long, value_name = "CONTACT")]
    nws_contact: Option<String>,
    /// PEM file of authorities to trust beside the bundled ones
    #[arg(long, value_name = "FILE")]
    nws_ca: Option<PathBuf>,
    /// How long running calls may take once it is told to stop
    #[arg(long, value_name = "DURATION", default_value = "25s", value_parser = humantime::parse_duration)]
    pub(crate) drain_timeout: Duration,
    /// Form of the log, which goes to standard error
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// How much to log
    #[arg(long, value_enum, default_value = "info")]
    pub(crate) log_level: LogLevel,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum SourceName {
    Nws,
    Sample,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Cli {
    /// The arguments, or the exit code after help, version or a complaint was printed.
    pub(crate) fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| {
            // Nothing is left to be done where even the complaint cannot be printed.
            let _ = error.print();
            let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            if asked_for { ExitCode::SUCCESS } else { ExitCode::from(USAGE) }
        })
    }
}

impl ServeArgs {
    /// The source as meant.
    pub(crate) fn source(&self) -> Result<Source, String> {
        if self.source == SourceName::Sample {
            return Ok(Source::sample());
        }
        let ca_pem = self.nws_ca.as_ref().map(|path| {
            fs::read(path).map_err(|error| format!("--nws-ca {}: the file cannot be read: {error}", path.display()))
        });
        // Read here and not by clap, which would repeat a password that was put into it.
        let base_url: BaseUrl = self.nws_base_url.parse().map_err(|error| format!("--nws-base-url: {error}"))?;
        let settings = NwsSettings {
            base_url,
            contact: self.nws_contact.clone(),
            ca_pem: ca_pem.transpose()?,
            ..NwsSettings::default()
        };
        Nws::new(&settings).map(Source::Nws).map_err(|error| format!("{}{error}", self.culprit(&error)))
    }

    fn culprit(&self, error: &weather_backend::NwsError) -> String {
        use weather_backend::NwsError::{BaseUrl, Certificate, Client, Contact, NoCertificate};
        match error {
            NoCertificate | Certificate { .. } => {
                format!("--nws-ca {}: ", self.nws_ca.as_deref().unwrap_or("".as_ref()).display())
            }
            Contact => "--nws-contact: ".to_owned(),
            BaseUrl { .. } | Client(_) => String::new(),
        }
    }

    /// Whether to remind of `--nws-contact`.
    pub(crate) fn lacks_contact(&self) -> bool {
        self.source == SourceName::Nws && self.nws_contact.is_none()
    }
}
