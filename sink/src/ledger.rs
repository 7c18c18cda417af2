use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use jabber_archive_core::{
    Appended, ArchiveFacts, ByteStream, Digest, Entry, Error, ErrorClass, ErrorKind, KeptKind, Ledger, Link, Result, Stored,
};
use object_store::path::Path;
use sha2::{Digest as _, Sha256};

use crate::{
    archive::{Archive, PIECE},
    expected::Expected,
};

/// The chain of entries of an [`Archive`], and what it refers to. Durable on return of every call.
#[derive(Debug, Clone)]
pub struct ObjectLedger {
    archive: Archive,
}

impl ObjectLedger {
    pub(crate) fn new(archive: Archive) -> Self {
        Self { archive }
    }

    /// The facts of the archive, if there is one, and the digest of their stored bytes.
    pub async fn facts(&self) -> Result<Option<(ArchiveFacts, Digest)>> {
        let Some(bytes) = self.archive.find(ErrorKind::Ledger, &facts_path()).await? else { return Ok(None) };
        let facts = serde_json::from_slice(&bytes).map_err(|error| {
            Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "open", "it is damaged")
                .about(facts_path())
                .advise("restore it from a copy: the chain's first entry names its digest")
                .because(error)
        })?;
        Ok(Some((facts, Digest::of(&bytes))))
    }

    /// The numbers of all entries, in order.
    pub async fn numbers(&self) -> Result<Vec<u64>> {
        let paths = self.archive.within(ErrorKind::Ledger, "ledger").await?;
        let mut numbers: Vec<u64> = paths.iter().filter_map(entry_number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    async fn create(&self, path: Path, content: Bytes) -> Result<Stored> {
        let stored = self.archive.create(ErrorKind::Ledger, &path, content).await?;
        self.archive.durability().settle(vec![path]).await?;
        Ok(stored)
    }
}

pub(crate) fn facts_path() -> Path {
    Path::from("archive.json")
}

/// The number in a path such as `ledger/00000042.json`.
pub(crate) fn entry_number(path: &Path) -> Option<u64> {
    let number = path.filename()?.strip_suffix(".json")?.parse().ok()?;
    (Entry::path(number) == path.as_ref()).then_some(number)
}

#[async_trait]
impl Ledger for ObjectLedger {
    async fn open(&self, facts: &ArchiveFacts) -> Result<Digest> {
        if self.facts().await?.is_none() {
            // The entries are listed first: another program may have created both since.
            if !self.numbers().await?.is_empty() && self.facts().await?.is_none() {
                return Err(Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "open", "it is missing although the chain has entries")
                    .about(facts_path())
                    .advise("restore it from a copy: the chain's first entry names its digest"));
            }
            // Another program may create it at the same time: whoever is second compares below.
            let _: Stored = self.create(facts_path(), facts.to_bytes().into()).await?;
        }
        let missing =
            || Error::new(ErrorKind::Ledger, ErrorClass::Transient, "open", "it is not there although it was created").about(facts_path());
        let (stored, digest) = self.facts().await?.ok_or_else(missing)?;
        facts.compare(&stored)?;
        Ok(digest)
    }

    async fn head(&self) -> Result<Option<Link>> {
        match self.numbers().await?.last() {
            Some(number) => self.entry(*number).await.map(Some),
            None => Ok(None),
        }
    }

    async fn entry(&self, number: u64) -> Result<Link> {
        let bytes = self.archive.read(ErrorKind::Ledger, &Path::from(Entry::path(number))).await?;
        Link::from_bytes(number, &bytes)
    }

    async fn keep(&self, kind: KeptKind, content: ByteStream) -> Result<Digest> {
        let pieces: Vec<Bytes> = content.try_collect().await?;
        let content = Bytes::from(pieces.concat());
        let digest = Digest::of(&content);
        let path = kind.path(&digest);
        match self.create(Path::from(path.as_str()), content).await? {
            Stored::Created | Stored::AlreadyPresent => Ok(digest),
            Stored::Different => Err(damaged("keep", &path)),
        }
    }

    async fn keep_as(&self, kind: KeptKind, digest: &Digest, content: ByteStream) -> Result<()> {
        let path = Path::from(kind.path(digest));
        let expected = Expected::of(ErrorKind::Ledger, "keep", &path, *digest);
        let stored = self.archive.create_streamed(ErrorKind::Ledger, &path, content, expected).await?;
        self.archive.durability().settle(vec![path.clone()]).await?;
        match stored {
            Stored::Created | Stored::AlreadyPresent => Ok(()),
            Stored::Different => Err(damaged("keep", path.as_ref())),
        }
    }

    async fn load(&self, kind: KeptKind, digest: &Digest) -> Result<ByteStream> {
        let path = kind.path(digest);
        let mut pieces = self.archive.pieces(ErrorKind::Ledger, &Path::from(path.as_str())).await?;
        let first = pieces.try_next().await?.unwrap_or_default();
        if (first.len() as u64) < PIECE {
            return if Digest::of(&first) == *digest { Ok(stream::iter([Ok(first)]).boxed()) } else { Err(damaged("load", &path)) };
        }
        // Longer content is known to be whole at its end.
        let pieces = stream::iter([Ok(first)]).chain(pieces);
        let (digest, hasher) = (*digest, Sha256::new());
        let checked = stream::try_unfold((pieces, Some(hasher)), move |(mut pieces, hasher)| {
            let path = path.clone();
            async move {
                let Some(mut hasher) = hasher else { return Ok(None) };
                match pieces.try_next().await? {
                    Some(piece) => {
                        hasher.update(&piece);
                        Ok(Some((piece, (pieces, Some(hasher)))))
                    }
                    None if Digest::from_bytes(hasher.finalize().into()) != digest => Err(damaged("load", &path)),
                    None => Ok(None),
                }
            }
        });
        Ok(checked.boxed())
    }

    async fn append(&self, entry: &Entry) -> Result<Appended> {
        match self.create(Path::from(Entry::path(entry.number)), entry.to_bytes()).await? {
            Stored::Created | Stored::AlreadyPresent => Ok(Appended::Appended),
            Stored::Different => Ok(Appended::Raced),
        }
    }
}

fn damaged(operation: &'static str, path: &str) -> Error {
    Error::new(ErrorKind::Ledger, ErrorClass::Fatal, operation, "its content does not have the digest in its name")
        .about(path)
        .advise("run `jabber-archive verify` to see what else is damaged, and restore it from a copy")
}
