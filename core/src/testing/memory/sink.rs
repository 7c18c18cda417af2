use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::{ByteStream, Capability, Digest, Error, ErrorClass, ErrorKind, ItemKey, MailItem, ObjectKey, Result, Sink, Stored, Window};

/// A sink that loses in a [`crash`](MemorySink::crash) what was not committed.
#[derive(Debug)]
pub struct MemorySink {
    capability: Capability,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    items: BTreeMap<ItemKey, Bytes>,
    objects: BTreeMap<ObjectKey, Bytes>,
    volatile_items: BTreeSet<ItemKey>,
    volatile_objects: BTreeSet<ObjectKey>,
}

impl Default for MemorySink {
    fn default() -> Self {
        Self::new(Capability::full(150 << 20))
    }
}

impl MemorySink {
    /// An empty sink that says this of itself.
    pub fn new(capability: Capability) -> Self {
        Self { capability, state: Mutex::default() }
    }

    /// All items, by key.
    pub fn items(&self) -> BTreeMap<ItemKey, Bytes> {
        self.state().items.clone()
    }

    /// All files that are too large for a mail, by key.
    pub fn objects(&self) -> BTreeMap<ObjectKey, Bytes> {
        self.state().objects.clone()
    }

    /// Puts bytes under a key, as another program would.
    pub fn place(&self, key: ItemKey, content: Bytes) {
        self.state().items.insert(key, content);
    }

    /// A power cut: of what was put but not committed, only what `survives` says is left.
    pub fn crash(&self, mut survives: impl FnMut(&ItemKey) -> bool) {
        let mut state = self.state();
        for key in std::mem::take(&mut state.volatile_items) {
            if !survives(&key) {
                state.items.remove(&key);
            }
        }
        for key in std::mem::take(&mut state.volatile_objects) {
            state.objects.remove(&key);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sink for MemorySink {
    fn capability(&self) -> Capability {
        self.capability
    }

    async fn put(&self, item: &MailItem) -> Result<Stored> {
        let mut state = self.state();
        if item.content.len() as u64 > self.capability.largest_item {
            let error =
                Error::new(ErrorKind::Sink, ErrorClass::Item, "put", format!("{} bytes are more than the sink takes", item.content.len()));
            return Err(error.about(&item.key));
        }
        if let Some(there) = state.items.get(&item.key) {
            return Ok(if *there == item.content { Stored::AlreadyPresent } else { Stored::Different });
        }
        state.items.insert(item.key.clone(), item.content.clone());
        state.volatile_items.insert(item.key.clone());
        Ok(Stored::Created)
    }

    async fn put_object(&self, key: &ObjectKey, content: ByteStream) -> Result<Stored> {
        let content = content.try_concat_bytes().await?;
        if Digest::of(&content) != *key.digest() {
            let error = Error::new(ErrorKind::Sink, ErrorClass::Item, "put object", "the content does not have this digest");
            return Err(error.about(key));
        }
        let mut state = self.state();
        if state.objects.contains_key(key) {
            return Ok(Stored::AlreadyPresent);
        }
        state.objects.insert(*key, content);
        state.volatile_objects.insert(*key);
        Ok(Stored::Created)
    }

    async fn commit(&self, window: &Window) -> Result<()> {
        let mut state = self.state();
        state.volatile_items.retain(|key| key.window != *window);
        state.volatile_objects.clear();
        Ok(())
    }

    async fn read(&self, key: &ItemKey) -> Result<Bytes> {
        let missing = || Error::new(ErrorKind::Sink, ErrorClass::Fatal, "read", "it is not there").about(key);
        self.state().items.get(key).cloned().ok_or_else(missing)
    }

    fn list(&self, window: &Window) -> BoxStream<'static, Result<ItemKey>> {
        let keys: Vec<_> = self.state().items.keys().filter(|key| key.window == *window).cloned().map(Ok).collect();
        stream::iter(keys).boxed()
    }
}

/// Everything of a stream in one piece.
#[async_trait]
pub(super) trait Concatenate {
    async fn try_concat_bytes(self) -> Result<Bytes>;
}

#[async_trait]
impl Concatenate for ByteStream {
    async fn try_concat_bytes(self) -> Result<Bytes> {
        self.try_fold(Vec::new(), |mut whole, piece| async move {
            whole.extend_from_slice(&piece);
            Ok(whole)
        })
        .await
        .map(Bytes::from)
    }
}
