//! What the backend answers.

/// An answer to one request.
#[derive(Debug)]
pub(super) struct Script {
    /// All that it says.
    pub(super) text: Vec<u8>,
    /// Which request it answers, as its head tells.
    pub(super) id: String,
    /// Where its head ends.
    pub(super) head: usize,
    /// Where its body ends; what comes behind belongs to nobody.
    pub(super) whole: usize,
    /// What its body says.
    pub(super) body: Vec<u8>,
    /// Whether its connection may be used again.
    pub(super) reusable: bool,
    /// Whether its head is none.
    pub(super) lies: bool,
    /// Whether its body is none.
    breaks: bool,
    /// Whether it ends with its connection.
    to_eof: bool,
}

pub(super) const SCRIPTS: usize = 10;

/// The answer of this kind to the request of this id.
pub(super) fn script(kind: usize, id: usize) -> Script {
    let answer = format!("answer {id}");
    let length = format!("content-length: {}\r\n", answer.len());
    let chunks = format!("4\r\n{}\r\n{:x};x=y\r\n{}\r\n0\r\n", &answer[..4], answer.len() - 4, &answer[4..]);
    let (before, fields, body, behind) = match kind {
        0 => ("", length, answer.clone(), ""),
        1 => ("", "transfer-encoding: chunked\r\n".to_owned(), format!("{chunks}\r\n"), ""),
        2 => ("", "transfer-encoding: chunked\r\n".to_owned(), format!("{chunks}X-Sum: 1\r\n\r\n"), ""),
        3 => ("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n", length, answer.clone(), ""),
        4 => ("", format!("connection: close\r\n{length}"), answer.clone(), ""),
        5 => ("", String::new(), answer.clone(), ""),
        6 => ("", "content-length: 0\r\n".to_owned(), String::new(), ""),
        7 => ("", length, answer.clone(), "HTTP/1.1 200 OK\r\nx: stolen\r\ncontent-length: 6\r\n\r\nstolen"),
        8 => ("", "content-length: x\r\n".to_owned(), answer.clone(), ""),
        _ => ("", "transfer-encoding: chunked\r\n".to_owned(), format!("4\r\n{}\r\nzz\r\n", &answer[..4]), ""),
    };
    let head = format!("{before}HTTP/1.1 200 OK\r\nx: {id}\r\n{fields}\r\n");
    let text = format!("{head}{body}{behind}");
    let whole = text.len() - behind.len();
    let said = if body.is_empty() { "" } else { &*answer };
    Script {
        head: head.len(),
        whole,
        text: text.into_bytes(),
        id: id.to_string(),
        body: said.into(),
        reusable: !matches!(kind, 4 | 5 | 8 | 9),
        lies: kind == 8,
        breaks: kind == 9,
        to_eof: kind == 5,
    }
}

impl Script {
    /// How much of it decides what becomes of the head, or of the body.
    pub(super) fn decided(&self, body: bool) -> usize {
        match body {
            false => self.head,
            true if self.to_eof => usize::MAX,
            true => self.whole,
        }
    }

    /// What its body was when it has ended after so many bytes of it: all, unless it ends with its connection.
    pub(super) fn said(&self, bytes: usize, closed: bool) -> &[u8] {
        assert!(if self.to_eof { closed } else { bytes >= self.whole }, "it has ended before its end: {self:?}");
        if self.to_eof { &self.text[self.head..bytes] } else { &self.body }
    }

    /// Whether what has been said of it can be refused.
    pub(super) fn is_refused(&self, said: usize) -> bool {
        self.lies && said > 0 || self.breaks && said > self.head
    }
}
