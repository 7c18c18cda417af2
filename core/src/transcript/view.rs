use std::{borrow::Cow, fmt::Write as _};

use serde::{Deserialize, Serialize};

use super::{
    PerMessage, Transcript, TranscriptSettings,
    clock::{Clock, Local},
    cut::{Extent, Piece},
    envelope::field_bytes,
    frame::Fact,
    names::{Names, one_line},
    row::{Row, rows},
};
use crate::{
    ArchiveFacts, Conversation, ConversationKey, ConversationKind, Error, ErrorClass, ErrorKind, HeaderText, Issue, ItemId, Message,
    MessageKey, Part, Participant, Result, Timestamp, header::shortened, mail::header_address,
};

/// The layout of the mails: what `X-Jabber-Archive-Version` says.
const LAYOUT: u32 = 1;
/// Participants in the address fields; beyond it the list is that of the body.
pub(super) const MOST_ADDRESSES: usize = 200;
/// The name of the mailbox for mails with participants whom no mail reaches.
pub(super) const CATCH_ALL_NAME: &str = "Participants without an address";
/// The longest name in a header field, in characters.
pub(super) const HEADER_NAME: usize = 64;
/// The longest title, key or subject in a header field, in characters.
const HEADER_TEXT: usize = 400;
/// The longest title at the head of the body, in characters; beyond it only the JSON has all of it.
const BODY_TITLE: usize = 1_000;
/// People named in the subject.
const SUBJECT_NAMES: usize = 4;

/// A conversation as all its mails see it.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) facts: &'a ArchiveFacts,
    pub(super) holds: Holds,
    pub(super) conversation: &'a Conversation,
    pub(super) issue: Issue,
    pub(super) names: Names,
    pub(super) rows: Vec<Row<'a>>,
    pub(super) addressing: Addressing,
    pub(super) clock: Clock<'a>,
    /// The mailbox for mails with participants whom no mail reaches.
    catch_all: Option<&'a str>,
    /// Where the sender of every message stands among the participants.
    pub(super) senders: Vec<usize>,
    addresses: HeaderText,
    subject: String,
}

/// What a mail holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Holds {
    /// A conversation, or a part of it.
    #[default]
    Part,
    /// One message.
    Message,
    /// Participants that are too many for the mails of the messages.
    People,
    /// A conversation, or a part of it, for review tools.
    #[cfg(feature = "rsmf")]
    Slice,
}

impl Holds {
    /// The name of the converter that makes such mails.
    fn converter(self) -> &'static str {
        match self {
            Self::Part => Transcript::NAME,
            Self::Message | Self::People => PerMessage::NAME,
            #[cfg(feature = "rsmf")]
            Self::Slice => super::Rsmf::NAME,
        }
    }
}

/// A message and who says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) message: &'a Message,
    /// Where the sender stands among the participants.
    pub(super) sender: usize,
    /// The name before the message.
    pub(super) name: &'a str,
    /// When it was sent.
    pub(super) sent: Local<'a>,
    /// How much of the message it is.
    pub(super) extent: Extent,
}

/// Who stands in `To`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Addressing {
    /// All participants.
    Everyone,
    /// Some of them, by place among the participants.
    People(Vec<usize>),
    /// The room and the senders of the part, in so many bytes at most.
    Senders {
        /// Bytes of names and addresses.
        most: usize,
    },
}

impl<'a> View<'a> {
    pub(super) fn new(
        facts: &'a ArchiveFacts,
        settings: &'a TranscriptSettings,
        holds: Holds,
        conversation: &'a Conversation,
        issue: Issue,
    ) -> Result<Self> {
        let (limit, catch_all) = (settings.max_item_bytes, settings.catch_all.as_deref());
        let senders = senders(conversation)?;
        let people = &conversation.participants;
        let names = Names::new(people);
        let addressing = if are_addressable(people.iter(), catch_all, limit) { Addressing::Everyone } else { Addressing::senders(limit) };
        let rows = people.iter().enumerate().flat_map(|(index, person)| rows(index, person)).collect();
        let clock = Clock::new(&settings.time_zone, times(conversation));
        let subject = subject(conversation);
        let addresses = listed(people, limit / 32);
        Ok(Self { facts, holds, conversation, issue, names, rows, addressing, clock, catch_all, senders, addresses, subject })
    }

    /// The mailbox for what these people would not be reached by, if there are such.
    pub(super) fn catch_all<'p>(&self, mut people: impl Iterator<Item = &'p Participant>) -> Option<&'a str> {
        self.catch_all.filter(|_| people.any(Participant::is_unreached))
    }

    /// A piece of the message at this index.
    pub(super) fn turn_of_piece<'p>(&'p self, piece: &'p Piece) -> Turn<'p> {
        Turn { message: &piece.message, extent: piece.extent, ..self.turn(piece.index) }
    }

    /// The id of a part.
    pub(super) fn id(&self, part: u32) -> ItemId {
        self.id_of(None, part)
    }

    /// The id of a part, of the conversation or of the mail of a message.
    pub(super) fn id_of(&self, message: Option<&MessageKey>, part: u32) -> ItemId {
        let Conversation { key, window, .. } = self.conversation;
        ItemId::new(&self.facts.name, self.holds.converter(), key, message, window, part, self.issue.edition)
    }

    /// The room's title, on one line.
    pub(super) fn title(&self) -> Option<String> {
        let title = one_line(&shortened(self.conversation.title.as_deref()?, BODY_TITLE));
        (!title.is_empty()).then_some(title)
    }

    /// The message at this index.
    pub(super) fn turn(&self, index: usize) -> Turn<'_> {
        let sender = self.senders[index];
        let message = &self.conversation.messages[index];
        Turn { message, sender, name: self.names.at(sender), sent: self.clock.at(message.sent()), extent: Extent::default() }
    }

    /// The subject of a part.
    pub(super) fn subject(&self, part: Part) -> HeaderText {
        let mut subject = shortened(&self.subject, HEADER_TEXT).into_owned();
        if part.of > 1 {
            let _ = write!(subject, " ({}/{})", part.number, part.of);
        }
        if self.issue.addendum {
            subject.push_str(" (addendum)");
        }
        HeaderText::new(&subject)
    }

    /// The subject of every mail of a thread.
    pub(super) fn thread(&self) -> HeaderText {
        HeaderText::shortened(&self.subject, HEADER_TEXT)
    }

    /// What the mail of this id says of itself.
    pub(super) fn facts(&self, part: Part, id: &ItemId, messages: usize) -> [Fact; 10] {
        let Conversation { key, window, kind, .. } = self.conversation;
        let key = match key {
            ConversationKey::Pair(one, other) => format!("{}, {}", short(&one.to_string()), short(&other.to_string())),
            ConversationKey::Room(room) => short(room.as_str()).into_owned(),
        };
        let edition = self.issue.edition;
        let edition = if self.issue.addendum { format!("{edition} (addendum)") } else { edition.to_string() };
        [
            Fact("X-Jabber-Archive-Version", HeaderText::new(&LAYOUT.to_string())),
            Fact("X-Jabber-Archive-Source", HeaderText::shortened(&self.facts.name, HEADER_TEXT)),
            Fact("X-Jabber-Archive-Kind", HeaderText::new(&kind.to_string())),
            Fact("X-Jabber-Archive-Conversation", HeaderText::new(&one_line(&key))),
            Fact("X-Jabber-Archive-Window", HeaderText::new(&window.to_string())),
            Fact("X-Jabber-Archive-Messages", HeaderText::new(&messages.to_string())),
            Fact("X-Jabber-Archive-Participants", self.addresses.clone()),
            Fact("X-Jabber-Archive-Item", HeaderText::new(id.as_str())),
            Fact("X-Jabber-Archive-Edition", HeaderText::new(&edition)),
            Fact("X-Jabber-Archive-Part", HeaderText::new(&format!("{}/{}", part.number, part.of))),
        ]
    }
}

impl Addressing {
    /// In a mail of this limit.
    pub(super) fn senders(limit: usize) -> Self {
        Self::Senders { most: limit / 16 }
    }
}

/// Where the senders of the messages stand among the participants. A conversation that was not made by [`Conversation::new`] may be out of order.
fn senders(conversation: &Conversation) -> Result<Vec<usize>> {
    let Conversation { key, participants, messages, .. } = conversation;
    let refuse = |what: &str| Error::new(ErrorKind::Conversion, ErrorClass::Item, "convert", what).about(key.digest());
    if !participants.is_sorted_by(|one, next| one.party < next.party) {
        return Err(refuse("the participants are not in the order of their parties, each once"));
    }
    if let Some(pair) = messages.windows(2).find(|pair| pair[0].key >= pair[1].key) {
        return Err(refuse("the messages are not in the order of their keys, each once").about_message(pair[1].key));
    }
    let sender = |message: &Message| {
        let index = participants.binary_search_by(|person| person.party.cmp(&message.sender));
        index.map_err(|_| refuse("the sender of a message is no participant").about_message(message.key))
    };
    messages.iter().map(sender).collect()
}

/// All times that mails of a conversation show.
fn times(conversation: &Conversation) -> impl Iterator<Item = Timestamp> {
    let Conversation { window, messages, participants, .. } = conversation;
    let movements = participants.iter().flat_map(|person| &person.movements).map(|(time, _)| *time);
    [window.start(), window.end()].into_iter().chain(messages.iter().map(Message::sent)).chain(movements)
}

/// Whether so many people may stand in an address field, and a mailbox for those whom no mail reaches.
pub(super) fn are_addressable<'p>(people: impl ExactSizeIterator<Item = &'p Participant>, catch_all: Option<&str>, limit: usize) -> bool {
    let more = catch_all.map_or(0, |address| field_bytes(CATCH_ALL_NAME, address));
    people.len() + usize::from(catch_all.is_some()) <= MOST_ADDRESSES
        && people.map(|person| field_bytes(&header_name(person), &header_address(&person.address))).sum::<usize>() + more <= limit / 8
}

/// The name of a participant in header fields; addresses stand beside it, so that names may be alike.
pub(super) fn header_name(person: &Participant) -> String {
    one_line(&shortened(&person.display_name(), HEADER_NAME))
}

fn subject(conversation: &Conversation) -> String {
    if let (ConversationKind::Room, ConversationKey::Room(room)) = (conversation.kind, &conversation.key) {
        let title = one_line(&shortened(conversation.title.as_deref().unwrap_or_default(), HEADER_TEXT));
        let name = if title.is_empty() { one_line(&room.unescaped_local().unwrap_or(Cow::Borrowed(room.as_str()))) } else { title };
        return format!("Jabber room: {name}");
    }
    let people = &conversation.participants;
    let first: Vec<_> = people.iter().take(SUBJECT_NAMES).map(header_name).collect();
    match people.len().saturating_sub(SUBJECT_NAMES) {
        0 => format!("Jabber: {}", first.join(", ")),
        more => format!("Jabber: {} and {more} more", first.join(", ")),
    }
}

/// The first addresses, at most [`MOST_ADDRESSES`] and so many bytes, and how many more there are.
fn listed(people: &[Participant], most: usize) -> HeaderText {
    let mut list = String::new();
    for (index, person) in people.iter().enumerate() {
        let address = header_address(&person.address);
        if index == MOST_ADDRESSES || list.len() + address.len() > most {
            let _ = write!(list, " and {} more", people.len() - index);
            break;
        }
        if index > 0 {
            list.push_str(", ");
        }
        list.push_str(&address);
    }
    HeaderText::new(&list)
}

fn short(text: &str) -> Cow<'_, str> {
    shortened(text, HEADER_TEXT / 2)
}
