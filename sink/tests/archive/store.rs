//! A store in memory that holds a copy of a folder, takes its time, and measures what is read from it at once.

use std::{
    fmt,
    path::Path as Folder,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use jabber_archive_sink::{Archive, Durability};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};

use crate::snapshot::files;

#[derive(Debug, Default)]
pub(crate) struct Measured {
    inner: InMemory,
    pub(crate) items: Meter,
    /// Calls that listed something.
    pub(crate) lists: AtomicU64,
}

/// Reads of items.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) reads: AtomicU64,
    now: AtomicU64,
    bytes_now: AtomicU64,
    /// The most reads at once.
    pub(crate) most: AtomicU64,
    /// The most bytes at once.
    pub(crate) most_bytes: AtomicU64,
    /// The most bytes of more than one read at once.
    pub(crate) most_bytes_together: AtomicU64,
}

impl Measured {
    /// With a copy of what is in a folder.
    pub(crate) async fn of(folder: &Folder) -> Arc<Self> {
        let store = Self::default();
        for (path, content) in files(folder) {
            store.inner.put(&Path::parse(path).unwrap(), PutPayload::from(content)).await.unwrap();
        }
        Arc::new(store)
    }

    pub(crate) async fn add(&self, path: &str, content: &'static [u8]) {
        self.inner.put(&Path::parse(path).unwrap(), PutPayload::from_static(content)).await.unwrap();
    }

    pub(crate) async fn remove(&self, path: &str) {
        self.inner.delete(&Path::parse(path).unwrap()).await.unwrap();
    }

    pub(crate) fn archive(self: &Arc<Self>) -> Archive {
        Archive::new(self.clone(), Arc::new(Memory))
    }
}

/// Memory has no power cuts.
#[derive(Debug)]
struct Memory;

#[async_trait]
impl Durability for Memory {
    async fn settle(&self, _: Vec<Path>) -> jabber_archive_core::Result<()> {
        Ok(())
    }

    fn largest_item(&self) -> u64 {
        150 << 20
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("measured")
    }
}

#[async_trait]
impl ObjectStore for Measured {
    async fn put_opts(&self, path: &Path, content: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(path, content, options).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let read = self.inner.get_opts(path, options).await?;
        if path.as_ref().starts_with("items/") {
            let meter = &self.items;
            meter.reads.fetch_add(1, SeqCst);
            let now = meter.now.fetch_add(1, SeqCst) + 1;
            let bytes = meter.bytes_now.fetch_add(read.meta.size, SeqCst) + read.meta.size;
            meter.most.fetch_max(now, SeqCst);
            meter.most_bytes.fetch_max(bytes, SeqCst);
            if now > 1 {
                meter.most_bytes_together.fetch_max(bytes, SeqCst);
            }
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            meter.now.fetch_sub(1, SeqCst);
            meter.bytes_now.fetch_sub(read.meta.size, SeqCst);
        }
        Ok(read)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.lists.fetch_add(1, SeqCst);
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.lists.fetch_add(1, SeqCst);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
