use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use serde::{Deserialize, Serialize};

use crate::{BareJid, Jid};

/// What the source knows of its rooms (`tc_rooms`, `tc_users`): kinds, titles, and who stands behind a nick.
///
/// ```
/// use jabber_archive_core::{BareJid, Jid, Room, RoomKind, Rooms};
///
/// let room = BareJid::new("q3@conference.example.com").unwrap();
/// let alice = Jid::parse("alice@example.com/jabber_1").unwrap();
/// let mut rooms = Rooms::new();
/// rooms.add_room(room.clone(), Room::new(RoomKind::Persistent, Some("Q3 planning".into())));
/// rooms.add_nick(room.clone(), "Ally".into(), alice.clone());
/// assert_eq!(rooms.nick(&room, &alice), Some("Ally"));
/// assert_eq!(rooms.person(&room, "Ally"), Some(&alice));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rooms {
    rooms: BTreeMap<BareJid, Room>,
    nicks: BTreeMap<BareJid, BTreeSet<Nick>>,
}

/// A room as `tc_rooms` describes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Room {
    /// Ad hoc or persistent.
    pub kind: RoomKind,
    /// The configured name (`muc#roomconfig_roomname`), else the subject.
    pub title: Option<String>,
}

impl Room {
    /// A room of this kind and title.
    pub fn new(kind: RoomKind, title: Option<String>) -> Self {
        Self { kind, title }
    }
}

/// How a room came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "the column knows these two")]
pub enum RoomKind {
    /// A group chat that ends when everybody has left.
    AdHoc,
    /// A room that stays.
    Persistent,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Nick {
    nick: String,
    real: Jid,
}

impl Serialize for Nick {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.nick, self.real.to_string()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Nick {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (nick, real) = <(String, String)>::deserialize(deserializer)?;
        let real = Jid::parse(&real).ok_or_else(|| serde::de::Error::custom("empty JID behind a nick"))?;
        Ok(Self { nick, real })
    }
}

impl Rooms {
    /// No rooms.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a room. Where there are several rows for one JID, the smallest kind and the smallest title count, whatever their order; any title before none.
    pub fn add_room(&mut self, jid: BareJid, room: Room) {
        match self.rooms.entry(jid) {
            Entry::Vacant(place) => _ = place.insert(room),
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.kind = known.kind.min(room.kind);
                known.title = [known.title.take(), room.title].into_iter().flatten().min();
            }
        }
    }

    /// Adds all that another source knows, as if its rows stood in the same tables.
    pub fn extend(&mut self, other: Self) {
        for (jid, room) in other.rooms {
            self.add_room(jid, room);
        }
        for (room, nicks) in other.nicks {
            self.nicks.entry(room).or_default().extend(nicks);
        }
    }

    /// Adds the person behind a nick.
    pub fn add_nick(&mut self, room: BareJid, nick: String, real: Jid) {
        self.nicks.entry(room).or_default().insert(Nick { nick, real });
    }

    /// The room of this JID, if `tc_rooms` has it.
    pub fn room(&self, jid: &BareJid) -> Option<&Room> {
        self.rooms.get(jid)
    }

    /// The nick of a person in a room: that of the full JID, else the only nick of the bare one, else none.
    pub fn nick(&self, room: &BareJid, real: &Jid) -> Option<&str> {
        let nicks = self.nicks.get(room)?;
        let exact = nicks.iter().find(|known| known.real == *real);
        let only = || {
            let mut found = nicks.iter().filter(|known| known.real.bare() == real.bare()).map(|known| &known.nick);
            let first = found.next()?;
            found.all(|other| other == first).then_some(first)
        };
        exact.map(|known| &known.nick).or_else(only).map(String::as_str)
    }

    /// The person behind a nick, if all entries of the nick name the same bare JID.
    pub fn person(&self, room: &BareJid, nick: &str) -> Option<&Jid> {
        let mut found = self.nicks.get(room)?.iter().filter(|known| known.nick == nick).map(|known| &known.real);
        let first = found.next()?;
        found.all(|other| other.bare() == first.bare()).then_some(first)
    }

    /// Takes over those of another's nicks in a room that are wanted.
    pub(crate) fn copy_nicks(&mut self, from: &Self, room: &BareJid, wanted: impl Fn(&str, &Jid) -> bool) {
        for known in from.nicks.get(room).into_iter().flatten().filter(|known| wanted(&known.nick, &known.real)) {
            self.nicks.entry(room.clone()).or_default().insert(known.clone());
        }
    }

    /// How many rooms `tc_rooms` has.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty() && self.nicks.is_empty()
    }
}
