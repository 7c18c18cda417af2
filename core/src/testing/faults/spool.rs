use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::Faults;
use crate::{ByteStream, ErrorKind::Spool as KIND, Result, Spool, SpoolWriter};

/// A spool whose calls fail as [`Faults`] say, and whose streams break.
#[derive(Debug)]
pub struct FaultySpool<S: ?Sized> {
    inner: Arc<S>,
    faults: Faults,
}

impl<S: Spool + ?Sized> FaultySpool<S> {
    /// Lets the calls to a spool fail.
    pub fn new(inner: Arc<S>, faults: &Faults) -> Self {
        Self { inner, faults: faults.clone() }
    }
}

#[async_trait]
impl<S: Spool + ?Sized> Spool for FaultySpool<S> {
    async fn create(&self) -> Result<Box<dyn SpoolWriter>> {
        let inner = self.faults.call(KIND, "create", self.inner.create()).await?;
        Ok(Box::new(Place { inner, faults: self.faults.clone() }))
    }
}

#[derive(Debug)]
struct Place {
    inner: Box<dyn SpoolWriter>,
    faults: Faults,
}

#[async_trait]
impl SpoolWriter for Place {
    async fn append(&mut self, content: Bytes) -> Result<()> {
        self.faults.call(KIND, "append to spool", self.inner.append(content)).await
    }

    async fn read(&mut self) -> Result<ByteStream> {
        let content = self.faults.call(KIND, "read spool", self.inner.read()).await?;
        Ok(self.faults.stream(KIND, "read spool", content))
    }
}
