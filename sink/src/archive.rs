use std::{
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use jabber_archive_core::{ByteStream, Error, ErrorClass, ErrorKind, Result, Stored, Timestamp};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, WriteMultipart, path::Path};

use crate::{ObjectLedger, ObjectSink, Swept, fault};

/// How many parts of one upload wait to be sent while more arrive.
const PARTS: usize = 4;

/// How much of an object of any length is read at once, in bytes.
pub(crate) const PIECE: u64 = 8 << 20;

/// An archive in an object store: the mails, and the ledger that proves them.
///
/// Nothing in it is ever changed: every object is created once, and compared where it is there already.
#[derive(Debug, Clone)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    /// The same store; what it creates is on stable storage before it appears under its path.
    ordered: Arc<dyn ObjectStore>,
    durability: Arc<dyn Durability>,
}

/// What a store does beyond [`ObjectStore`]: before its objects survive a power cut, and after a program was killed.
///
/// # Contract
///
/// After `settle` of some paths returns, their objects, and the folders that lead to them, are on stable storage. Paths may be named that were settled before.
#[async_trait]
pub trait Durability: fmt::Debug + Send + Sync {
    /// Makes these objects durable.
    async fn settle(&self, paths: Vec<Path>) -> Result<()>;

    /// The largest object that one put takes, in bytes.
    fn largest_item(&self) -> u64;

    /// Removes what killed writes have left, if it was not written to since then; see [`Archive::sweep`]. There is nothing to be removed where a store does so by itself.
    async fn sweep(&self, before: Timestamp) -> Result<Swept> {
        let _ = before;
        Ok(Swept::default())
    }

    /// Whether completing a multipart upload never replaces what is there. Where it may, an upload goes elsewhere first and is copied from there.
    fn creates_streams(&self) -> bool {
        false
    }
}

impl Archive {
    /// The archive in a store; outside stores bring their own [`Durability`].
    pub fn new(store: Arc<dyn ObjectStore>, durability: Arc<dyn Durability>) -> Self {
        Self { ordered: store.clone(), store, durability }
    }

    /// With a view of the same store that syncs an object before it appears under its path.
    #[cfg(feature = "file")]
    pub(crate) fn with_ordered(self, ordered: Arc<dyn ObjectStore>) -> Self {
        Self { ordered, ..self }
    }

    /// Where its mails are put.
    pub fn sink(&self) -> ObjectSink {
        ObjectSink::new(self.clone())
    }

    /// Its chain of entries.
    pub fn ledger(&self) -> ObjectLedger {
        ObjectLedger::new(self.clone())
    }

    pub(crate) fn durability(&self) -> &dyn Durability {
        &*self.durability
    }

    /// Creates an object, or compares with the one that is there.
    pub(crate) async fn create(&self, kind: ErrorKind, path: &Path, content: Bytes) -> Result<Stored> {
        let options = PutOptions::from(PutMode::Create);
        // A power cut must not leave half an entry under its number, or half a list under its digest: no run would get past it.
        // A mail may be half: it is compared, differs, and is put under the next edition.
        let store = if kind == ErrorKind::Ledger { &self.ordered } else { &self.store };
        match store.put_opts(path, PutPayload::from(content.clone()), options).await {
            Ok(_) => Ok(Stored::Created),
            Err(object_store::Error::AlreadyExists { .. }) => {
                let there = self.read(kind, path).await?;
                Ok(if there == content { Stored::AlreadyPresent } else { Stored::Different })
            }
            Err(error) => Err(fault::classify(kind, "put", path, error)),
        }
    }

    /// Creates an object of unknown length from a stream; `accept` sees the whole of it before it appears under its path.
    pub(crate) async fn create_streamed(&self, kind: ErrorKind, path: &Path, content: ByteStream, accept: impl Accept) -> Result<Stored> {
        if self.durability.creates_streams() {
            return self.create_in_place(kind, path, content, accept).await;
        }
        let failed = |error| fault::classify(kind, "put", path, error);
        let incoming = Path::from(format!("incoming/{}-{:016x}", path.filename().unwrap_or_default(), unique()));
        let Uploaded::Whole = self.upload(kind, &incoming, content, accept.clone()).await? else {
            return Err(Error::new(kind, ErrorClass::Transient, "put", "its place is taken by another upload").about(incoming));
        };
        self.durability.settle(vec![incoming.clone()]).await?;
        let stored = match self.store.copy_if_not_exists(&incoming, path).await {
            Ok(()) => Stored::Created,
            Err(object_store::Error::AlreadyExists { .. }) => self.compare_streamed(kind, path, accept).await?,
            Err(error) => return Err(failed(error)),
        };
        self.store.delete(&incoming).await.map_err(failed)?;
        Ok(stored)
    }

    /// Where an upload replaces nothing, it goes where it belongs; by a single put if it is short, for which a right to create is enough.
    async fn create_in_place(&self, kind: ErrorKind, path: &Path, mut content: ByteStream, accept: impl Accept) -> Result<Stored> {
        let mut begun = BytesMut::new();
        while begun.len() as u64 <= PIECE {
            let Some(piece) = content.try_next().await? else {
                let whole = begun.freeze();
                let mut arriving = accept;
                arriving.piece(&whole);
                arriving.whole()?;
                return self.create(kind, path, whole).await;
            };
            begun.extend_from_slice(&piece);
        }
        let content = stream::iter([Ok(begun.freeze())]).chain(content).boxed();
        match self.upload(kind, path, content, accept.clone()).await? {
            Uploaded::Whole => Ok(Stored::Created),
            Uploaded::Taken => self.compare_streamed(kind, path, accept).await,
        }
    }

    /// Uploads a stream in parts, of which a few are under way at once.
    async fn upload(&self, kind: ErrorKind, path: &Path, mut content: ByteStream, mut arriving: impl Accept) -> Result<Uploaded> {
        let failed = |error| fault::classify(kind, "put", path, error);
        // What is there already is not sent, but looked at all the same: whether it is what its name says is for the caller to know.
        let mut taken = match self.store.head(path).await {
            Ok(_) => true,
            Err(object_store::Error::NotFound { .. }) => false,
            Err(error) => return Err(failed(error)),
        };
        let mut upload = WriteMultipart::new(self.store.put_multipart(path).await.map_err(failed)?);
        loop {
            let piece = match content.next().await {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => {
                    upload.abort().await.map_err(failed)?;
                    return Err(error);
                }
                None => break,
            };
            arriving.piece(&piece);
            if taken {
                continue;
            }
            match upload.wait_for_capacity(PARTS).await {
                Ok(()) => upload.put(piece),
                Err(object_store::Error::AlreadyExists { .. }) => taken = true,
                Err(error) => return Err(failed(error)),
            }
        }
        if let Err(error) = arriving.whole() {
            upload.abort().await.map_err(failed)?;
            return Err(error);
        }
        if taken {
            return Ok(Uploaded::Taken);
        }
        match upload.finish().await {
            Ok(_) => Ok(Uploaded::Whole),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Uploaded::Taken),
            Err(error) => Err(failed(error)),
        }
    }

    async fn compare_streamed(&self, kind: ErrorKind, path: &Path, mut accept: impl Accept) -> Result<Stored> {
        let mut there = self.pieces(kind, path).await?;
        while let Some(piece) = there.try_next().await? {
            accept.piece(&piece);
        }
        Ok(if accept.whole().is_ok() { Stored::AlreadyPresent } else { Stored::Different })
    }

    /// An object of any length, piece by piece.
    pub(crate) async fn pieces(&self, kind: ErrorKind, path: &Path) -> Result<ByteStream> {
        let object = self.store.head(path).await.map_err(|error| fault::classify(kind, "read", path, error))?;
        let ranges = (0..object.size).step_by(PIECE as usize).map(move |start| start..object.size.min(start + PIECE));
        let (store, path) = (self.store.clone(), path.clone());
        let pieces = stream::iter(ranges).then(move |range| {
            let (store, path) = (store.clone(), path.clone());
            async move { store.get_range(&path, range).await.map_err(|error| fault::classify(kind, "read", &path, error)) }
        });
        Ok(pieces.boxed())
    }

    /// The whole of an object.
    pub(crate) async fn read(&self, kind: ErrorKind, path: &Path) -> Result<Bytes> {
        let failed = |error| fault::classify(kind, "read", path, error);
        self.store.get(path).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    /// The whole of an object, if it is there.
    pub(crate) async fn find(&self, kind: ErrorKind, path: &Path) -> Result<Option<Bytes>> {
        match self.store.get(path).await {
            Ok(object) => object.bytes().await.map(Some).map_err(|error| fault::classify(kind, "read", path, error)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault::classify(kind, "read", path, error)),
        }
    }

    /// Whether there is an object.
    pub(crate) async fn exists(&self, kind: ErrorKind, path: &Path) -> Result<bool> {
        match self.store.head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(fault::classify(kind, "read", path, error)),
        }
    }

    /// The paths of all objects below a folder.
    pub(crate) fn below(&self, kind: ErrorKind, folder: &str) -> BoxStream<'static, Result<Path>> {
        let folder = Path::from(folder);
        let listed = self.store.list(Some(&folder));
        listed.map_ok(|object| object.location).map_err(move |error| fault::classify(kind, "list", &folder, error)).boxed()
    }

    /// The paths of the objects that lie directly in a folder.
    pub(crate) async fn within(&self, kind: ErrorKind, folder: &str) -> Result<Vec<Path>> {
        let folder = Path::from(folder);
        let listed = self.store.list_with_delimiter(Some(&folder)).await.map_err(|error| fault::classify(kind, "list", &folder, error))?;
        Ok(listed.objects.into_iter().map(|object| object.location).collect())
    }
}

/// What came of an upload.
#[derive(Debug)]
enum Uploaded {
    Whole,
    /// Something is there already, and was left alone.
    Taken,
}

/// Looks at content that streams by.
pub(crate) trait Accept: Clone + Send {
    /// Another piece.
    fn piece(&mut self, piece: &[u8]);

    /// Whether the whole of it is right.
    fn whole(self) -> Result<()>;
}

/// A number that no other call gives, in this process or another: process ids are equal in containers.
pub(crate) fn unique() -> u64 {
    RandomState::new().build_hasher().finish()
}
