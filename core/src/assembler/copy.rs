//! Reads one row as a copy of a message.

use std::{borrow::Cow, hash::Hash};

use crate::{
    BareJid, ConversationKey, Direction, FieldHasher, FileRef, Jid, MessageKind, MessageRow, Party, RoomKind, Rooms, ShortDigest,
    SkipReason, Table, context::Inquiry, stanza,
};

/// A row, read as a copy of a message.
#[derive(Debug)]
pub(super) struct Copy<'a> {
    pub(super) row: &'a MessageRow,
    pub(super) conversation: ConversationKey,
    /// The stanza's id.
    pub(super) id: Option<String>,
    pub(super) body: Cow<'a, str>,
    pub(super) files: Vec<FileRef>,
    /// What was typed beside a file. It does not tell messages apart: a stanza that is cut off has lost it.
    pub(super) typed: String,
    pub(super) sender: Sender,
    /// For whom the copy is; the room itself receives nothing.
    pub(super) recipient: Option<Party>,
    /// The user whom the row names as the sender, where it names one.
    pub(super) real: Option<BareJid>,
}

/// The sender as far as it tells messages apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sender {
    /// A user, or an occupant of a room whose nick is no JID.
    pub(super) party: Party,
    /// A user's resource; not every row shows it.
    pub(super) resource: Option<String>,
}

impl Sender {
    /// The occupant of a room; a nick that is a full JID is compared as a JID, except in a persistent room, where everybody may choose any nick.
    fn of_nick(room: &BareJid, nick: &str, inquiry: &Inquiry<'_>) -> Self {
        let chosen = inquiry.room(room).is_some_and(|room| room.kind == RoomKind::Persistent);
        match Jid::parse(nick).filter(|_| !chosen && Jid::is_full(nick)) {
            Some(jid) => Self::of_jid(&jid),
            None => Self { party: Party::Occupant { room: room.clone(), nick: nick.to_owned() }, resource: None },
        }
    }

    fn of_jid(jid: &Jid) -> Self {
        Self { party: Party::User(jid.bare().clone()), resource: jid.resource().map(str::to_owned) }
    }
}

impl<'a> Copy<'a> {
    /// The copy that a row is, or why it is none.
    pub(super) fn of(row: &'a MessageRow, inquiry: &Inquiry<'_>) -> Result<Self, SkipReason> {
        if row.replay { Err(SkipReason::Replay) } else { Self::of_replay(row, inquiry) }
    }

    /// The same of a row that may be a replay: of what was said then, a copy.
    pub(super) fn of_replay(row: &'a MessageRow, inquiry: &Inquiry<'_>) -> Result<Self, SkipReason> {
        match row.kind {
            MessageKind::Error => return Err(SkipReason::Error),
            MessageKind::Headline => return Err(SkipReason::Headline),
            MessageKind::Chat | MessageKind::Normal | MessageKind::Groupchat => {}
        }
        let stanza = row.stanza.as_deref().unwrap_or_default();
        let mut body = Cow::from(row.body.as_deref().unwrap_or_default());
        let (mut files, mut typed) = (Vec::new(), String::new());
        if body.is_empty() || stanza::may_hold_file(stanza) {
            let payload = stanza::payload(stanza);
            (files, typed) = (payload.files, payload.typed);
            if body.is_empty() {
                body = if payload.body.is_empty() { payload.xhtml } else { payload.body }.into();
            }
        }
        if body.is_empty() && files.is_empty() && typed.is_empty() {
            return Err(SkipReason::Empty);
        }
        let id = stanza::id(stanza);
        let is_room = |jid: &BareJid| inquiry.room(jid).is_some();
        let addressed = match room_of(row, is_room) {
            Some(room) => Addressed::in_room(row, room, inquiry),
            None => Addressed::to_party(row, is_room),
        };
        let Addressed { conversation, sender, recipient, real } = addressed;
        Ok(Self { row, conversation, id, body, files, typed, sender, recipient, real })
    }

    /// What all copies of one message share, without the sender's resource, which some rows do not show.
    pub(super) fn alike(&self) -> impl Eq + Hash + use<'_, 'a> {
        (&self.conversation, self.id.as_deref(), &self.sender.party, &*self.body)
    }

    /// The same as a digest.
    pub(super) fn likeness(&self) -> ShortDigest {
        self.hash().finish().short()
    }

    /// What tells messages apart; `resource` is the sender's, as shown by this row or a near one.
    pub(super) fn identity(&self, resource: Option<&str>) -> ShortDigest {
        self.hash().field("resource").field(resource.unwrap_or_default()).finish().short()
    }

    fn hash(&self) -> FieldHasher {
        let hasher = self.conversation.hash_into(FieldHasher::new().field("v1"));
        let hasher = match &self.id {
            Some(id) => hasher.field("id").field(id),
            None => hasher.field("no id"),
        };
        self.sender.party.hash_into(hasher).field(&self.body)
    }

    /// The lane of a message without an id: the same message passes each lane once.
    pub(super) fn lane(&self) -> (Table, Option<Direction>, &Jid) {
        (self.row.table, self.row.direction, &self.row.to)
    }
}

struct Addressed {
    conversation: ConversationKey,
    sender: Sender,
    recipient: Option<Party>,
    real: Option<BareJid>,
}

impl Addressed {
    fn in_room(row: &MessageRow, room: &BareJid, inquiry: &Inquiry<'_>) -> Self {
        // In a copy for a recipient the room is the sender; in the sender's own copy and in the room archive it is addressed.
        let for_recipient = row.table == Table::Jm && row.from.bare() == room;
        let sender = if for_recipient {
            Sender::of_nick(room, row.from.resource().unwrap_or_default(), inquiry)
        } else {
            let archived = row.nick.as_deref().and_then(|nick| nick.split_once('/')).map(|(_, nick)| nick);
            let own = Sender::of_jid(&row.from);
            match (archived, inquiry.nick(room, &row.from)) {
                (Some(nick), _) => Sender::of_nick(room, nick, inquiry),
                // The map may know another device of the same person; the row shows which one it was.
                (None, Some(nick)) => {
                    let mapped = Sender::of_nick(room, nick, inquiry);
                    if mapped.party == own.party && own.resource.is_some() { own } else { mapped }
                }
                (None, None) => own,
            }
        };
        Self {
            conversation: ConversationKey::Room(room.clone()),
            sender,
            recipient: for_recipient.then(|| Party::User(row.to.bare().clone())).filter(|_| row.to.bare() != room),
            real: Some(row.from.bare().clone()).filter(|real| real != room),
        }
    }

    fn to_party(row: &MessageRow, is_room: impl Fn(&BareJid) -> bool) -> Self {
        let (from, to) = (party(&row.from, &is_room), party(&row.to, &is_room));
        let resource = match from {
            Party::User(_) => row.from.resource().map(str::to_owned),
            Party::Occupant { .. } => None,
        };
        Self {
            conversation: ConversationKey::pair(from.clone(), to.clone()),
            sender: Sender { party: from, resource },
            recipient: Some(to),
            real: None,
        }
    }
}

/// The conversation that a row is of. Everything that decides what becomes of a row, besides rooms and directory, are rows of the same conversation.
pub(super) fn conversation(row: &MessageRow, rooms: &Rooms) -> ConversationKey {
    let is_room = |jid: &BareJid| rooms.room(jid).is_some();
    match room_of(row, is_room) {
        Some(room) => ConversationKey::Room(room.clone()),
        None => ConversationKey::pair(party(&row.from, is_room), party(&row.to, is_room)),
    }
}

/// The room that a row of type `groupchat` or of the room archive is of.
fn room_of(row: &MessageRow, is_room: impl Fn(&BareJid) -> bool) -> Option<&BareJid> {
    let (from, to) = (row.from.bare(), row.to.bare());
    match row.table {
        Table::TcMsgarchive => Some(to),
        _ if row.kind != MessageKind::Groupchat => None,
        _ if is_room(to) => Some(to),
        _ if is_room(from) => Some(from),
        _ => Some(if row.direction == Some(Direction::Outgoing) { to } else { from }),
    }
}

/// A user, or an occupant of a room whom somebody writes to in private.
///
/// What is a room is told from the row and from `tc_rooms` alone, never from other rows, so that it does not depend on how time is cut: a JID is a room if
/// `tc_rooms` has it, or if its domain is one that IM and Presence gives to its conference components: `conference.<domain>`, `conference-2-<cluster>.<domain>`.
/// The resource says nothing: users choose theirs.
fn party(jid: &Jid, is_room: impl Fn(&BareJid) -> bool) -> Party {
    let bare = jid.bare();
    let label = bare.domain().split('.').next().unwrap_or_default();
    let is_conference = label == "conference" || label.starts_with("conference-");
    if is_conference || is_room(bare) {
        Party::Occupant { room: bare.clone(), nick: jid.resource().unwrap_or_default().to_owned() }
    } else {
        Party::User(bare.clone())
    }
}
