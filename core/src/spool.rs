use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ByteStream, Result};

/// Space for what outgrows memory: the rows of a chunk, and the list of a window.
///
/// # Contract
///
/// - Nothing outlives the value that holds it: a file-backed spool is readable by its owner alone and gone when the process ends, however it ends.
/// - Places know nothing of each other, and some hundred may be open at the same time.
/// - What was appended is given back exactly, or there is an error. After an error of `append` nobody reads the place: it may hold a part of what was appended.
#[async_trait]
pub trait Spool: fmt::Debug + Send + Sync {
    /// A new, empty place.
    async fn create(&self) -> Result<Box<dyn SpoolWriter>>;
}

/// A place that is being written.
#[async_trait]
pub trait SpoolWriter: fmt::Debug + Send {
    /// Adds bytes at the end.
    async fn append(&mut self, content: Bytes) -> Result<()>;

    /// Gives back everything that was appended so far, from the start and as often as asked. The stream outlives the writer.
    async fn read(&mut self) -> Result<ByteStream>;
}

const _: Option<&dyn Spool> = None;
