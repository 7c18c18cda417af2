use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Address, BareJid, Directory, Jid, Party, People, Person, Room, Rooms, Timestamp};

/// The directory's answers, the rooms and our own domains that a window was made with: everything besides rows and recipe that decides its bytes.
///
/// Kept by digest beside the ledger. It is itself a [`Directory`], so that a window can be made again exactly: with its rooms, and with
/// [`People`] of this directory and these internal domains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Context {
    /// The rooms and nicks that were asked for and known.
    pub rooms: Rooms,
    /// The directory's answers, `None` where it knew nobody.
    pub people: BTreeMap<BareJid, Option<Person>>,
    /// Our own XMPP domains, in lower case: they decide whose JID is taken for an address. Empty if every domain counted as our own.
    pub internal_domains: BTreeSet<String>,
}

impl Context {
    /// Adds what was asked for elsewhere of the same rooms and people.
    pub(crate) fn extend(&mut self, other: Self) {
        self.rooms.extend(other.rooms);
        self.people.extend(other.people);
        self.internal_domains.extend(other.internal_domains);
    }

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

/// Asks rooms and directory on behalf of one window, and remembers what it was told.
#[derive(Debug)]
pub(crate) struct Inquiry<'a> {
    rooms: &'a Rooms,
    people: &'a People,
    at: Timestamp,
    told: RefCell<Context>,
}

impl<'a> Inquiry<'a> {
    /// An inquiry as of a window's start.
    pub(crate) fn new(rooms: &'a Rooms, people: &'a People, at: Timestamp) -> Self {
        let told = Context { internal_domains: people.own_domains().clone(), ..Context::default() };
        Self { rooms, people, at, told: RefCell::new(told) }
    }

    pub(crate) fn room(&self, jid: &BareJid) -> Option<&'a Room> {
        let room = self.rooms.room(jid)?;
        let told = &mut self.told.borrow_mut().rooms;
        if told.room(jid).is_none() {
            told.add_room(jid.clone(), room.clone());
        }
        Some(room)
    }

    pub(crate) fn nick(&self, room: &BareJid, real: &Jid) -> Option<&'a str> {
        self.told.borrow_mut().rooms.copy_nicks(self.rooms, room, |_, known| known.bare() == real.bare());
        self.rooms.nick(room, real)
    }

    pub(crate) fn person_behind(&self, room: &BareJid, nick: &str) -> Option<&'a Jid> {
        self.told.borrow_mut().rooms.copy_nicks(self.rooms, room, |known, _| known == nick);
        self.rooms.person(room, nick)
    }

    /// The address and name of a party.
    pub(crate) fn describe(&self, party: &Party) -> (Address, Option<String>) {
        self.people.describe(party, self.at, &mut |jid, at| {
            let mut told = self.told.borrow_mut();
            told.people.entry(jid.clone()).or_insert_with(|| self.people.directory().person(jid, at)).clone()
        })
    }

    /// Everything that was asked for.
    pub(crate) fn into_context(self) -> Context {
        self.told.into_inner()
    }
}
