use std::sync::Arc;

use async_trait::async_trait;

use super::Faults;
use crate::{ErrorKind::File as KIND, FileStore, Opened, Result, Transfer};

/// A store of files whose calls fail as [`Faults`] say, and whose contents break.
#[derive(Debug)]
pub struct FaultyFiles<F: ?Sized> {
    inner: Arc<F>,
    faults: Faults,
}

impl<F: FileStore + ?Sized> FaultyFiles<F> {
    /// Lets the calls to a store fail.
    pub fn new(inner: Arc<F>, faults: &Faults) -> Self {
        Self { inner, faults: faults.clone() }
    }
}

#[async_trait]
impl<F: FileStore + ?Sized> FileStore for FaultyFiles<F> {
    async fn check(&self) -> Result<()> {
        self.faults.call(KIND, "check", self.inner.check()).await
    }

    async fn open(&self, transfer: &Transfer) -> Result<Opened> {
        Ok(match self.faults.call(KIND, "open file", self.inner.open(transfer)).await? {
            Opened::Content(content) => Opened::Content(self.faults.stream(KIND, "read file", content)),
            other => other,
        })
    }
}
