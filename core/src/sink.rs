use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::{ItemKey, MailItem, ObjectKey, Result, Window};

/// Bytes that arrive piece by piece.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// Where mails are stored.
///
/// # Contract
///
/// - `put` is create-only: it never changes what is there, and says whether that is equal. Nothing is confirmed by a missing answer.
/// - After `commit` of a window, every item of it that `put` confirmed, and every object, survives a power cut.
/// - Calls may run at the same time, two for the same key too: exactly one answers [`Stored::Created`].
/// - A call whose future is dropped has either taken effect or not; calling again settles it.
#[async_trait]
pub trait Sink: fmt::Debug + Send + Sync {
    /// What the sink can do; asked before it is asked to do it.
    fn capability(&self) -> Capability;

    /// Stores a mail under its key.
    async fn put(&self, item: &MailItem) -> Result<Stored>;

    /// Stores a file under its digest. A content that does not have that digest is an error, and nothing is stored.
    async fn put_object(&self, key: &ObjectKey, content: ByteStream) -> Result<Stored>;

    /// Makes all puts of the window durable.
    async fn commit(&self, window: &Window) -> Result<()>;

    /// Reads a mail back.
    async fn read(&self, key: &ItemKey) -> Result<Bytes>;

    /// The keys of all items that lie in the window's folder, in any order, each once.
    fn list(&self, window: &Window) -> BoxStream<'static, Result<ItemKey>>;
}

const _: Option<&dyn Sink> = None;

/// What a sink can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capability {
    /// The largest mail that it takes, in bytes.
    pub largest_item: u64,
    /// Whether `put` never overwrites; the archiver refuses a sink without it.
    pub create_only: bool,
    /// Whether `read` works.
    pub readable: bool,
    /// Whether `list` works.
    pub listable: bool,
}

impl Capability {
    /// Everything, for items of up to `largest_item` bytes.
    pub fn full(largest_item: u64) -> Self {
        Self { largest_item, create_only: true, readable: true, listable: true }
    }
}

/// What came of storing something.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a caller decides each case")]
pub enum Stored {
    /// It was not there and is now.
    Created,
    /// It was there already, byte for byte.
    AlreadyPresent,
    /// Something else is there under the same key, and was left alone.
    Different,
}
