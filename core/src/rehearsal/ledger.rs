use std::{collections::VecDeque, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, lock::Mutex, stream};
use sha2::{Digest as _, Sha256};

use super::Count;
use crate::{
    Appended, ArchiveFacts, ByteStream, Digest, Entry, EntryRecord, Error, ErrorClass, ErrorKind, KeptKind, Ledger, Link, Result, Spool,
    SpoolWriter,
};

/// How many lists are held. A run asks for those of some windows back.
const LISTS: usize = 32;

/// A chain that goes on behind an archive's, for as long as the rehearsal lasts.
#[derive(Debug)]
pub(super) struct RehearsalLedger {
    archive: Option<Arc<dyn Ledger>>,
    spool: Option<Arc<dyn Spool>>,
    state: Mutex<State>,
    count: Count,
}

#[derive(Debug, Default)]
struct State {
    /// Those behind the archive's, in order.
    entries: Vec<Link>,
    lists: VecDeque<(Digest, List)>,
}

/// A list that is held.
enum List {
    Memory(Bytes),
    Spool(Box<dyn SpoolWriter>),
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "Memory",
            Self::Spool(_) => "Spool",
        })
    }
}

impl RehearsalLedger {
    pub(super) fn new(archive: Option<Arc<dyn Ledger>>, spool: Option<Arc<dyn Spool>>, count: Count) -> Self {
        Self { archive, spool, state: Mutex::default(), count }
    }
}

#[async_trait]
impl Ledger for RehearsalLedger {
    async fn open(&self, facts: &ArchiveFacts) -> Result<Digest> {
        match &self.archive {
            Some(archive) => archive.open(facts).await,
            None => Ok(Digest::of(&facts.to_bytes())),
        }
    }

    async fn head(&self) -> Result<Option<Link>> {
        if let Some(link) = self.state.lock().await.entries.last() {
            return Ok(Some(link.clone()));
        }
        match &self.archive {
            Some(archive) => archive.head().await,
            None => Ok(None),
        }
    }

    async fn entry(&self, number: u64) -> Result<Link> {
        let own = self.state.lock().await.entries.iter().rfind(|link| link.entry.number == number).cloned();
        match (own, &self.archive) {
            (Some(link), _) => Ok(link),
            (None, Some(archive)) => archive.entry(number).await,
            (None, None) => Err(missing("read entry", &Entry::path(number))),
        }
    }

    async fn keep(&self, kind: KeptKind, mut content: ByteStream) -> Result<Digest> {
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        let mut list = match &self.spool {
            Some(spool) if kind == KeptKind::List => Some(spool.create().await?),
            _ => None,
        };
        let mut held = Vec::new();
        while let Some(piece) = content.try_next().await? {
            hasher.update(&piece);
            bytes += piece.len() as u64;
            match &mut list {
                Some(place) => place.append(piece).await?,
                None if kind == KeptKind::List => held.extend_from_slice(&piece),
                None => {}
            }
        }
        let digest = Digest::from_bytes(hasher.finalize().into());
        if kind == KeptKind::List {
            let lists = &mut self.state.lock().await.lists;
            lists.push_back((digest, list.map_or_else(|| List::Memory(held.into()), List::Spool)));
            if lists.len() > LISTS {
                lists.pop_front();
            }
        }
        let mut count = self.count.lock();
        count.kept += 1;
        count.kept_bytes += bytes;
        Ok(digest)
    }

    async fn load(&self, kind: KeptKind, digest: &Digest) -> Result<ByteStream> {
        if kind == KeptKind::List
            && let Some((_, list)) = self.state.lock().await.lists.iter_mut().find(|(held, _)| held == digest)
        {
            return match list {
                List::Memory(content) => Ok(stream::iter([Ok(content.clone())]).boxed()),
                List::Spool(place) => place.read().await,
            };
        }
        match &self.archive {
            Some(archive) => archive.load(kind, digest).await,
            None => Err(missing("load", &kind.path(digest))),
        }
    }

    async fn append(&self, entry: &Entry) -> Result<Appended> {
        let link = Link::new(entry.clone());
        self.state.lock().await.entries.push(link);
        let mut count = self.count.lock();
        count.entries += 1;
        count.entry_bytes += entry.to_bytes().len() as u64;
        if let EntryRecord::Seal(seal) = &entry.record {
            count.windows += u64::from(seal.tables.values().any(|account| account.rows > 0));
        }
        Ok(Appended::Appended)
    }
}

fn missing(operation: &'static str, path: &str) -> Error {
    Error::new(ErrorKind::Ledger, ErrorClass::Fatal, operation, "a rehearsal does not hold it").about(path)
}
