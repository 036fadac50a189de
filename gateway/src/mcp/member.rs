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

    /// The member of `known` that a parser without regard to case may take `name` for, though it is not its name.
    pub(super) fn confused(name: &str, known: &[Self]) -> Option<Self> {
        known.iter().copied().find(|member| member.as_str() != name && text::alike(name, member.as_str()))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::Call;

    #[test]
    fn only_another_spelling_is_a_confusion() {
        for known in [&Member::ENVELOPE[..], &Member::PARAMS, &Member::REFERENCE] {
            for member in known {
                assert_eq!(Member::confused(member.as_str(), known), None, "{member}");
                assert_eq!(Member::confused(&member.as_str().to_uppercase(), known), Some(*member), "{member}");
            }
        }
    }

    #[test]
    fn a_session_can_be_opened_under_a_policy() {
        let initialize = br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"capabilities":{},"clientInfo":{"name":"c","version":"1"},"protocolVersion":"2025-11-25"}}"#;
        assert_eq!(Call::judge(initialize).map(|call| call.method().as_str()), Ok("initialize"));
        let confusing = br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"ProtocolVersion":"2025-11-25"}}"#;
        assert!(Call::judge(confusing).is_err());
    }
}
