//! What may stand behind a backslash.

use super::Walk;
use crate::mcp::flaw::Flaw;
use crate::mcp::text;

impl Walk<'_> {
    /// Reads one escape sequence, or a pair of them that makes one character.
    #[cold]
    pub(super) fn escape(&mut self) -> Result<(), Flaw> {
        let at = self.at();
        let kind = self.text.as_bytes().get(self.at + 1).copied();
        self.at += 2;
        match kind {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => return Ok(()),
            Some(b'u') => {}
            Some(_) => return Err(Flaw::Escape { at }),
            None => return Err(Flaw::Truncated { at: at + 1 }),
        }
        match self.unit(at)? {
            0xd800..=0xdbff => {
                let low = self.at();
                if !self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
                    return Err(Flaw::Surrogate { at });
                }
                self.at += 2;
                if (0xdc00..=0xdfff).contains(&self.unit(low)?) { Ok(()) } else { Err(Flaw::Surrogate { at }) }
            }
            0xdc00..=0xdfff => Err(Flaw::Surrogate { at }),
            _ => Ok(()),
        }
    }

    /// Reads the four digits of the escape sequence that starts at `escape`.
    fn unit(&mut self, escape: u32) -> Result<u16, Flaw> {
        let unit = self.text.get(self.at..).and_then(text::hex4).ok_or(Flaw::Escape { at: escape })?;
        self.at += 4;
        Ok(unit)
    }
}
