use std::{collections::BTreeMap, sync::Mutex};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{BareJid, Directory, Jid, Person, Room, Rooms, Timestamp};

/// The directory's answers and the rooms that a window was made with: everything besides rows and recipe that decides its bytes.
///
/// Kept by digest beside the ledger. It is itself a [`Directory`], so that a window can be made again exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Context {
    /// The rooms and nicks that were asked for and known.
    pub rooms: Rooms,
    /// The directory's answers, `None` where it knew nobody.
    pub people: BTreeMap<BareJid, Option<Person>>,
}

impl Context {
    /// The bytes as stored.
    ///
    /// # Panics
    ///
    /// Never: the model is always JSON.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = serde_json::to_vec(self).expect("a context is always JSON");
        bytes.push(b'\n');
        bytes.into()
    }
}

impl Directory for Context {
    fn person(&self, jid: &BareJid, _: Timestamp) -> Option<Person> {
        self.people.get(jid).cloned().flatten()
    }
}

/// Asks rooms and directory, and remembers what it was told.
#[derive(Debug)]
pub(crate) struct Inquiry<'a> {
    rooms: &'a Rooms,
    directory: &'a dyn Directory,
    at: Timestamp,
    told: Mutex<Context>,
}
