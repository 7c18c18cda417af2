//! Files on a server that is reached over SSH.

mod config;
mod connection;
mod content;
mod host_key;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures::future::{join, join_all};
use jabber_archive_core::{Error, ErrorClass, FileStore, Opened, Result, Transfer};
use russh_sftp::{
    client::error::Error as SftpError,
    protocol::{FileAttributes, FileType, OpenFlags, StatusCode},
};
use tokio::sync::Mutex;

pub use self::{
    config::{SftpConfig, SignIn},
    host_key::HostKey,
};
use self::{
    connection::Connection,
    content::{Handle, content},
};
use crate::{
    fault::{changed, denied, unreadable, without_sentinel},
    root::{Root, locate},
};

/// Files on a server that is reached by SFTP (version 3, as OpenSSH has it). Needs a tokio runtime.
///
/// One connection is made when it is first needed, used by all, and made anew when it breaks.
///
/// SFTP has no way to open a file without following links. So every name below the root is looked at before the file is opened and again afterwards, when its
/// content has not been read yet: whoever can change folders of the store at exactly the right moments, twice, could lead a reading elsewhere. [`Folder`](crate::Folder)
/// over a mount leaves no such moment.
///
/// ```no_run
/// use jabber_archive_core::FileStore;
/// use jabber_archive_files::{HostKey, Root, Sftp, SftpConfig, SignIn};
///
/// # async fn check() -> jabber_archive_core::Result<()> {
/// let key = SignIn::Key { file: "id_ed25519".into(), passphrase: None };
/// let host_key = HostKey::Fingerprint("SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og".to_owned());
/// let config = SftpConfig::new("files1.example.com", "jabber-archive", key, host_key, [Root::new("/opt/mftFileStore", "/opt/mftFileStore")?]);
/// Sftp::new(config)?.check().await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Sftp {
    config: Arc<SftpConfig>,
    connection: Arc<Mutex<Option<Arc<Connection>>>>,
}

/// The server and the places that are read.
impl fmt::Display for Sftp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.config)
    }
}

impl Sftp {
    /// The store on this server; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// If the settings cannot be meant.
    pub fn new(config: SftpConfig) -> Result<Self> {
        config.check()?;
        Ok(Self { config: Arc::new(config), connection: Arc::default() })
    }

    /// The connection that there is, or a new one.
    async fn connection(&self) -> Result<Arc<Connection>> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = held.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(connection.clone());
        }
        *held = None;
        let connection = Arc::new(Connection::open(&self.config).await?);
        *held = Some(connection.clone());
        Ok(connection)
    }

    /// Whether a root is the one that it should be.
    async fn enter(&self, connection: &Connection, root: &Root) -> Result<()> {
        let sentinel = joined(root.place(), [self.config.sentinel.as_str()]);
        match connection.sftp.lstat(sentinel).await {
            Ok(found) if found.attrs.file_type() == FileType::File => Ok(()),
            Ok(_) => Err(without_sentinel(root.place(), &self.config.sentinel)),
            Err(error) => match status(&error) {
                Some(StatusCode::NoSuchFile) => Err(without_sentinel(root.place(), &self.config.sentinel)),
                Some(StatusCode::PermissionDenied) => Err(unreadable(ErrorClass::Fatal, "the folder may not be read")
                    .about(root.place())
                    .advise(format!("let `{}` read it", self.config.user))),
                _ => Err(connection.failed(&error).about(root.place())),
            },
        }
    }

    /// What lies at a path, told without following a link at any level.
    async fn look(&self, connection: &Connection, root: &Root, names: &[&str]) -> Result<Seen> {
        let paths = (1..=names.len()).map(|depth| joined(root.place(), names[..depth].iter().copied()));
        let looked = join_all(paths.map(|path| connection.sftp.lstat(path))).await;
        let last = names.len().saturating_sub(1);
        for (depth, found) in looked.into_iter().enumerate() {
            match found {
                Ok(found) => match found.attrs.file_type() {
                    FileType::Dir if depth < last => {}
                    FileType::File if depth == last => return Ok(Seen::File),
                    _ => return Ok(Seen::Refused),
                },
                Err(error) => {
                    return match status(&error) {
                        Some(StatusCode::NoSuchFile) => Ok(Seen::Missing),
                        Some(StatusCode::PermissionDenied) => Err(denied()),
                        _ => Err(connection.failed(&error)),
                    };
                }
            }
        }
        Ok(Seen::Refused)
    }

    async fn open_on(&self, connection: &Arc<Connection>, root: &Root, names: &[&str]) -> Result<Opened> {
        let (entered, seen) = join(self.enter(connection, root), self.look(connection, root, names)).await;
        entered?;
        match seen? {
            Seen::File => {}
            Seen::Missing => return Ok(Opened::Missing),
            Seen::Refused => return Ok(Opened::Refused),
        }
        let path = joined(root.place(), names.iter().copied());
        let handle = match connection.sftp.open(path, OpenFlags::READ, FileAttributes::empty()).await {
            Ok(opened) => Handle::new(connection.clone(), opened.handle),
            Err(error) => {
                return match status(&error) {
                    // It was there a moment ago.
                    Some(StatusCode::NoSuchFile) => Err(changed()),
                    Some(StatusCode::PermissionDenied) => Err(denied()),
                    _ => Err(connection.failed(&error)),
                };
            }
        };
        let (opened, again) = join(connection.sftp.fstat(handle.name()), self.look(connection, root, names)).await;
        let opened = opened.map_err(|error| connection.failed(&error))?.attrs;
        match again? {
            Seen::File if opened.file_type() == FileType::File => Ok(Opened::Content(content(handle, opened.size.unwrap_or_default()))),
            _ => Err(changed()),
        }
    }
}

/// What lies at a path.
enum Seen {
    File,
    Missing,
    /// A link, a folder, or anything else that is no file, there or on the way.
    Refused,
}

#[async_trait]
impl FileStore for Sftp {
    async fn check(&self) -> Result<()> {
        let connection = self.connection().await?;
        for root in &self.config.roots {
            self.enter(&connection, root).await?;
        }
        Ok(())
    }

    async fn open(&self, transfer: &Transfer) -> Result<Opened> {
        let Some((root, names)) = locate(&self.config.roots, transfer) else { return Ok(Opened::Refused) };
        let connection = self.connection().await?;
        match self.open_on(&connection, root, &names).await {
            Ok(Opened::Content(content)) => {
                use futures::StreamExt;
                let transfer = transfer.clone();
                Ok(Opened::Content(content.map(move |piece| piece.map_err(|error| named(error, &transfer))).boxed()))
            }
            opened => opened.map_err(|error| named(error, transfer)),
        }
    }
}

/// Says which file it was, unless it was the root or the server.
fn named(error: Error, transfer: &Transfer) -> Error {
    if error.subject().is_some() { error } else { error.about(transfer) }
}

fn joined<'a>(place: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let mut path = place.trim_end_matches('/').to_owned();
    for name in names {
        path.push('/');
        path.push_str(name);
    }
    path
}

/// The code that the server answers with, where it does.
fn status(error: &SftpError) -> Option<StatusCode> {
    match error {
        SftpError::Status(status) => Some(status.status_code),
        _ => None,
    }
}
