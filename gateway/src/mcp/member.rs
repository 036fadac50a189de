//! The members of a message that have a meaning here.

use std::fmt;

use super::text;

/// A member of the envelope, of `params`, of a reference or of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is what it is called in the protocol")]
pub enum Member {
    JsonRpc,
    Id,
    Method,
    Params,
    Result,
    Error,
    Name,
    Uri,
    TaskId,
    Arguments,
    Meta,
    Ref,
    ProtocolVersion,
    Type,
    Tools,
    Resources,
    ResourceTemplates,
    Prompts,
    UriTemplate,
    CacheScope,
    Notifications,
    ResourceSubscriptions,
}

impl Member {
    /// The envelope (JSON-RPC 2.0 sections 4 and 5).
    pub(super) const ENVELOPE: [Self; 6] =
        [Self::JsonRpc, Self::Id, Self::Method, Self::Params, Self::Result, Self::Error];

    /// What a policy, a log or a header agreement reads of `params`.
    pub(super) const PARAMS: [Self; 8] = [
        Self::Name,
        Self::Uri,
        Self::TaskId,
        Self::Arguments,
        Self::Meta,
        Self::Ref,
        Self::ProtocolVersion,
        Self::Notifications,
    ];

    /// The reference of `completion/complete`.
    pub(super) const REFERENCE: [Self; 3] = [Self::Type, Self::Name, Self::Uri];

    /// The member as it is written.
    #[inline]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JsonRpc => "jsonrpc",
            Self::Id => "id",
            Self::Method => "method",
            Self::Params => "params",
            Self::Result => "result",
            Self::Error => "error",
            Self::Name => "name",
            Self::Uri => "uri",
            Self::TaskId => "taskId",
            Self::Arguments => "arguments",
            Self::Meta => "_meta",
            Self::Ref => "ref",
            Self::ProtocolVersion => "protocolVersion",
            Self::Type => "type",
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
            Self::Prompts => "prompts",
            Self::UriTemplate => "uriTemplate",
            Self::CacheScope => "cacheScope",
            Self::Notifications => "notifications",
            Self::ResourceSubscriptions => "resourceSubscriptions",
        }
    }

    /// The member of `known` that a parser without regard to case may take `name` for.
    pub(super) fn confused(name: &str, known: &[Self]) -> Option<Self> {
        known.iter().copied().find(|member| text::alike(name, member.as_str()))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
