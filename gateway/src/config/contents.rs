//! What is in a file of the operator's, if it is a file, and not without end.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// Most bytes of a file: some 300,000 keys. A device that never ends is no file, and one that grew by mistake is not worth the
/// memory.
pub const LARGEST: u64 = 32 << 20;

/// Reads a file whole. What it is made of, which may be a secret, is cleared when it is dropped.
///
/// # Errors
/// A file that cannot be read, that is none, or that is larger than [`LARGEST`].
pub fn contents(file: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    regular(file)?;
    let file = File::open(file)?;
    let expected = file.metadata()?.len().min(LARGEST);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(expected).unwrap_or_default() + 1));
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(too_large()) } else { Ok(bytes) }
}

/// Nothing that makes whoever opens it wait: a pipe does, until there is somebody at its other end.
///
/// # Errors
/// A directory, a pipe, a socket or a device, and what cannot be looked at.
pub fn regular(file: &Path) -> io::Result<()> {
    let kind = std::fs::metadata(file)?.file_type();
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "it is a pipe, a socket or a device; name a file"))
}

/// What is said of a file that does not end soon enough.
pub fn too_large() -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {} MiB", LARGEST >> 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    #[test]
    fn only_files_are_read_and_only_those_that_end() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        File::create(at("large")).unwrap().set_len(LARGEST + 1).unwrap();
        File::create(at("largest")).unwrap().set_len(LARGEST).unwrap();
        let read = |name: &str| contents(&at(name)).map(|bytes| bytes.len()).map_err(|error| error.to_string());
        assert_eq!((read("file"), read("link"), read("largest")), (Ok(4), Ok(4), Ok(LARGEST as usize)));
        let kinds = ["pipe", "zero"].map(|name| read(name).unwrap_err());
        assert!(kinds.iter().all(|why| why == "it is a pipe, a socket or a device; name a file"), "{kinds:?}");
        assert_eq!(read("large").unwrap_err(), "it is larger than 32 MiB");
        assert_eq!(contents(dir.path()).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(contents(&at("none")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
