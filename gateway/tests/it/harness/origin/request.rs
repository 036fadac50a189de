//! A request as the origin got it.

use crate::harness::fields::{Fields, Head};

/// A request as the origin got it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: Head,
    /// Its body without framing, as far as it has been read.
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn method(&self) -> &str {
        self.head.start.split(' ').next().unwrap()
    }

    pub(crate) fn target(&self) -> &str {
        self.head.start.split(' ').nth(1).unwrap()
    }

    pub(crate) fn fields(&self) -> &Fields {
        &self.head.fields
    }

    /// Method, target, framing and body of a request that has come whole, on one line. Fails unless the rest is as the
    /// gateway writes it: one `Host`, one name of the client, nothing that is for one hop.
    pub(crate) fn canonical(&self) -> String {
        let fields = self.fields();
        let framing = match (fields.one("content-length"), fields.one("transfer-encoding")) {
            (Some(length), None) => length,
            (None, Some(coding)) => coding,
            (None, None) => "-",
            (Some(_), Some(_)) => panic!("two framings: {fields:?}"),
        };
        for name in ["connection", "upgrade", "trailer", "expect", "te", "keep-alive", "cookie"] {
            assert!(!fields.has(name), "`{name}` is passed on: {fields:?}");
        }
        assert_eq!((fields.all("host").len(), fields.all("x-client-id").len()), (1, 1), "{fields:?}");
        format!("{} {} {framing} {}", self.method(), self.target(), String::from_utf8_lossy(&self.body))
    }
}
