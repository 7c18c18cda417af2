use std::{borrow::Cow, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{BareJid, FieldHasher, FileRef, Movement, ShortDigest, Timestamp, Window, header::shortened, people::is_addr_spec};

/// Everything that one group of people wrote in one window.
///
/// `Serialize` and `Deserialize` are lossless: the JSON attachment of a mail is this type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Conversation {
    /// Which conversation.
    pub key: ConversationKey,
    /// When.
    pub window: Window,
    /// A label; the key alone tells conversations apart.
    pub kind: ConversationKind,
    /// The room's title, if it has one; of at most [`MOST_TITLE`](Self::MOST_TITLE) characters.
    pub title: Option<String>,
    /// Who sent, received or was present; sorted by party, each once.
    pub participants: Vec<Participant>,
    /// The messages, sorted by [`MessageKey`].
    pub messages: Vec<Message>,
}

impl Conversation {
    /// The longest title, in characters: every mail of a conversation has room for it. Rooms of Jabber have far shorter ones.
    pub const MOST_TITLE: usize = 4_096;

    /// A conversation of these people and messages, both put in order. What is too long of the title is cut off behind a `…`.
    pub fn new(
        key: ConversationKey,
        window: Window,
        kind: ConversationKind,
        title: Option<String>,
        mut participants: Vec<Participant>,
        mut messages: Vec<Message>,
    ) -> Self {
        participants.sort_by(|a, b| a.party.cmp(&b.party));
        messages.sort_by_key(|message| message.key);
        let title = title.map(|title| shortened(&title, Self::MOST_TITLE).into_owned());
        Self { key, window, kind, title, participants, messages }
    }

    /// How many messages in a room have a sender of whom only the nick is known.
    pub(crate) fn unresolved_nicks(&self) -> u64 {
        let is_nick = |party: &Party| matches!(party, Party::Occupant { .. }) && !party.is_room();
        match self.key {
            ConversationKey::Room(_) => self.messages.iter().filter(|message| is_nick(&message.sender)).count() as u64,
            ConversationKey::Pair(..) => 0,
        }
    }

    /// The participant for a party, if it takes part.
    pub fn participant(&self, party: &Party) -> Option<&Participant> {
        let index = self.participants.binary_search_by(|participant| participant.party.cmp(party)).ok()?;
        self.participants.get(index)
    }
}

/// Which conversation: two parties, or a room.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ConversationKey {
    /// Two parties in their order, so that either side's rows give the same key.
    Pair(Party, Party),
    /// A room.
    Room(BareJid),
}

impl ConversationKey {
    /// The conversation of two parties, whichever comes first.
    pub fn pair(one: Party, other: Party) -> Self {
        if one <= other { Self::Pair(one, other) } else { Self::Pair(other, one) }
    }

    /// Adds the key to what is hashed.
    pub fn hash_into(&self, hasher: FieldHasher) -> FieldHasher {
        match self {
            Self::Pair(one, other) => other.hash_into(one.hash_into(hasher.field("pair"))),
            Self::Room(room) => hasher.field("room").field(room.as_str()),
        }
    }

    /// A digest that names the conversation without naming people.
    pub fn digest(&self) -> ShortDigest {
        self.hash_into(FieldHasher::new().field("v1")).finish().short()
    }
}

/// What a conversation is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ConversationKind {
    /// Two people.
    OneToOne,
    /// A group chat that ends when everybody has left.
    AdHoc,
    /// A persistent room.
    Room,
    /// A private message between two occupants of a room.
    RoomPrivate,
}

impl fmt::Display for ConversationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneToOne => "one-to-one",
            Self::AdHoc => "ad-hoc",
            Self::Room => "room",
            Self::RoomPrivate => "room-private",
        })
    }
}

/// One side of a conversation: a user, or an occupant of a room of whom only the nick is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Party {
    /// A user.
    User(BareJid),
    /// An occupant; an empty nick is the room itself.
    Occupant {
        /// The room.
        room: BareJid,
        /// The nick, exactly.
        nick: String,
    },
}

impl Party {
    /// Whether it is the room itself, which is nobody: it announces its subject and the like without a nick (XEP-0045).
    ///
    /// ```
    /// use jabber_archive_core::{BareJid, Party};
    ///
    /// let occupant = |nick: &str| Party::Occupant { room: BareJid::new("team@conference.example.com").unwrap(), nick: nick.into() };
    /// assert!(occupant("").is_room());
    /// assert!(!occupant("Bob").is_room());
    /// ```
    pub fn is_room(&self) -> bool {
        matches!(self, Self::Occupant { nick, .. } if nick.is_empty())
    }

    /// A user's JID as people read it, where that differs (XEP-0106).
    pub fn unescaped(&self) -> Option<String> {
        let Self::User(jid) = self else { return None };
        let local = jid.unescaped_local().filter(|local| Some(&**local) != jid.local())?;
        Some(format!("{local}@{}", jid.domain()))
    }

    /// Adds the party to what is hashed.
    pub fn hash_into(&self, hasher: FieldHasher) -> FieldHasher {
        match self {
            Self::User(jid) => hasher.field("user").field(jid.as_str()),
            Self::Occupant { room, nick } => hasher.field("occupant").field(room.as_str()).field(nick),
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(jid) => write!(f, "{jid}"),
            Self::Occupant { room, nick } if nick.is_empty() => write!(f, "{room}"),
            Self::Occupant { room, nick } => write!(f, "{room}/{nick}"),
        }
    }
}

/// Somebody who took part, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Participant {
    /// Who.
    pub party: Party,
    /// Their e-mail address as of the window's start, or one that cannot reach anybody.
    pub address: Address,
    /// The name to show, if the directory has one; of at most [`MOST_NAME`](Self::MOST_NAME) characters.
    pub name: Option<String>,
    /// Sent a message.
    pub sent: bool,
    /// A copy for them was logged.
    pub received: bool,
    /// Was inside the room when the window began.
    pub inside: bool,
    /// Entered and left during the window, in order.
    pub movements: Vec<(Timestamp, Movement)>,
}

impl Participant {
    /// The longest name, in characters: every mail has room for it.
    pub const MOST_NAME: usize = 1_024;

    /// A participant of whom nothing but name and address is known yet. What is too long of the name is cut off behind a `…`.
    pub fn new(party: Party, address: Address, name: Option<String>) -> Self {
        let name = name.map(|name| shortened(&name, Self::MOST_NAME).into_owned());
        Self { party, address, name, sent: false, received: false, inside: false, movements: Vec::new() }
    }

    /// The name to show: the directory's, else the nick or the user part of the JID, as people read it.
    pub fn display_name(&self) -> Cow<'_, str> {
        match (&self.name, &self.party) {
            (Some(name), _) => Cow::Borrowed(name),
            (None, Party::User(jid)) => jid.unescaped_local().unwrap_or(Cow::Borrowed(jid.as_str())),
            (None, Party::Occupant { room, nick }) if nick.is_empty() => Cow::Borrowed(room.as_str()),
            (None, Party::Occupant { nick, .. }) => Cow::Borrowed(nick),
        }
    }

    /// Whether this is somebody whom no mail [reaches](Address::reaches_nobody). A [room](Party::is_room) is nobody.
    pub fn is_unreached(&self) -> bool {
        self.address.reaches_nobody() && !self.party.is_room()
    }
}

/// An e-mail address and how it was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Address {
    /// The directory knows the person.
    Mapped(String),
    /// The JID is of a foreign domain and used as it is.
    Foreign(String),
    /// Nobody's: `local@domain.jid.invalid` (RFC 6761), because a JID of our own domains may be somebody else's address.
    Unmapped(String),
}

impl Address {
    /// The text, which is no `addr-spec` (RFC 5322) if that of the directory is none.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Mapped(address) | Self::Foreign(address) | Self::Unmapped(address) => address,
        }
    }

    /// Whether no mail can reach it: it is unmapped, is no [`addr-spec`](crate::is_addr_spec), or lies below `.invalid` (RFC 6761). A [`Directory`](crate::Directory)
    /// may answer anything.
    ///
    /// ```
    /// use jabber_archive_core::Address;
    ///
    /// assert!(!Address::Mapped("bob@example.com".into()).reaches_nobody());
    /// assert!(Address::Mapped("Bob <bob@example.com>".into()).reaches_nobody());
    /// assert!(Address::Foreign("bob@example.invalid".into()).reaches_nobody());
    /// ```
    pub fn reaches_nobody(&self) -> bool {
        let text = self.as_str();
        let is_invalid = text.rsplit(['.', '@']).next().is_some_and(|top| top.eq_ignore_ascii_case("invalid"));
        matches!(self, Self::Unmapped(_)) || is_invalid || !is_addr_spec(text)
    }
}

/// Names a message in ids, order and lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MessageKey {
    /// The time of its first row.
    pub start: Timestamp,
    /// Digest of conversation, sender, stanza id and body.
    pub identity: ShortDigest,
    /// Tells apart what is alike and starts at the same time, from 0.
    pub ordinal: u32,
}

impl MessageKey {
    /// The key of the `ordinal`-th message of this identity that starts at this time.
    pub fn new(start: Timestamp, identity: ShortDigest, ordinal: u32) -> Self {
        Self { start, identity, ordinal }
    }

    /// Adds the key to what is hashed.
    pub fn hash_into(&self, hasher: FieldHasher) -> FieldHasher {
        hasher.integer(self.start.millis()).field(&self.identity.to_string()).integer(self.ordinal.into())
    }
}

/// One message, folded from its copies.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Its name; its start is when it was sent.
    pub key: MessageKey,
    /// Who sent it; always a participant.
    pub sender: Party,
    /// For whom copies were logged; sorted, each once; all are participants.
    pub recipients: Vec<Party>,
    /// The stanza's id.
    pub stanza_id: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The thread id.
    pub thread: Option<String>,
    /// The text; empty where only files came.
    pub body: String,
    /// The raw stanza of the copy that counts.
    pub stanza: Option<String>,
    /// The files sent with it.
    pub files: Vec<FileRef>,
    /// How many rows were folded into it.
    pub copies: u32,
    /// How far the last of them that was in sight is behind the start, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spread_millis: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it may skip by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Message {
    /// A message without recipients and extras.
    pub fn new(key: MessageKey, sender: Party, body: String) -> Self {
        Self {
            key,
            sender,
            recipients: Vec::new(),
            stanza_id: None,
            subject: None,
            thread: None,
            body,
            stanza: None,
            files: Vec::new(),
            copies: 1,
            spread_millis: 0,
        }
    }

    /// When it was sent.
    pub fn sent(&self) -> Timestamp {
        self.key.start
    }

    /// When the last of its copies that was in sight was logged.
    pub fn last(&self) -> Timestamp {
        self.key.start.after(Duration::from_millis(self.spread_millis))
    }

    /// Whether copies of the same identity that were logged from `first` to `last` are of this message: those in the same time are, and where the stanza has an id those within
    /// `margin` are too. Without an id, what was said again soon after is another message.
    pub(crate) fn is_of(&self, first: Timestamp, last: Timestamp, margin: Duration) -> bool {
        let reach = if self.stanza_id.is_some() { margin } else { Duration::ZERO };
        first <= self.last().after(reach) && self.sent() <= last.after(reach)
    }

    /// Digest of body and recipients: differs if a later reading finds another text or other recipients.
    pub fn content_digest(&self) -> ShortDigest {
        let body = FieldHasher::new().field("v1").field(&self.body);
        self.recipients.iter().fold(body, |hasher, party| party.hash_into(hasher)).finish().short()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("key", &self.key)
            .field("recipients", &self.recipients.len())
            .field("body_bytes", &self.body.len())
            .field("copies", &self.copies)
            .finish_non_exhaustive()
    }
}
