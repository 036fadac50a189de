//! The methods MCP knows: a closed set, so that they may be metric labels.

use super::member::Member;

/// A method that a client may send, of any revision from 2024-11-05 to 2026-07-28 and the extensions that its SDKs speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// `initialize`
    Initialize,
    /// `ping`
    Ping,
    /// `server/discover`
    ServerDiscover,
    /// `tools/list`
    ToolsList,
    /// `tools/call`
    ToolsCall,
    /// `resources/list`
    ResourcesList,
    /// `resources/templates/list`
    ResourcesTemplatesList,
    /// `resources/read`
    ResourcesRead,
    /// `resources/directory/read`
    ResourcesDirectoryRead,
    /// `resources/subscribe`
    ResourcesSubscribe,
    /// `resources/unsubscribe`
    ResourcesUnsubscribe,
    /// `prompts/list`
    PromptsList,
    /// `prompts/get`
    PromptsGet,
    /// `completion/complete`
    CompletionComplete,
    /// `logging/setLevel`
    LoggingSetLevel,
    /// `subscriptions/listen`
    SubscriptionsListen,
    /// `tasks/list`
    TasksList,
    /// `tasks/get`
    TasksGet,
    /// `tasks/result`
    TasksResult,
    /// `tasks/update`
    TasksUpdate,
    /// `tasks/cancel`
    TasksCancel,
    /// `skills/list`
    SkillsList,
    /// `skills/get`
    SkillsGet,
    /// `notifications/initialized`
    Initialized,
    /// `notifications/cancelled`
    Cancelled,
    /// `notifications/progress`
    Progress,
    /// `notifications/roots/list_changed`
    RootsListChanged,
    /// `notifications/tasks/status`
    TasksStatus,
    /// No method at all: the message answers a request of the server.
    Response,
    /// Any other method.
    Other,
}

impl Method {
    /// The method as it is written in a message; `response` and `other` for the two that have no text of their own.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Ping => "ping",
            Self::ServerDiscover => "server/discover",
            Self::ToolsList => "tools/list",
            Self::ToolsCall => "tools/call",
            Self::ResourcesList => "resources/list",
            Self::ResourcesTemplatesList => "resources/templates/list",
            Self::ResourcesRead => "resources/read",
            Self::ResourcesDirectoryRead => "resources/directory/read",
            Self::ResourcesSubscribe => "resources/subscribe",
            Self::ResourcesUnsubscribe => "resources/unsubscribe",
            Self::PromptsList => "prompts/list",
            Self::PromptsGet => "prompts/get",
            Self::CompletionComplete => "completion/complete",
            Self::LoggingSetLevel => "logging/setLevel",
            Self::SubscriptionsListen => "subscriptions/listen",
            Self::TasksList => "tasks/list",
            Self::TasksGet => "tasks/get",
            Self::TasksResult => "tasks/result",
            Self::TasksUpdate => "tasks/update",
            Self::TasksCancel => "tasks/cancel",
            Self::SkillsList => "skills/list",
            Self::SkillsGet => "skills/get",
            Self::Initialized => "notifications/initialized",
            Self::Cancelled => "notifications/cancelled",
            Self::Progress => "notifications/progress",
            Self::RootsListChanged => "notifications/roots/list_changed",
            Self::TasksStatus => "notifications/tasks/status",
            Self::Response => "response",
            Self::Other => "other",
        }
    }

    /// The method that a message names; [`Method::Other`] when MCP has none of that name.
    pub fn named(text: &[u8]) -> Self {
        match text {
            b"tools/call" => Self::ToolsCall,
            b"initialize" => Self::Initialize,
            b"ping" => Self::Ping,
            b"server/discover" => Self::ServerDiscover,
            b"tools/list" => Self::ToolsList,
            b"resources/list" => Self::ResourcesList,
            b"resources/templates/list" => Self::ResourcesTemplatesList,
            b"resources/read" => Self::ResourcesRead,
            b"resources/directory/read" => Self::ResourcesDirectoryRead,
            b"resources/subscribe" => Self::ResourcesSubscribe,
            b"resources/unsubscribe" => Self::ResourcesUnsubscribe,
            b"prompts/list" => Self::PromptsList,
            b"prompts/get" => Self::PromptsGet,
            b"completion/complete" => Self::CompletionComplete,
            b"logging/setLevel" => Self::LoggingSetLevel,
            b"subscriptions/listen" => Self::SubscriptionsListen,
            b"tasks/list" => Self::TasksList,
            b"tasks/get" => Self::TasksGet,
            b"tasks/result" => Self::TasksResult,
            b"tasks/update" => Self::TasksUpdate,
            b"tasks/cancel" => Self::TasksCancel,
            b"skills/list" => Self::SkillsList,
            b"skills/get" => Self::SkillsGet,
            b"notifications/initialized" => Self::Initialized,
            b"notifications/cancelled" => Self::Cancelled,
            b"notifications/progress" => Self::Progress,
            b"notifications/roots/list_changed" => Self::RootsListChanged,
            b"notifications/tasks/status" => Self::TasksStatus,
            _ => Self::Other,
        }
    }

    /// Whether a server that does not mind the case of letters takes `text` for a method that it is not.
    pub fn is_like(text: &str) -> bool {
        let lower = text.to_ascii_lowercase();
        let known = Self::named(lower.as_bytes()) != Self::Other || lower == "logging/setlevel";
        known && Self::named(text.as_bytes()) == Self::Other
    }

    /// Where a message of this method says what it is about.
    #[inline]
    pub(super) fn pointer(self) -> Option<Pointer> {
        match self {
            Self::ToolsCall | Self::PromptsGet => Some(Pointer::Name),
            Self::ResourcesRead
            | Self::ResourcesDirectoryRead
            | Self::ResourcesSubscribe
            | Self::ResourcesUnsubscribe
            | Self::SkillsGet => Some(Pointer::Uri),
            Self::TasksGet | Self::TasksResult | Self::TasksUpdate | Self::TasksCancel => Some(Pointer::TaskId),
            Self::CompletionComplete => Some(Pointer::Ref),
            Self::Initialize
            | Self::Ping
            | Self::ServerDiscover
            | Self::ToolsList
            | Self::ResourcesList
            | Self::ResourcesTemplatesList
            | Self::PromptsList
            | Self::LoggingSetLevel
            | Self::SubscriptionsListen
            | Self::TasksList
            | Self::SkillsList
            | Self::Initialized
            | Self::Cancelled
            | Self::Progress
            | Self::RootsListChanged
            | Self::TasksStatus
            | Self::Response
            | Self::Other => None,
        }
    }
}

/// The member of `params` that names the subject of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pointer {
    Name,
    Uri,
    TaskId,
    Ref,
}

impl Pointer {
    #[inline]
    pub(super) fn member(self) -> Member {
        match self {
            Self::Name => Member::Name,
            Self::Uri => Member::Uri,
            Self::TaskId => Member::TaskId,
            Self::Ref => Member::Ref,
        }
    }
}
