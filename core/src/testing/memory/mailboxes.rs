use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Delivery, Error, ErrorClass, ErrorKind, Letter, Mailboxes, Place, Refusal, RefusalReason, Result, Timestamp};

/// Mailboxes that exist as soon as something is delivered, and fail when they are told to.
#[derive(Debug, Default)]
pub struct MemoryMailboxes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    folders: BTreeMap<String, Folder>,
    refusing: BTreeMap<String, RefusalReason>,
    calls: usize,
    searches: usize,
    before: BTreeSet<usize>,
    after: BTreeSet<usize>,
    down_from: Option<usize>,
}

#[derive(Debug, Default)]
struct Folder {
    next: u32,
    mails: BTreeMap<u32, Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    message_id: String,
    received: Option<Timestamp>,
    content: Bytes,
}

impl MemoryMailboxes {
    /// What lies in a mailbox, in the order in which it came: content, and when it was received.
    pub fn mails(&self, mailbox: &str) -> Vec<(Bytes, Option<Timestamp>)> {
        let state = self.state();
        let folder = state.folders.get(mailbox);
        folder.into_iter().flat_map(|folder| folder.mails.values()).map(|kept| (kept.content.clone(), kept.received)).collect()
    }

    /// The mailboxes in which something lies or lay.
    pub fn addresses(&self) -> BTreeSet<String> {
        self.state().folders.keys().cloned().collect()
    }

    /// Removes everything from a mailbox, as its owner may.
    pub fn empty(&self, mailbox: &str) {
        if let Some(folder) = self.state().folders.get_mut(mailbox) {
            folder.mails.clear();
        }
    }

    /// Lets a mailbox refuse everything from now on, or nothing more.
    pub fn refuse(&self, mailbox: &str, reason: Option<RefusalReason>) {
        let mut state = self.state();
        match reason {
            Some(reason) => state.refusing.insert(mailbox.to_owned(), reason),
            None => state.refusing.remove(mailbox),
        };
    }

    /// Fails the call of this number, from 1, before it has an effect, or after.
    pub fn fail(&self, call: usize, after: bool) {
        let mut state = self.state();
        if after {
            state.after.insert(call)
        } else {
            state.before.insert(call)
        };
    }

    /// Fails every call from this one on before it has an effect; with none, no call any more.
    pub fn down_from(&self, call: Option<usize>) {
        self.state().down_from = call;
    }

    /// Lets nothing fail or be refused any more.
    pub fn mend(&self) {
        let mut state = self.state();
        state.before.clear();
        state.after.clear();
        state.refusing.clear();
        state.down_from = None;
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.state().calls
    }

    /// How many of them asked for a search.
    pub fn searches(&self) -> usize {
        self.state().searches
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailboxes for MemoryMailboxes {
    async fn deliver(&self, mailbox: &str, letter: &Letter, search: bool) -> Result<Delivery> {
        let lost = || Error::new(ErrorKind::Mailbox, ErrorClass::Transient, "deliver", "the connection was lost").about(mailbox);
        let mut state = self.state();
        state.calls += 1;
        state.searches += usize::from(search);
        let call = state.calls;
        if state.before.contains(&call) || state.down_from.is_some_and(|from| call >= from) {
            return Err(lost());
        }
        if let Some(reason) = state.refusing.get(mailbox) {
            return Ok(Delivery::Refused(Refusal::new(*reason, "as told")));
        }
        let after = state.after.contains(&call);
        let folder = state.folders.entry(mailbox.to_owned()).or_default();
        let there = folder.mails.iter().find(|(_, kept)| kept.message_id == letter.message_id).map(|(uid, _)| *uid);
        if let Some(uid) = there.filter(|_| search) {
            return Ok(Delivery::Found(Place::new(1, uid)));
        }
        folder.next += 1;
        let Letter { message_id, received, content, .. } = letter.clone();
        folder.mails.insert(folder.next, Kept { message_id, received, content });
        if after { Err(lost()) } else { Ok(Delivery::Delivered(Place::new(1, folder.next))) }
    }
}
