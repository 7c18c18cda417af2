//! Makes conversations of the messages that start in a window.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{copy::Copy, presence::Presence};
use crate::{
    Conversation, ConversationKey, ConversationKind, Jid, Message, MessageKey, MessageRow, Participant, Party, RoomKind, ShortDigest,
    Table, Window, context::Inquiry,
};

/// A message that starts in the window.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) identity: ShortDigest,
    /// The copy that starts it.
    pub(super) at: &'a Copy<'a>,
    /// All copies in sight.
    pub(super) copies: &'a [Copy<'a>],
}

/// Conversations by key.
pub(super) fn gather(starts: Vec<Start<'_>>, window: &Window, inquiry: &Inquiry<'_>, presence: &Presence) -> Vec<Conversation> {
    let mut ordinals = HashMap::new();
    let mut conversations: HashMap<&ConversationKey, Gathered> = HashMap::new();
    for start in starts {
        let ordinal = ordinals.entry((start.at.row.sent, start.identity)).or_insert(0);
        let key = MessageKey::new(start.at.row.sent, start.identity, *ordinal);
        *ordinal += 1;
        let gathered = conversations.entry(&start.at.conversation).or_default();
        let sender = sender(&start, inquiry);
        gathered.nicks_are_jids &= !matches!(&start.at.sender.party, Party::Occupant { nick, .. } if !nick.is_empty());
        gathered.messages.push(message(&start, key, sender));
    }
    let mut conversations: Vec<_> = conversations.into_iter().collect();
    conversations.sort_unstable_by_key(|(key, _)| *key);
    conversations.into_iter().map(|(key, gathered)| gathered.conversation(key, window, inquiry, presence)).collect()
}

#[derive(Debug)]
struct Gathered {
    messages: Vec<Message>,
    nicks_are_jids: bool,
}

impl Default for Gathered {
    fn default() -> Self {
        Self { messages: Vec::new(), nicks_are_jids: true }
    }
}

impl Gathered {
    fn conversation(self, key: &ConversationKey, window: &Window, inquiry: &Inquiry<'_>, presence: &Presence) -> Conversation {
        let mut parties: BTreeMap<Party, Participant> = BTreeMap::new();
        let mut take = |party: &Party, how: &dyn Fn(&mut Participant)| {
            let participant = parties.entry(party.clone()).or_insert_with(|| {
                let (address, name) = inquiry.describe(party);
                Participant::new(party.clone(), address, name)
            });
            how(participant);
        };
        for message in &self.messages {
            take(&message.sender, &|participant| participant.sent = true);
            for recipient in &message.recipients {
                take(recipient, &|participant| participant.received = true);
            }
        }
        if let ConversationKey::Room(room) = key {
            for (party, stay) in presence.stays(room, window) {
                take(&party, &|participant| {
                    participant.inside = stay.inside;
                    participant.movements.clone_from(&stay.movements);
                });
            }
        }
        let (kind, title) = self.label(key, inquiry);
        Conversation::new(key.clone(), *window, kind, title, parties.into_values().collect(), self.messages)
    }

    fn label(&self, key: &ConversationKey, inquiry: &Inquiry<'_>) -> (ConversationKind, Option<String>) {
        match key {
            ConversationKey::Pair(Party::User(_), Party::User(_)) => (ConversationKind::OneToOne, None),
            ConversationKey::Pair(..) => (ConversationKind::RoomPrivate, None),
            ConversationKey::Room(room) => match inquiry.room(room) {
                Some(room) if room.kind == RoomKind::AdHoc => (ConversationKind::AdHoc, room.title.clone()),
                Some(room) => (ConversationKind::Room, room.title.clone()),
                None if self.nicks_are_jids => (ConversationKind::AdHoc, None),
                None => (ConversationKind::Room, None),
            },
        }
    }
}

fn message(start: &Start<'_>, key: MessageKey, sender: Party) -> Message {
    // The room archive's copy counts where there is one, else the one that starts the message.
    let counts = start.copies.iter().find(|copy| copy.row.table == Table::TcMsgarchive).unwrap_or(start.at);
    let by_weight = || std::iter::once(counts).chain(start.copies);
    let first =
        |field: fn(&MessageRow) -> &Option<String>| by_weight().find_map(|copy| field(copy.row).clone().filter(|text| !text.is_empty()));
    let mut body = counts.body.to_string();
    if let Some(copy) = by_weight().find(|copy| !copy.typed.is_empty()) {
        if !body.is_empty() {
            body.push('\n');
        }
        body.push_str(&copy.typed);
    }
    let mut message = Message::new(key, sender, body);
    message.recipients = start.copies.iter().filter_map(|copy| copy.recipient.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    message.stanza_id.clone_from(&start.at.id);
    message.subject = first(|row| &row.subject);
    message.thread = first(|row| &row.thread);
    message.stanza = first(|row| &row.stanza);
    if let Some(copy) = by_weight().find(|copy| !copy.files.is_empty()) {
        message.files.clone_from(&copy.files);
    }
    message.copies = start.copies.len() as u32;
    message.spread_millis = start.copies.last().map_or(0, |last| last.row.sent.distance(key.start).as_millis() as u64);
    message
}

/// Who sent a message, as a person where that is known. In a room the room archive's word for the real user counts before anything that a nick says.
fn sender(start: &Start<'_>, inquiry: &Inquiry<'_>) -> Party {
    let party = &start.at.sender.party;
    let ConversationKey::Room(_) = &start.at.conversation else { return party.clone() };
    let named = |table: Table| start.copies.iter().filter(move |copy| copy.row.table == table).find_map(|copy| copy.real.as_ref());
    let found = match party {
        Party::Occupant { nick, .. } if nick.is_empty() => None,
        Party::Occupant { room, nick } => {
            named(Table::TcMsgarchive).or_else(|| named(Table::Jm)).or_else(|| inquiry.person_behind(room, nick).map(Jid::bare))
        }
        Party::User(_) => named(Table::TcMsgarchive),
    };
    found.map_or_else(|| party.clone(), |jid| Party::User(jid.clone()))
}
