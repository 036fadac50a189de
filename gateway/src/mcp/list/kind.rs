//! What a list request asks for, and where its reply has it.

use crate::mcp::member::Member;
use crate::mcp::method::Method;

/// What a list request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// `tools/list`: tools, by name.
    Tools,
    /// `resources/list`: resources, by URI.
    Resources,
    /// `resources/templates/list`: resource templates, by URI template.
    ResourceTemplates,
    /// `prompts/list`: prompts, by name.
    Prompts,
}

impl ListKind {
    /// The kind of list that a method asks for, if it asks for one.
    pub fn asked_by(method: Method) -> Option<Self> {
        [Self::Tools, Self::Resources, Self::ResourceTemplates, Self::Prompts]
            .into_iter()
            .find(|kind| kind.method() == method)
    }

    /// The method that asks for such a list.
    pub fn method(self) -> Method {
        match self {
            Self::Tools => Method::ToolsList,
            Self::Resources => Method::ResourcesList,
            Self::ResourceTemplates => Method::ResourcesTemplatesList,
            Self::Prompts => Method::PromptsList,
        }
    }

    /// The array in the result.
    pub(super) fn array(self) -> Member {
        match self {
            Self::Tools => Member::Tools,
            Self::Resources => Member::Resources,
            Self::ResourceTemplates => Member::ResourceTemplates,
            Self::Prompts => Member::Prompts,
        }
    }

    /// The member of an entry that a call refers to.
    pub(super) fn key(self) -> Member {
        match self {
            Self::Tools | Self::Prompts => Member::Name,
            Self::Resources => Member::Uri,
            Self::ResourceTemplates => Member::UriTemplate,
        }
    }

    /// The list whose array has this name, if one has.
    pub(super) fn held_by(array: &str) -> Option<Self> {
        match array {
            "tools" => Some(Self::Tools),
            "resources" => Some(Self::Resources),
            "resourceTemplates" => Some(Self::ResourceTemplates),
            "prompts" => Some(Self::Prompts),
            _ => None,
        }
    }
}
