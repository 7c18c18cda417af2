use std::{borrow::Cow, fmt::Write as _};

use serde::{Deserialize, Serialize};

use super::{
    PerMessage, Transcript, TranscriptSettings,
    clock::{Clock, Local},
    cut::{Cut, Extent, Piece, Said},
    envelope::field_bytes,
    names::{Names, one_line},
};
use crate::{
    Address, ArchiveFacts, Conversation, ConversationKey, ConversationKind, Error, ErrorClass, ErrorKind, HeaderText, Issue, ItemId,
    Message, MessageKey, MessageLine, Movement, Part, Participant, Party, Result, Timestamp, header::shortened, mail::header_address,
};

/// The layout of the mails: what `X-Jabber-Archive-Version` says.
const LAYOUT: u32 = 1;
/// Participants in the address fields; beyond it the list is that of the body.
pub(super) const MOST_ADDRESSES: usize = 200;
/// The name of the mailbox for mails with participants whom no mail reaches.
pub(super) const CATCH_ALL_NAME: &str = "Participants without an address";
/// The longest name in a header field, in characters.
const HEADER_NAME: usize = 64;
/// The longest title, key or subject in a header field, in characters.
const HEADER_TEXT: usize = 400;
/// The longest title at the head of the body, in characters; beyond it only the JSON has all of it.
const BODY_TITLE: usize = 1_000;
/// People named in the subject.
const SUBJECT_NAMES: usize = 4;
/// Movements in one row of the participants; somebody whose client comes and goes all day has several rows.
const ROW_MOVEMENTS: usize = 100;
/// How many parts on either side a part names, beside the first and the last.
const NEIGHBOURS: u32 = 20;
/// The part whose numbers take the most room.
const LARGEST_PART: Part = Part { number: u32::MAX, of: u32::MAX };

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
    senders: Vec<usize>,
    addresses: HeaderText,
    subject: String,
}

/// A header field, and a line at the foot of the bodies: its name in the header, and what it says.
#[derive(Debug, Clone)]
pub(super) struct Fact(pub(super) &'static str, pub(super) HeaderText);

impl Fact {
    /// The name at the foot.
    pub(super) fn name(&self) -> &'static str {
        self.0.strip_prefix("X-Jabber-Archive-").unwrap_or(self.0)
    }
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

/// One line of the list of participants: a participant, or more movements of the one before.
#[derive(Debug, Clone)]
pub(super) struct Row<'a> {
    pub(super) index: usize,
    pub(super) person: &'a Participant,
    pub(super) movements: &'a [(Timestamp, Movement)],
    /// Whether an earlier row is of the same participant.
    pub(super) continued: bool,
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
    fn catch_all<'p>(&self, mut people: impl Iterator<Item = &'p Participant>) -> Option<&'a str> {
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

    fn id_of(&self, message: Option<&MessageKey>, part: u32) -> ItemId {
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

    fn subject(&self, part: Part) -> HeaderText {
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

    fn facts(&self, part: Part, id: &ItemId, messages: usize) -> [Fact; 10] {
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
    fn senders(limit: usize) -> Self {
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
fn are_addressable<'p>(people: impl ExactSizeIterator<Item = &'p Participant>, catch_all: Option<&str>, limit: usize) -> bool {
    let more = catch_all.map_or(0, |address| field_bytes(CATCH_ALL_NAME, address));
    people.len() + usize::from(catch_all.is_some()) <= MOST_ADDRESSES
        && people.map(|person| field_bytes(&header_name(person), &header_address(&person.address))).sum::<usize>() + more <= limit / 8
}

fn rows(index: usize, person: &Participant) -> impl Iterator<Item = Row<'_>> {
    let first = person.movements.len().min(ROW_MOVEMENTS);
    let (first, rest) = person.movements.split_at(first);
    std::iter::once(Row { index, person, movements: first, continued: false }).chain(rest.chunks(ROW_MOVEMENTS).map(move |movements| Row {
        index,
        person,
        movements,
        continued: true,
    }))
}

/// The name of a participant in header fields; addresses stand beside it, so that names may be alike.
fn header_name(person: &Participant) -> String {
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

/// One part of a conversation, with all that depends on which one it is.
#[derive(Debug)]
pub(super) struct Frame<'v> {
    pub(super) view: &'v View<'v>,
    pub(super) part: Part,
    pub(super) id: ItemId,
    /// Other parts that this one names, with their ids.
    pub(super) others: Vec<(u32, ItemId)>,
    said: &'v Said,
    /// The subject line.
    pub(super) subject: HeaderText,
    /// What header fields (`X-Jabber-Archive-…`) and footers say, in their order.
    pub(super) facts: [Fact; 10],
    /// The rows shown.
    pub(super) rows: &'v [Row<'v>],
    /// The rows that this part's JSON holds: every row stands in the JSON of one part.
    pub(super) own_rows: &'v [Row<'v>],
    /// Who stands in `To`.
    pub(super) addressing: Addressing,
    /// The mailbox that stands there too, because somebody has no address.
    pub(super) catch_all: Option<&'v str>,
}

impl<'v> Frame<'v> {
    /// The frame of a part; `everybody` says that it shows all participants, not only its own.
    pub(super) fn new(view: &'v View<'v>, part: Part, cut: &'v Cut, everybody: bool) -> Self {
        let own_rows = &view.rows[cut.rows.clone()];
        let id = view.id(part.number);
        Self {
            view,
            part,
            others: others(part).map(|number| (number, view.id(number))).collect(),
            subject: view.subject(part),
            facts: view.facts(part, &id, cut.said.messages()),
            id,
            said: &cut.said,
            rows: if everybody { &view.rows } else { own_rows },
            own_rows,
            addressing: view.addressing.clone(),
            catch_all: view.catch_all(view.conversation.participants.iter()),
        }
    }

    /// The frame of a message that went to these people, or of a piece of it; `everybody` says that it shows all participants, not none.
    pub(super) fn of_message(view: &'v View<'v>, part: Part, said: &'v Said, audience: &[usize], everybody: bool, limit: usize) -> Self {
        let index = match said {
            Said::Messages(messages) => messages.start,
            Said::Piece(piece) => piece.index,
        };
        let message = &view.conversation.messages[index];
        let id = view.id_of(Some(&message.key), part.number);
        let rows: &[Row<'_>] = if everybody { &view.rows } else { &[] };
        let person = |index: &usize| &view.conversation.participants[*index];
        let catch_all = view.catch_all(audience.iter().chain([&view.senders[index]]).map(person));
        let addressable = are_addressable(audience.iter().map(person), catch_all, limit);
        Self {
            view,
            part,
            others: others(part).map(|number| (number, view.id_of(Some(&message.key), number))).collect(),
            subject: view.thread(),
            facts: view.facts(part, &id, said.messages()),
            id,
            said,
            rows,
            own_rows: if part.number == 1 { rows } else { &[] },
            catch_all,
            addressing: if addressable { Addressing::People(audience.to_vec()) } else { Addressing::senders(limit) },
        }
    }

    /// A frame without messages that takes at least as much room as that of any part.
    pub(super) fn largest(view: &'v View<'v>, everybody: bool) -> Self {
        let id = view.id(1);
        let part = Part::new(1, 1);
        let frame = Self {
            view,
            part,
            others: Vec::new(),
            subject: view.subject(LARGEST_PART),
            facts: view.facts(part, &id, 0),
            id,
            said: &Said::NOTHING,
            rows: if everybody { &view.rows } else { &[] },
            own_rows: &[],
            addressing: view.addressing.clone(),
            catch_all: view.catch_all(view.conversation.participants.iter()),
        };
        frame.largest_part()
    }

    /// The same as a part of so many that its numbers take the most room.
    pub(super) fn largest_part(self) -> Self {
        Self {
            part: LARGEST_PART,
            facts: self.view.facts(LARGEST_PART, &self.id, self.view.conversation.messages.len()),
            others: vec![(u32::MAX, self.id.clone()); 2 * NEIGHBOURS as usize + 2],
            ..self
        }
    }

    /// How many messages begin in the part.
    pub(super) fn messages(&self) -> usize {
        self.said.messages()
    }

    /// The messages of the part and who says them.
    pub(super) fn turns(&self) -> impl Iterator<Item = Turn<'v>> {
        let (messages, piece) = match self.said {
            Said::Messages(messages) => (messages.clone(), None),
            Said::Piece(piece) => (0..0, Some(self.view.turn_of_piece(piece))),
        };
        messages.map(|index| self.view.turn(index)).chain(piece)
    }

    /// The lines that list the messages that begin in the part.
    pub(super) fn lines(&self) -> Vec<MessageLine> {
        let messages = &self.view.conversation.messages;
        match self.said {
            Said::Messages(range) => messages[range.clone()].iter().map(MessageLine::of).collect(),
            Said::Piece(piece) if piece.is_first() => vec![MessageLine::of(&messages[piece.index])],
            Said::Piece(_) => Vec::new(),
        }
    }

    /// The first message of the part; in a part of participants alone, the first message of all.
    fn first(&self) -> Option<Turn<'v>> {
        self.turns().next().or_else(|| (!self.view.senders.is_empty()).then(|| self.view.turn(0)))
    }

    /// When the mail is dated.
    pub(super) fn date(&self) -> Timestamp {
        self.first().map_or(self.view.conversation.window.start(), |first| first.message.sent())
    }

    /// Whom the mail is from, by place among the participants.
    pub(super) fn from(&self) -> Option<usize> {
        self.first().map(|first| first.sender)
    }

    /// The senders of the part in the order of their first messages, each once.
    pub(super) fn senders(&self) -> impl Iterator<Item = usize> {
        let mut seen = std::collections::HashSet::new();
        self.turns().map(|turn| turn.sender).filter(move |sender| seen.insert(*sender))
    }

    /// Sentences at the head of the body, where they apply.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.view.issue.addendum {
            notes.push("Addendum: messages of this window that were found after its first issue.".to_owned());
        }
        if self.part.of > 1 {
            let others: Vec<_> = self.others.iter().map(|(number, id)| format!("{number} {id}")).collect();
            notes.push(format!("Part {} of {}. Other parts: {}.", self.part.number, self.part.of, others.join(", ")));
        }
        if self.view.holds == Holds::Message && self.rows.len() < self.view.rows.len() {
            notes.push(format!("The participants are listed in a mail of their own: {}.", self.view.id(1)));
        }
        notes
    }

    /// How many participants there are, and whether others are listed elsewhere.
    pub(super) fn people_heading(&self) -> String {
        let all = self.view.conversation.participants.len();
        if self.rows.len() == self.view.rows.len() {
            format!("Participants: {all}")
        } else {
            let here = self.rows.iter().filter(|row| !row.continued).count();
            format!("Participants: {all}, of them {here} listed in this part")
        }
    }

    /// The header name and address of the participant at this index.
    pub(super) fn mailbox(&self, index: usize) -> Option<(HeaderText, Cow<'v, str>)> {
        let person = self.view.conversation.participants.get(index)?;
        Some((HeaderText::new(&header_name(person)), header_address(&person.address)))
    }
}

impl Frame<'_> {
    /// The room's name in a header field.
    pub(super) fn room_name(&self) -> HeaderText {
        let name = self.view.title().unwrap_or_else(|| "Room".to_owned());
        HeaderText::shortened(&name, HEADER_NAME)
    }
}

fn short(text: &str) -> Cow<'_, str> {
    shortened(text, HEADER_TEXT / 2)
}

fn others(part: Part) -> impl Iterator<Item = u32> {
    let near = part.number.saturating_sub(NEIGHBOURS)..=part.number.saturating_add(NEIGHBOURS).min(part.of);
    let first = (!near.contains(&1)).then_some(1);
    let last = (!near.contains(&part.of)).then_some(part.of);
    first.into_iter().chain(near.filter(move |number| *number >= 1 && *number != part.number)).chain(last)
}

impl Row<'_> {
    /// How the address is known, for people to read.
    pub(super) fn address_source(&self) -> &'static str {
        match (&self.person.address, &self.person.party) {
            (Address::Mapped(_), _) if self.person.address.reaches_nobody() => "reaches nobody: from the directory",
            (Address::Foreign(_), _) if self.person.address.reaches_nobody() => "reaches nobody: a foreign JID",
            (Address::Mapped(_), _) => "from the directory",
            (Address::Foreign(_), _) => "a foreign JID, taken for an address",
            (Address::Unmapped(_), Party::Occupant { .. }) => "reaches nobody: known by nick alone",
            (Address::Unmapped(_), Party::User(_)) => "reaches nobody: not in the directory",
        }
    }

    /// How participation is known, for people to read.
    pub(super) fn known_by(&self) -> String {
        let flags = [
            (self.person.sent, "sent messages"),
            (self.person.received, "received messages"),
            (self.person.inside, "was inside when the window began"),
            (!self.person.movements.is_empty(), "entered or left"),
        ];
        let known: Vec<_> = flags.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text).collect();
        if known.is_empty() { "named".to_owned() } else { known.join(", ") }
    }

    /// Entering and leaving, for people to read, with times as they are to be shown; empty if there was none.
    pub(super) fn moves(&self, separator: &str, show: impl Fn(Timestamp) -> String) -> String {
        let moves = self.movements.iter().map(|(time, movement)| {
            let verb = match movement {
                Movement::Entered => "entered",
                Movement::Left => "left",
            };
            format!("{verb} {}", show(*time))
        });
        moves.collect::<Vec<_>>().join(separator)
    }

    /// The name in full, where it is not the one before messages.
    pub(super) fn full_name(&self, shown: &str) -> Option<String> {
        let name = one_line(&self.person.display_name());
        (name != shown && !name.is_empty()).then_some(name)
    }
}
