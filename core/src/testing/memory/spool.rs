use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt};

use crate::{ByteStream, Result, Spool, SpoolWriter};

/// A spool that holds in memory what is to leave it; for tests of what spools.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct MemorySpool;

impl MemorySpool {
    /// A spool.
    pub fn new() -> Self {
        Self
    }
}

#[async_trait]
impl Spool for MemorySpool {
    async fn create(&self) -> Result<Box<dyn SpoolWriter>> {
        Ok(Box::new(Place(Vec::new())))
    }
}

#[derive(Debug)]
struct Place(Vec<Bytes>);

#[async_trait]
impl SpoolWriter for Place {
    async fn append(&mut self, content: Bytes) -> Result<()> {
        self.0.push(content);
        Ok(())
    }

    async fn read(&mut self) -> Result<ByteStream> {
        Ok(stream::iter(self.0.clone().into_iter().map(Ok)).boxed())
    }
}
