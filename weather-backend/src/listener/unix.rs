//! A Unix socket and its file.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    net::{UnixListener, UnixStream},
    time::timeout,
};

use super::{Address, BindError};

/// Owner and group may connect: the group is how a gateway under another user gets in.
const MODE: u32 = 0o660;

/// The file of a socket that we bound. It is removed when this is dropped, unless another has taken its place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

pub(super) async fn bind(address: &Address, path: &Path) -> Result<(UnixListener, SocketFile), BindError> {
    let failed = |error| BindError::new(address, error);
    make_way(address, path).await?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(path).map_err(failed)? };
    // Until here only the umask counts, which is narrower for all but the most careless.
    fs::set_permissions(path, fs::Permissions::from_mode(MODE)).map_err(failed)?;
    Ok((listener, file))
}

/// Removes what an earlier process left behind: only a socket, and only one that nobody answers on.
async fn make_way(address: &Address, path: &Path) -> Result<(), BindError> {
    let failed = |error| BindError::new(address, error);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(there) if !there.file_type().is_socket() => {
            return Err(BindError::NotASocket { address: address.clone() });
        }
        Ok(_) => {}
    }
    match timeout(Duration::from_secs(1), UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => Err(failed(error)),
        // It answers, or it is too busy to.
        Ok(_) | Err(_) => Err(BindError::Taken { address: address.clone() }),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Listener, *};

    fn address(path: &Path) -> Address {
        Address::Unix(path.to_owned())
    }

    #[tokio::test]
    async fn the_file_has_mode_0660_and_goes_with_the_listener() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = Listener::bind(&address(&path)).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!(listener.address().unwrap(), address(&path));
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_that_nobody_answers_on_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        Listener::bind(&address(&path)).await.unwrap();
    }

    #[tokio::test]
    async fn a_socket_that_somebody_answers_on_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let _first = Listener::bind(&address(&path)).await.unwrap();
        let said = Listener::bind(&address(&path)).await.unwrap_err();
        assert!(matches!(said, BindError::Taken { .. }), "{said}");
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        fs::write(&path, "precious").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for path in [&path, &link] {
            let said = Listener::bind(&address(path)).await.unwrap_err();
            assert!(matches!(said, BindError::NotASocket { .. }), "{said}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_file_that_took_our_socket_s_place_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = Listener::bind(&address(&path)).await.unwrap();
        // Moved aside, not removed, so that its inode is not given to the new file.
        fs::rename(&path, dir.path().join("old")).unwrap();
        fs::write(&path, "new").unwrap();
        drop(listener);
        assert!(path.exists());
    }
}
