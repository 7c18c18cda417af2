//! The list of a window, as it grows.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::lock::Mutex;
use sha2::{Digest as _, Sha256};

use super::{Archiver, retry::Stop};
use crate::{Digest, ItemId, KeptKind, ListLine, MessageLine, Neighbour, Result, Spool, SpoolWriter, Window};

/// The lines of a window's list. They come in the order of their keys, some conversations at a time, so that what is in hand is sorted by itself.
#[derive(Debug)]
pub(super) struct Listing {
    /// The window behind it, and the margin: which messages matter there.
    next: Option<(Window, Duration)>,
    near: Vec<MessageLine>,
    /// One for each mail, not more: lists are larger than memory.
    ids: Vec<ItemId>,
    messages: u64,
    bytes: u64,
    /// What is not in the spool, as stored.
    held: Vec<u8>,
    /// How many bytes of it may be held.
    limit: usize,
    digest: Sha256,
    spool: Option<Arc<dyn Spool>>,
    spooled: Option<Box<dyn SpoolWriter>>,
}

/// A list that is kept.
#[derive(Debug)]
pub(super) struct KeptList {
    /// None if it is empty.
    pub(super) list: Option<Digest>,
    pub(super) ids: Vec<ItemId>,
    /// The messages that matter to the next window.
    pub(super) near: Vec<MessageLine>,
}

impl Listing {
    /// Without lines; of more than `limit` bytes it is in the spool, if there is one.
    pub(super) fn new(next: Option<Window>, margin: Duration, limit: usize, spool: Option<Arc<dyn Spool>>) -> Self {
        Self {
            next: next.map(|next| (next, margin)),
            near: Vec::new(),
            ids: Vec::new(),
            messages: 0,
            bytes: 0,
            held: Vec::new(),
            limit,
            digest: Sha256::new(),
            spool,
            spooled: None,
        }
    }

    /// Adds lines, in any order among themselves.
    pub(super) async fn add(&mut self, mut lines: Vec<ListLine>) -> Result<()> {
        lines.sort_unstable();
        for line in lines {
            line.write(&mut self.held);
            self.messages += line.messages.len() as u64;
            self.bytes += line.bytes;
            if let Some((next, margin)) = &self.next {
                self.near.extend(line.messages.iter().filter(|message| Neighbour::concerns(message, next, *margin)));
            }
            self.ids.push(line.id);
            if self.held.len() > self.limit {
                self.spill().await?;
            }
        }
        Ok(())
    }

    async fn spill(&mut self) -> Result<()> {
        let Some(spool) = &self.spool else { return Ok(()) };
        let place = match &mut self.spooled {
            Some(place) => place,
            none => none.insert(spool.create().await?),
        };
        let held = std::mem::take(&mut self.held);
        self.digest.update(&held);
        place.append(held.into()).await
    }

    pub(super) fn items(&self) -> u64 {
        self.ids.len() as u64
    }

    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Of all mails together.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn sorted_ids(&mut self) -> &[ItemId] {
        self.ids.sort_unstable();
        &self.ids
    }
}

impl Archiver {
    /// Keeps a list in the ledger.
    pub(super) async fn keep_list(&self, mut listing: Listing, stop: &Stop<'_>) -> Result<KeptList> {
        let list = if listing.ids.is_empty() {
            None
        } else if listing.spooled.is_none() {
            Some(self.keep(KeptKind::List, Bytes::from(std::mem::take(&mut listing.held)), stop).await?)
        } else {
            listing.spill().await?;
            let digest = Digest::from_bytes(std::mem::take(&mut listing.digest).finalize().into());
            if let Some(place) = listing.spooled.take() {
                let place = Mutex::new(place);
                let keep = || async { self.ledger.keep_as(KeptKind::List, &digest, place.lock().await.read().await?).await };
                self.patience(stop).attempt(keep).await?;
            }
            Some(digest)
        };
        Ok(KeptList { list, ids: listing.ids, near: listing.near })
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::testing::memory::MemorySpool;

    #[test]
    fn no_more_of_a_list_is_held_than_its_limit() {
        let mut listing = Listing::new(None, Duration::ZERO, 2_000, Some(Arc::new(MemorySpool::new())));
        let mut spooled = false;
        for number in 0..100_u32 {
            let sha256 = Digest::of(&number.to_be_bytes());
            let id = "abcdefghijklmnopqrstuvwxyz".parse().unwrap();
            let line =
                ListLine { key: sha256.short(), edition: 1, part: 1, id, bytes: 1, sha256, messages: Vec::new(), attachments: Vec::new() };
            block_on(listing.add(vec![line])).unwrap();
            assert!(listing.held.len() <= 2_000, "{} bytes after {number} lines", listing.held.len());
            spooled |= listing.spooled.is_some();
        }
        assert!(spooled && listing.items() == 100);
    }
}
