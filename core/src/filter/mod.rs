//! Which conversations are archived.

mod term;

use std::{collections::BTreeSet, fmt};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use self::term::FilterTerm;
use crate::{Address, BareJid, Conversation, ConversationKey, ConversationKind, Error, ErrorClass, ErrorKind, Participant, Party, Result};

/// Which conversations are archived: those whose kind and room are wanted and in which somebody takes part who is included and not excluded.
///
/// So an exclusion takes nothing away from what others took part in: a conversation is left out only where nobody else who is included took
/// part. A conversation of a window is archived as a whole or not at all. The default archives everything.
///
/// Who takes part is as the conversation says: sent, received, or was in the room. Somebody is named by the JID, by the address that the directory gives
/// as of the window's start, or by the domain of either; a JID may be written as on the wire or unescaped (XEP-0106). Of whom only the nick is known, nobody knows who it is: no entry names them, so that they are
/// included only where everybody is, and never excluded. The room itself is nobody.
///
/// ```
/// use jabber_archive_core::*;
///
/// # fn main() -> Result<()> {
/// let mut filter = Filter::default();
/// filter.exclude.insert("council@example.com".parse()?);
/// filter.exclude.insert("chair@example.com".parse()?);
///
/// let chat = |one: &str, other: &str| {
///     let [one, other] = [one, other].map(|jid| Party::User(BareJid::new(jid).unwrap()));
///     let person = |party: &Party| Participant::new(party.clone(), Address::Mapped(party.to_string()), None);
///     let people = vec![person(&one), person(&other)];
///     let key = ConversationKey::pair(one, other);
///     Conversation::new(key, Window::UNDATED, ConversationKind::OneToOne, None, people, Vec::new())
/// };
/// assert_eq!(filter.reason(&chat("council@example.com", "chair@example.com")), Some(FilterReason::Excluded));
/// assert_eq!(filter.reason(&chat("council@example.com", "alice@example.com")), None, "Alice is not excluded");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Filter {
    /// Who is included; everybody where it is empty.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub include: BTreeSet<FilterTerm>,
    /// Who is not.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub exclude: BTreeSet<FilterTerm>,
    /// The persistent rooms that are wanted, by JID or domain; all where it is empty. It says nothing of chats of two, nor of ad hoc groups, whose names
    /// nobody chose; private messages through a room go with the room.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub include_rooms: BTreeSet<FilterTerm>,
    /// The persistent rooms that are not wanted.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub exclude_rooms: BTreeSet<FilterTerm>,
    /// The kinds that are wanted; all where it is empty.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub kinds: BTreeSet<ConversationKind>,
}

/// Why a conversation is not archived; of several reasons the first in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FilterReason {
    /// Its kind is not wanted.
    Kind,
    /// Its room is not wanted.
    Room,
    /// Nobody who is included takes part.
    NotIncluded,
    /// All who are included and take part are excluded.
    Excluded,
}

impl fmt::Display for FilterReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kind => "kind",
            Self::Room => "room",
            Self::NotIncluded => "not-included",
            Self::Excluded => "excluded",
        })
    }
}

impl Filter {
    /// Whether everything is archived.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Why a conversation is not archived; none if it is.
    pub fn reason(&self, conversation: &Conversation) -> Option<FilterReason> {
        if !self.kinds.is_empty() && !self.kinds.contains(&conversation.kind) {
            return Some(FilterReason::Kind);
        }
        if !self.wants_room_of(conversation) {
            return Some(FilterReason::Room);
        }
        let mut excluded = false;
        for person in conversation.participants.iter().filter(|person| !person.party.is_room()) {
            let names = names_of(person);
            if self.include.is_empty() || has_any(&self.include, &names) {
                if !has_any(&self.exclude, &names) {
                    return None;
                }
                excluded = true;
            }
        }
        match excluded {
            true => Some(FilterReason::Excluded),
            false if self.include.is_empty() => None,
            false => Some(FilterReason::NotIncluded),
        }
    }

    fn wants_room_of(&self, conversation: &Conversation) -> bool {
        if self.include_rooms.is_empty() && self.exclude_rooms.is_empty() {
            return true;
        }
        let occupied = |party: &Party| match party {
            Party::Occupant { room, .. } => Some(room.clone()),
            Party::User(_) => None,
        };
        let room = match &conversation.key {
            ConversationKey::Room(room) => (conversation.kind == ConversationKind::Room).then(|| room.clone()),
            ConversationKey::Pair(one, other) => occupied(one).or_else(|| occupied(other)),
        };
        room.is_none_or(|room| {
            let names = FilterTerm::naming(&room, None);
            (self.include_rooms.is_empty() || has_any(&self.include_rooms, &names)) && !has_any(&self.exclude_rooms, &names)
        })
    }

    /// Refuses what contradicts itself.
    ///
    /// # Errors
    ///
    /// If an entry is included and excluded, or rooms are named though no kind is wanted that has rooms.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: &str| Error::new(ErrorKind::Config, ErrorClass::Fatal, "set filter", what);
        for (include, exclude) in [(&self.include, &self.exclude), (&self.include_rooms, &self.exclude_rooms)] {
            if let Some(term) = include.intersection(exclude).next() {
                return Err(refuse("both included and excluded").about(format_args!("`{term}`")).advise("remove it from one of them"));
            }
        }
        let named = !(self.include_rooms.is_empty() && self.exclude_rooms.is_empty());
        let with_rooms = [ConversationKind::Room, ConversationKind::RoomPrivate];
        if named && !self.kinds.is_empty() && !with_rooms.iter().any(|kind| self.kinds.contains(kind)) {
            return Err(refuse("rooms are named, and no kind is wanted that has rooms")
                .about("`rooms`")
                .advise("remove it, or add room or room-private to `kinds`"));
        }
        Ok(())
    }

    /// The bytes as stored.
    ///
    /// # Panics
    ///
    /// Never: the model is always JSON.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = serde_json::to_vec(self).expect("a filter is always JSON");
        bytes.push(b'\n');
        bytes.into()
    }
}

impl FilterTerm {
    /// Everything by which an entry can name who has this JID and this e-mail address.
    pub fn naming(jid: &BareJid, address: Option<&str>) -> BTreeSet<String> {
        let mut names = BTreeSet::from([jid.as_str().to_owned(), jid.domain().to_owned()]);
        names.extend(jid.other_spelling().map(|jid| jid.to_string()));
        if let Some(address) = address {
            names.extend(address_names(address));
        }
        names
    }
}

fn names_of(person: &Participant) -> BTreeSet<String> {
    let address = match &person.address {
        Address::Mapped(address) | Address::Foreign(address) => Some(&**address),
        Address::Unmapped(_) => None,
    };
    match &person.party {
        Party::User(jid) => FilterTerm::naming(jid, address),
        Party::Occupant { .. } => address.map(address_names).into_iter().flatten().collect(),
    }
}

fn address_names(address: &str) -> [String; 2] {
    let address = address.trim().to_lowercase();
    let domain = address.rsplit_once('@').map_or(&*address, |(_, domain)| domain).to_owned();
    [address, domain]
}

fn has_any(terms: &BTreeSet<FilterTerm>, names: &BTreeSet<String>) -> bool {
    names.iter().any(|name| terms.contains(name.as_str()))
}
