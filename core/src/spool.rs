use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ByteStream, Result};

/// Space for what outgrows memory during a chunk.
///
/// # Contract
///
/// Nothing outlives the value that holds it: a file-backed spool is readable by its owner alone and gone when the process ends, however it ends.
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

    /// Ends writing and gives everything back from the start.
    async fn read(self: Box<Self>) -> Result<ByteStream>;
}

const _: Option<&dyn Spool> = None;
