//! Which model to ask: as written in arguments and environment, and as meant.

use clap::Args;
use gateway_examples::{Failure, Key};
use reqwest::Url;

use super::endpoint::Endpoint;

const OPENAI: &str = "https://api.openai.com/v1";

/// The model's options. Its key has none: the command line is public.
#[derive(Args, Debug)]
pub(crate) struct ModelArgs {
    /// Model to ask
    #[arg(long, value_name = "NAME", env = "OPENAI_MODEL")]
    model: Option<String>,
    #[arg(long, value_name = "URL", env = "OPENAI_BASE_URL")]
    #[arg(help = "Any endpoint that speaks OpenAI's chat completions [default: https://api.openai.com/v1]")]
    openai_base_url: Option<String>,
    #[arg(long, value_name = "URL", env = "AZURE_OPENAI_ENDPOINT")]
    #[arg(help = "Azure OpenAI resource, such as https://me.openai.azure.com; when it is set, Azure is asked")]
    azure_endpoint: Option<String>,
    /// Azure OpenAI deployment to ask
    #[arg(long, value_name = "NAME", env = "AZURE_OPENAI_DEPLOYMENT_NAME")]
    azure_deployment: Option<String>,
    /// Azure OpenAI API version
    #[arg(long, value_name = "DATE", env = "AZURE_OPENAI_API_VERSION", default_value = "2024-10-21")]
    azure_api_version: String,
}

impl ModelArgs {
    /// The endpoint, and the name by which it knows the model.
    pub(super) fn chosen(&self) -> Result<(Endpoint, String), Failure> {
        let openai_key = key("OPENAI_API_KEY")?;
        let azure_key = key("AZURE_OPENAI_API_KEY")?;
        let model = set(self.model.as_ref());
        let base_url = set(self.openai_base_url.as_ref());
        let endpoint = set(self.azure_endpoint.as_ref());
        let deployment = set(self.azure_deployment.as_ref());

        let nothing_of_openai = openai_key.is_none() && model.is_none() && base_url.is_none();
        let something_of_azure = endpoint.is_some() || azure_key.is_some() || deployment.is_some();
        if endpoint.is_some() || (nothing_of_openai && something_of_azure) {
            return self.azure(endpoint, azure_key, deployment);
        }
        if nothing_of_openai {
            return Err(Failure::Setup(
                "no chat model is set up: set OPENAI_API_KEY and OPENAI_MODEL (and OPENAI_BASE_URL for an endpoint \
                 other than OpenAI's), or AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and AZURE_OPENAI_DEPLOYMENT_NAME."
                    .to_owned(),
            ));
        }
        match (openai_key, model) {
            (Some(key), Some(model)) => {
                let url = address("OPENAI_BASE_URL", base_url.unwrap_or(OPENAI))?;
                Ok((Endpoint::openai(url, key), model.to_owned()))
            }
            (key, model) => Err(missing(
                "the chat model",
                &[("OPENAI_API_KEY", key.is_some()), ("OPENAI_MODEL", model.is_some())],
                " (a server that wants no key takes any text)",
            )),
        }
    }

    fn azure(
        &self,
        endpoint: Option<&str>,
        key: Option<Key>,
        deployment: Option<&str>,
    ) -> Result<(Endpoint, String), Failure> {
        let (Some(endpoint), Some(key), Some(deployment)) = (endpoint, key.clone(), deployment) else {
            let names = [
                ("AZURE_OPENAI_ENDPOINT", endpoint.is_some()),
                ("AZURE_OPENAI_API_KEY", key.is_some()),
                ("AZURE_OPENAI_DEPLOYMENT_NAME", deployment.is_some()),
            ];
            return Err(missing("Azure OpenAI", &names, ""));
        };
        let mut url = address("AZURE_OPENAI_ENDPOINT", endpoint)?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["openai", "deployments", deployment]);
        }
        Ok((Endpoint::azure(url, key, self.azure_api_version.clone()), deployment.to_owned()))
    }
}

/// A compose file sets a variable that nobody gave a value to the empty string.
fn set(value: Option<&String>) -> Option<&str> {
    value.map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn key(name: &str) -> Result<Option<Key>, Failure> {
    match std::env::var_os(name) {
        Some(value) if value.is_empty() => Ok(None),
        _ => Key::from_env(name),
    }
}

fn address(setting: &str, written: &str) -> Result<Url, Failure> {
    match Url::parse(written) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.query().is_none() => {
            Ok(url)
        }
        Ok(_) | Err(_) => Err(Failure::Setup(format!(
            "{setting} must be an http:// or https:// address without user name and query, such as {OPENAI}."
        ))),
    }
}

fn missing(what: &str, names: &[(&str, bool)], hint: &str) -> Failure {
    let absent: Vec<&str> = names.iter().filter(|(_, set)| !set).map(|(name, _)| *name).collect();
    let verb = if absent.len() == 1 { "is" } else { "are" };
    Failure::Setup(format!("{what} is only half set up: {} {verb} missing{hint}.", absent.join(" and ")))
}
