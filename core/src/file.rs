use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{ByteStream, Digest, Result, Transfer};

/// A file that was sent with a message, as the message and the transfer log name it, and its content where it was read.
///
/// JSON says whether the content was read and not what it is: a mail carries it as an attachment of its own.
///
/// ```
/// use jabber_archive_core::{Digest, FileContent, FileRef};
///
/// let file = FileRef::named("figures.csv").with_content("a;b\n".into());
/// assert_eq!((file.size, file.digest), (Some(4), Some(Digest::of(b"a;b\n"))));
/// assert_eq!(FileRef::named("figures.csv").content(), FileContent::Unread);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "is_unread")]
    content: State,
    #[serde(skip)]
    bytes: Bytes,
}

/// What became of a file's content.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileContent<'a> {
    /// Nobody has looked for it, or nothing tells where it might be read.
    Unread,
    /// It is known not to be where the transfer log says.
    Missing,
    /// It was read.
    Read(&'a Bytes),
    /// It is in the store as `attachments/<digest>` ([`ObjectKey`](crate::ObjectKey)).
    Stored,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    #[default]
    Unread,
    Missing,
    Read,
    Stored,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it may skip by reference")]
fn is_unread(state: &State) -> bool {
    *state == State::Unread
}

impl FileRef {
    /// A file of which only the name is known.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { name, resource: None, path: None, size: None, digest: None, content: State::Unread, bytes: Bytes::new() }
    }

    /// The same with its content, which says what size and digest are.
    #[must_use]
    pub fn with_content(self, bytes: Bytes) -> Self {
        Self { size: Some(bytes.len() as u64), digest: Some(Digest::of(&bytes)), content: State::Read, bytes, ..self }
    }

    /// The same, known not to be where it should.
    #[must_use]
    pub fn missing(self) -> Self {
        Self { content: State::Missing, bytes: Bytes::new(), ..self }
    }

    /// The same, stored as an object of its own that has this size and digest.
    #[must_use]
    pub fn stored(self, size: u64, digest: Digest) -> Self {
        Self { size: Some(size), digest: Some(digest), content: State::Stored, bytes: Bytes::new(), ..self }
    }

    /// What became of its content.
    pub fn content(&self) -> FileContent<'_> {
        match self.content {
            State::Unread => FileContent::Unread,
            State::Missing => FileContent::Missing,
            State::Read => FileContent::Read(&self.bytes),
            State::Stored => FileContent::Stored,
        }
    }
}

impl fmt::Debug for FileRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileRef")
            .field("size", &self.size)
            .field("digest", &self.digest)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FileContent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread => f.write_str("Unread"),
            Self::Missing => f.write_str("Missing"),
            Self::Read(bytes) => write!(f, "Read({} bytes)", bytes.len()),
            Self::Stored => f.write_str("Stored"),
        }
    }
}

/// Where transferred files are read from.
///
/// # Contract
///
/// - Missing is not unreadable: [`Opened::Missing`] says that the file is known not to be there; whatever leaves that open is an error. A place that is itself not
///   there, as a mount that is gone, leaves it open for all its files.
/// - What the transfer log says is data: only regular files below configured roots are opened, by a path that is written as it is resolved, and no link is followed,
///   at whatever level. Anything else is [`Opened::Refused`].
/// - A content ends where the file does. One that breaks off, or changes while it is read, ends with an error.
/// - Errors are classed where they arise: what may pass is [`Transient`](crate::ErrorClass::Transient), a file that is there and may not be read
///   [`Item`](crate::ErrorClass::Item), a server that is not the one it should be [`Fatal`](crate::ErrorClass::Fatal).
#[async_trait]
pub trait FileStore: fmt::Debug + Send + Sync {
    /// Whether files can be read at all. Tells a store that is gone from one file that cannot be read.
    async fn check(&self) -> Result<()>;

    /// Opens the file of an upload for reading from its start.
    async fn open(&self, transfer: &Transfer) -> Result<Opened>;
}

const _: Option<&dyn FileStore> = None;

/// What came of opening a file.
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a caller decides each case")]
pub enum Opened {
    /// It is there: this is what it holds.
    Content(ByteStream),
    /// It is known not to be there.
    Missing,
    /// It is nothing that the store opens, whether or not it is there.
    Refused,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Content(_) => "Content",
            Self::Missing => "Missing",
            Self::Refused => "Refused",
        })
    }
}
