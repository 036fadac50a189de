//! How much the fields of a request may be.

use http::Version;
use http::request::Parts;

/// Most fields that anybody may allow. HTTP/1.1 heads with more than are allowed never become a request.
pub const MOST_FIELDS: usize = 100;

/// What a field counts in a list beside its name and value (RFC 9113, section 6.5.2).
pub(super) const FIELD: usize = 32;

/// How much the fields of a request may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Most fields, [`MOST_FIELDS`] or fewer.
    pub fields: usize,
    /// Largest list of fields over h2, in bytes.
    pub list: usize,
}

impl Bounds {
    /// What the fields of this request may be, its first line aside. Over HTTP/1.1 the head was bounded as it came.
    #[inline]
    pub(super) fn of(self, request: &Parts) -> Self {
        let list = if request.version == Version::HTTP_2 { self.beside(request) } else { usize::MAX };
        Self { list, ..self }
    }

    fn beside(self, request: &Parts) -> usize {
        const NAMES: usize = ":authority:path:scheme:method".len() + 4 * FIELD;
        let (uri, method) = (&request.uri, request.method.as_str());
        let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
        let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
        let line = NAMES + authority + target + uri.scheme_str().map_or(0, str::len) + method.len();
        self.list.saturating_sub(line)
    }
}
