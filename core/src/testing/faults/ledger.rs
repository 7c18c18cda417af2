use std::sync::Arc;

use async_trait::async_trait;

use super::Faults;
use crate::{Appended, ArchiveFacts, ByteStream, Digest, Entry, ErrorKind::Ledger as KIND, KeptKind, Ledger, Link, Result};

/// A ledger whose calls fail as [`Faults`] say, and whose streams break.
#[derive(Debug)]
pub struct FaultyLedger<L: ?Sized> {
    inner: Arc<L>,
    faults: Faults,
}

impl<L: Ledger + ?Sized> FaultyLedger<L> {
    /// Lets the calls to a ledger fail.
    pub fn new(inner: Arc<L>, faults: &Faults) -> Self {
        Self { inner, faults: faults.clone() }
    }
}

#[async_trait]
impl<L: Ledger + ?Sized> Ledger for FaultyLedger<L> {
    async fn open(&self, facts: &ArchiveFacts) -> Result<Digest> {
        self.faults.call(KIND, "open", self.inner.open(facts)).await
    }

    async fn head(&self) -> Result<Option<Link>> {
        self.faults.call(KIND, "head", self.inner.head()).await
    }

    async fn entry(&self, number: u64) -> Result<Link> {
        self.faults.call(KIND, "entry", self.inner.entry(number)).await
    }

    async fn keep(&self, kind: KeptKind, content: ByteStream) -> Result<Digest> {
        self.faults.call(KIND, "keep", self.inner.keep(kind, content)).await
    }

    async fn keep_as(&self, kind: KeptKind, digest: &Digest, content: ByteStream) -> Result<()> {
        self.faults.call(KIND, "keep", self.inner.keep_as(kind, digest, content)).await
    }

    async fn load(&self, kind: KeptKind, digest: &Digest) -> Result<ByteStream> {
        let content = self.faults.call(KIND, "load", self.inner.load(kind, digest)).await?;
        Ok(self.faults.stream(KIND, "load", content))
    }

    async fn append(&self, entry: &Entry) -> Result<Appended> {
        self.faults.call(KIND, "append", self.inner.append(entry)).await
    }
}
