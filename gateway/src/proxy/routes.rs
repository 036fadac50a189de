//! Which paths there are, and who may use them. Everything else is refused.

use bytes::Bytes;

/// The paths of one gateway. Matching is exact, but for one trailing slash.
#[derive(Debug)]
pub struct Routes {
    protected: Vec<Box<str>>,
    public: Vec<Box<str>>,
    unknown: Bytes,
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Needs a key. The number is its metric label's.
    Protected(usize),
    /// Forwarded without a key, for GET and HEAD.
    Public(usize),
    /// Nowhere.
    Unknown,
}

impl Route {
    /// Its number among the metric labels; unknown paths have none.
    pub fn number(self) -> Option<usize> {
        match self {
            Route::Protected(number) | Route::Public(number) => Some(number),
            Route::Unknown => None,
        }
    }
}

impl Routes {
    /// Makes the table; the lists are as the settings have them, checked.
    pub fn new(protected: &[String], public: &[String]) -> Self {
        let known = |paths: &[String]| paths.iter().map(|path| trimmed(path).into()).collect();
        let names = protected.join(" and ");
        Self {
            protected: known(protected),
            public: known(public),
            unknown: format!("Not found. The MCP endpoint is at {names}.").into(),
        }
    }

    /// Where `path` leads.
    pub fn find(&self, path: &str) -> Route {
        let path = trimmed(path);
        let at = |list: &[Box<str>]| list.iter().position(|known| **known == *path);
        match (at(&self.protected), at(&self.public)) {
            (Some(i), _) => Route::Protected(i),
            (None, Some(i)) => Route::Public(self.protected.len() + i),
            (None, None) => Route::Unknown,
        }
    }

    /// Metric labels by route number; the last one is for unknown paths.
    pub fn labels(protected: &[String], public: &[String]) -> Vec<String> {
        protected.iter().chain(public).cloned().chain(["other".to_owned()]).collect()
    }

    /// What somebody who asked for an unknown path is told: where the endpoint is.
    pub fn unknown(&self) -> &Bytes {
        &self.unknown
    }
}

/// `/mcp/` is `/mcp`; `/` stays.
fn trimmed(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some(rest) if !rest.is_empty() && !rest.ends_with('/') => rest,
        Some(_) | None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching_is_exact_but_for_one_slash() {
        let routes = Routes::new(&["/mcp".into(), "/v2/mcp/".into()], &["/".into(), "/health".into()]);
        for (path, route) in [
            ("/mcp", Route::Protected(0)),
            ("/mcp/", Route::Protected(0)),
            ("/v2/mcp", Route::Protected(1)),
            ("/", Route::Public(2)),
            ("/health", Route::Public(3)),
            ("/health/", Route::Public(3)),
            ("/mcp//", Route::Unknown),
            ("/MCP", Route::Unknown),
            ("/mcp2", Route::Unknown),
            ("/mcp/x", Route::Unknown),
            ("//", Route::Unknown),
            ("", Route::Unknown),
        ] {
            assert_eq!(routes.find(path), route, "{path:?}");
        }
    }

    #[test]
    fn strangers_are_told_where_the_endpoint_is() {
        let routes = Routes::new(&["/mcp".into(), "/v2".into()], &[]);
        assert_eq!(&routes.unknown()[..], b"Not found. The MCP endpoint is at /mcp and /v2.");
    }
}
