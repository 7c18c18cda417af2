use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{ByteStream, Digest, Result};

/// A file that was sent with a message, as the message and the transfer log name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileRef {
    /// The name that the sender gave it.
    pub name: String,
    /// The name in the URL, by which the transfer log knows it.
    pub resource: Option<String>,
    /// Where the transfer log says that it lies; data, not a promise.
    pub path: Option<String>,
    /// Its size in bytes, where known.
    pub size: Option<u64>,
    /// The digest of its content, where it was read.
    pub digest: Option<Digest>,
}

impl FileRef {
    /// A file of which only the name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), resource: None, path: None, size: None, digest: None }
    }
}

/// Where transferred files are read from.
///
/// # Contract
///
/// Missing is not unreadable: `Ok(None)` says that the file is known not to be there; whatever leaves that open is an error.
/// Only files below configured roots are opened, and no links are followed.
#[async_trait]
pub trait FileStore: fmt::Debug + Send + Sync {
    /// Opens a file for reading from its start.
    async fn open(&self, file: &FileRef) -> Result<Option<ByteStream>>;
}

const _: Option<&dyn FileStore> = None;
