//! The chat model: any endpoint that speaks OpenAI's chat completions, or a deployment on Azure OpenAI.

mod endpoint;
mod settings;

use std::time::Duration;

use async_openai::Client;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{ChatCompletionRequestMessage, ChatCompletionTools, CreateChatCompletionRequest};
use futures_util::StreamExt;
use gateway_examples::{Advice, Failure, Trust, http_client, terminal, trouble};

use self::endpoint::Endpoint;
pub(crate) use self::settings::ModelArgs;
use crate::turn::{Chunk, Turn};

/// How long a model may think before it begins to write, the library's retries included.
const THINKING: Duration = Duration::from_secs(120);

/// A chat model that can be asked.
pub(crate) struct Model {
    client: Client<Endpoint>,
    name: String,
}

impl Model {
    /// The model that arguments and environment name.
    pub(crate) fn new(arguments: &ModelArgs) -> Result<Self, Failure> {
        let (endpoint, name) = arguments.chosen()?;
        terminal::note(&format!("model: {name} at {}", endpoint.place()));
        if endpoint.in_clear() {
            terminal::note(
                "warning: the model is reached over plain http: its key and the conversation travel in clear.",
            );
        }
        let http = http_client(&endpoint.url, &Trust::System)?;
        Ok(Self { client: Client::build(http, endpoint), name })
    }

    /// Lets the model speak; `say` gets its words as they come.
    pub(crate) async fn turn(
        &self,
        messages: &[ChatCompletionRequestMessage],
        tools: &[ChatCompletionTools],
        say: impl Fn(&str) -> Result<(), Failure>,
    ) -> Result<Turn, Failure> {
        let request = CreateChatCompletionRequest {
            model: self.name.clone(),
            messages: messages.to_vec(),
            // An empty list is refused by some servers.
            tools: (!tools.is_empty()).then(|| tools.to_vec()),
            stream: Some(true),
            ..Default::default()
        };
        let chat = self.client.chat();
        let asked = chat.create_stream_byot::<_, Chunk>(request);
        let mut stream = tokio::time::timeout(THINKING, asked)
            .await
            .map_err(|_| {
                Failure::Broken(format!("the model said nothing for {} s and was given up.", THINKING.as_secs()))
            })?
            .map_err(|error| self.explain(&error))?;
        let mut turn = Turn::default();
        while let Some(chunk) = stream.next().await {
            let words =
                turn.add(chunk.map_err(|error| self.explain(&error))?).map_err(|failure| self.redacted(&failure))?;
            if !words.is_empty() {
                say(&words)?;
            }
        }
        Ok(turn)
    }

    /// One sentence, without the key, should the endpoint quote it.
    fn explain(&self, error: &OpenAIError) -> Failure {
        let endpoint = self.client.config();
        let place = endpoint.place();
        let sentence = match error {
            OpenAIError::Reqwest(error) => {
                let absent = format!("is {} right?", endpoint.setting);
                let advice = Advice { absent: &absent, stranger: "name a private CA in SSL_CERT_FILE." };
                format!("the model: {}", trouble(&endpoint.url, &Trust::System, error, advice))
            }
            OpenAIError::ApiError(refusal) => {
                let status = refusal.status_code.as_u16();
                let what = if status == 401 { "the model's key" } else { "the request" };
                let why = terminal::excerpt(&refusal.api_error.message, 300);
                format!("the model at {place} refused {what} (HTTP {status}): {why}")
            }
            OpenAIError::JSONDeserialize(_, content) => format!(
                "the model at {place} does not answer as OpenAI does ({}): is {} right, with its path?",
                terminal::excerpt(content, 200),
                endpoint.setting
            ),
            OpenAIError::StreamError(_) => format!("the model at {place} broke off its answer."),
            OpenAIError::FileSaveError(_) | OpenAIError::FileReadError(_) | OpenAIError::InvalidArgument(_) => {
                format!("the model cannot be asked: {error}")
            }
        };
        self.redacted(&Failure::Broken(sentence))
    }

    fn redacted(&self, failure: &Failure) -> Failure {
        Failure::Broken(terminal::excerpt(&self.client.config().key.redact(&failure.to_string()), 600))
    }
}
