use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use jabber_archive_core::{
    ByteStream, Capability, Error, ErrorClass, ErrorKind, ItemId, ItemKey, MailItem, ObjectKey, Result, Sink, Stored, Window,
};
use object_store::path::Path;

use crate::{archive::Archive, expected::Expected};

/// The mails of an [`Archive`].
#[derive(Debug, Clone)]
pub struct ObjectSink {
    archive: Archive,
    /// Confirmed, but perhaps not yet durable.
    unsettled: Arc<Mutex<BTreeSet<Path>>>,
}

impl ObjectSink {
    pub(crate) fn new(archive: Archive) -> Self {
        Self { archive, unsettled: Arc::default() }
    }

    fn unsettled<T>(&self, change: impl FnOnce(&mut BTreeSet<Path>) -> T) -> T {
        change(&mut self.unsettled.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is there already may be left from a run that was killed before it became durable, so it is settled too.
    fn confirm(&self, path: Path, stored: Stored) -> Stored {
        self.unsettled(|paths| paths.insert(path));
        stored
    }
}

#[async_trait]
impl Sink for ObjectSink {
    fn capability(&self) -> Capability {
        Capability::full(self.archive.durability().largest_item())
    }

    async fn put(&self, item: &MailItem) -> Result<Stored> {
        let bytes = item.content.len() as u64;
        if bytes > self.capability().largest_item {
            let what = format!("{bytes} bytes are more than the store takes at once");
            return Err(Error::new(ErrorKind::Sink, ErrorClass::Item, "put", what).about(&item.key).advise("lower `max_item_bytes`"));
        }
        let path = Path::from(item.key.path());
        let stored = self.archive.create(ErrorKind::Sink, &path, item.content.clone()).await?;
        Ok(self.confirm(path, stored))
    }

    async fn put_object(&self, key: &ObjectKey, content: ByteStream) -> Result<Stored> {
        let path = Path::from(key.path());
        let expected = Expected::of(ErrorKind::Sink, "put object", &path, *key.digest());
        let stored = self.archive.create_streamed(ErrorKind::Sink, &path, content, expected).await?;
        Ok(self.confirm(path, stored))
    }

    async fn commit(&self, _: &Window) -> Result<()> {
        let paths = self.unsettled(|paths| paths.clone());
        self.archive.durability().settle(paths.iter().cloned().collect()).await?;
        self.unsettled(|unsettled| unsettled.retain(|path| !paths.contains(path)));
        Ok(())
    }

    async fn read(&self, key: &ItemKey) -> Result<Bytes> {
        self.archive.read(ErrorKind::Sink, &Path::from(key.path())).await
    }

    fn list(&self, window: &Window) -> BoxStream<'static, Result<ItemKey>> {
        let (archive, window) = (self.archive.clone(), *window);
        // One page after another: a folder may hold a mail for every message of a day.
        archive
            .below(ErrorKind::Sink, &format!("items/{}", window.folder()))
            .try_filter_map(move |path| {
                let key = item_id(&path).map(|id| ItemKey::new(window, id)).filter(|key| key.path() == path.as_ref());
                std::future::ready(Ok(key))
            })
            .boxed()
    }
}

/// The id in a path such as `items/2026/11/21/<id>.eml`.
pub(crate) fn item_id(path: &Path) -> Option<ItemId> {
    path.filename()?.strip_suffix(".eml")?.parse().ok()
}
