use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use sha2::{Digest as _, Sha256};

use super::Count;
use crate::{ByteStream, Capability, Digest, Error, ErrorClass, ErrorKind, ItemKey, MailItem, ObjectKey, Result, Sink, Stored, Window};

/// Takes everything, and keeps nothing of it.
#[derive(Debug)]
pub(super) struct RehearsalSink {
    archive: Option<Arc<dyn Sink>>,
    count: Count,
}

impl RehearsalSink {
    pub(super) fn new(archive: Option<Arc<dyn Sink>>, count: Count) -> Self {
        Self { archive, count }
    }
}

#[async_trait]
impl Sink for RehearsalSink {
    fn capability(&self) -> Capability {
        self.archive.as_ref().map_or(Capability { readable: false, ..Capability::full(u64::MAX) }, |archive| archive.capability())
    }

    async fn put(&self, item: &MailItem) -> Result<Stored> {
        let bytes = item.content.len() as u64;
        if bytes > self.capability().largest_item {
            let what = format!("{bytes} bytes are more than the store takes at once");
            return Err(Error::new(ErrorKind::Sink, ErrorClass::Item, "put", what).about(&item.key).advise("lower `max_item_bytes`"));
        }
        self.count.lock().add(item);
        Ok(Stored::Created)
    }

    async fn put_object(&self, key: &ObjectKey, mut content: ByteStream) -> Result<Stored> {
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        while let Some(piece) = content.try_next().await? {
            hasher.update(&piece);
            bytes += piece.len() as u64;
        }
        if Digest::from_bytes(hasher.finalize().into()) != *key.digest() {
            return Err(Error::new(ErrorKind::Sink, ErrorClass::Fatal, "put object", "the content does not have this digest").about(key));
        }
        let mut count = self.count.lock();
        if !count.known.insert(*key) {
            return Ok(Stored::AlreadyPresent);
        }
        count.objects += 1;
        count.object_bytes += bytes;
        Ok(Stored::Created)
    }

    async fn commit(&self, _: &Window) -> Result<()> {
        Ok(())
    }

    async fn read(&self, key: &ItemKey) -> Result<Bytes> {
        match &self.archive {
            Some(archive) => archive.read(key).await,
            None => Err(Error::new(ErrorKind::Sink, ErrorClass::Fatal, "read", "a rehearsal keeps nothing").about(key)),
        }
    }

    fn list(&self, window: &Window) -> BoxStream<'static, Result<ItemKey>> {
        self.count.lock().listings += 1;
        self.archive.as_ref().map_or_else(|| stream::empty().boxed(), |archive| archive.list(window))
    }
}
