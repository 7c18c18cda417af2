use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt};

use super::sink::Concatenate;
use crate::{Appended, ArchiveFacts, ByteStream, Digest, Entry, Error, ErrorClass, ErrorKind, KeptKind, Ledger, Link, Result};

/// A ledger in memory; everything in it counts as durable at once.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    facts: Option<ArchiveFacts>,
    entries: BTreeMap<u64, Bytes>,
    kept: BTreeMap<(KeptKind, Digest), Bytes>,
}

impl MemoryLedger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// The stored bytes of all entries, by number.
    pub fn entries(&self) -> BTreeMap<u64, Bytes> {
        self.state().entries.clone()
    }

    /// Everything kept of one kind.
    pub fn kept(&self, kind: KeptKind) -> BTreeMap<Digest, Bytes> {
        let state = self.state();
        state.kept.iter().filter(|((kept, _), _)| *kept == kind).map(|((_, digest), content)| (*digest, content.clone())).collect()
    }

    /// Replaces what is stored under a path such as `ledger/00000001.json`, as a damaged disk would.
    pub fn alter(&self, path: &str, content: &Bytes) {
        let mut state = self.state();
        for (number, bytes) in &mut state.entries {
            if Entry::path(*number) == path {
                bytes.clone_from(content);
            }
        }
        for ((kind, digest), bytes) in &mut state.kept {
            if kind.path(digest) == path {
                bytes.clone_from(content);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn open(&self, facts: &ArchiveFacts) -> Result<Digest> {
        let mut state = self.state();
        let stored = state.facts.get_or_insert_with(|| facts.clone());
        facts.compare(stored)?;
        Ok(Digest::of(&stored.to_bytes()))
    }

    async fn head(&self) -> Result<Option<Link>> {
        self.state().entries.last_key_value().map(|(number, bytes)| Link::from_bytes(*number, bytes)).transpose()
    }

    async fn entry(&self, number: u64) -> Result<Link> {
        match self.state().entries.get(&number) {
            Some(bytes) => Link::from_bytes(number, bytes),
            None => Err(missing("read entry", &Entry::path(number))),
        }
    }

    async fn keep(&self, kind: KeptKind, content: ByteStream) -> Result<Digest> {
        let content = content.try_concat_bytes().await?;
        let digest = Digest::of(&content);
        if *self.state().kept.entry((kind, digest)).or_insert_with(|| content.clone()) == content {
            Ok(digest)
        } else {
            Err(damaged("keep", &kind.path(&digest)))
        }
    }

    async fn load(&self, kind: KeptKind, digest: &Digest) -> Result<ByteStream> {
        let content = self.state().kept.get(&(kind, *digest)).cloned().ok_or_else(|| missing("load", &kind.path(digest)))?;
        if Digest::of(&content) != *digest {
            return Err(damaged("load", &kind.path(digest)));
        }
        Ok(stream::iter([Ok(content)]).boxed())
    }

    async fn append(&self, entry: &Entry) -> Result<Appended> {
        let mut state = self.state();
        let bytes = entry.to_bytes();
        let last = state.entries.last_key_value().map_or(0, |(number, _)| *number);
        match state.entries.get(&entry.number) {
            Some(there) if *there == bytes => Ok(Appended::Appended),
            Some(_) => Ok(Appended::Raced),
            None if entry.number != last + 1 => Err(missing("append", &Entry::path(entry.number - 1))),
            None => {
                state.entries.insert(entry.number, bytes);
                Ok(Appended::Appended)
            }
        }
    }
}

fn missing(operation: &'static str, path: &str) -> Error {
    Error::new(ErrorKind::Ledger, ErrorClass::Fatal, operation, "it is not there").about(path)
}

fn damaged(operation: &'static str, path: &str) -> Error {
    Error::new(ErrorKind::Ledger, ErrorClass::Fatal, operation, "its content does not have the digest in its name").about(path)
}
