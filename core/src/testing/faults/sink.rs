use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::Faults;
use crate::{ByteStream, Capability, ErrorKind::Sink as KIND, ItemKey, MailItem, ObjectKey, Result, Sink, Stored, Window};

/// A sink whose calls fail as [`Faults`] say, and whose lists break.
#[derive(Debug)]
pub struct FaultySink<S: ?Sized> {
    inner: Arc<S>,
    faults: Faults,
}

impl<S: Sink + ?Sized> FaultySink<S> {
    /// Lets the calls to a sink fail.
    pub fn new(inner: Arc<S>, faults: &Faults) -> Self {
        Self { inner, faults: faults.clone() }
    }
}

#[async_trait]
impl<S: Sink + ?Sized> Sink for FaultySink<S> {
    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn put(&self, item: &MailItem) -> Result<Stored> {
        self.faults.call(KIND, "put", self.inner.put(item)).await
    }

    async fn put_object(&self, key: &ObjectKey, content: ByteStream) -> Result<Stored> {
        self.faults.call(KIND, "put object", self.inner.put_object(key, content)).await
    }

    async fn commit(&self, window: &Window) -> Result<()> {
        self.faults.call(KIND, "commit", self.inner.commit(window)).await
    }

    async fn read(&self, key: &ItemKey) -> Result<Bytes> {
        self.faults.call(KIND, "read", self.inner.read(key)).await
    }

    fn list(&self, window: &Window) -> BoxStream<'static, Result<ItemKey>> {
        self.faults.stream(KIND, "list", self.inner.list(window))
    }
}
