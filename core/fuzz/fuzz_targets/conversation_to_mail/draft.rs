//! Any bytes as a conversation, the settings that it is converted with, and the converter.
//!
//! Bytes 0xFF, which no UTF-8 holds, stand between fields. The first field chooses; every other one begins with a letter that says what the
//! rest of it is, and adds to what is there. So a fuzzer that moves, copies or joins fields gets another conversation, and texts in seeds can be read.

use std::collections::BTreeMap;

use bytes::Bytes;
use jabber_archive_core::{
    Address, BareJid, Conversation, ConversationKey, ConversationKind, Digest, FieldHasher, FileRef, Issue, Message, MessageKey, Movement,
    Participant, Party, Span, Timestamp, TranscriptSettings, Window,
};

/// The most that repetition makes of the texts and files of a conversation, in bytes: more than the smallest mail.
const MOST_BYTES: usize = 400_000;
/// As many people and messages as repetition makes of them.
const MOST_PEOPLE: usize = 400;
const MOST_MESSAGES: usize = 300;

pub(crate) struct Draft {
    pub(crate) conversation: Conversation,
    pub(crate) issue: Issue,
    pub(crate) settings: TranscriptSettings,
    /// Which converter.
    pub(crate) converter: u8,
}

impl Draft {
    pub(crate) fn read(data: &[u8]) -> Self {
        let mut fields = data.split(|byte| *byte == 0xff);
        let choices = fields.next().unwrap_or_default();
        let choice = |index: usize| choices.get(index).copied().unwrap_or_default();
        let mut fold = Fold::new(choice(0), choice(1));
        for field in fields {
            if let Some((kind, content)) = field.split_first() {
                fold.add(*kind, content);
            }
        }
        let (converter, options, edition) = (choice(2) % 5, choice(3), u32::from(choice(4) % 4) + 1);
        let limit = TranscriptSettings::LEAST_ITEM_BYTES + usize::from(u16::from_be_bytes([choice(5), choice(6)])) * 8;
        let mut settings = TranscriptSettings::default()
            .with_max_item_bytes(limit)
            .with_conversation_json(options & 1 != 0)
            .with_raw_stanzas(options & 2 != 0);
        if options & 4 != 0 {
            settings = settings.with_catch_all("archive@example.com");
        }
        if options & 8 != 0 {
            let zone = if options & 16 == 0 { "Europe/Zurich" } else { "Asia/Kathmandu" };
            settings = settings.with_time_zone(zone.parse().expect("a time zone"));
        }
        let mut issue = Issue::FIRST;
        (issue.edition, issue.addendum) = (edition, options & 32 != 0 && edition > 1);
        Self { conversation: fold.conversation(), issue, settings, converter }
    }
}

/// What a conversation is made of, before it is known who takes part.
struct Fold {
    kind: ConversationKind,
    window: Window,
    title: Option<String>,
    room: BareJid,
    people: Vec<Participant>,
    messages: Vec<(u8, Vec<u8>, Message)>,
    /// What repetition repeats: the field before.
    last: u8,
    budget: usize,
}

impl Fold {
    fn new(kind: u8, window: u8) -> Self {
        let at = |start: &str, end: &str| {
            let span = Span::new(start.parse().expect("a time"), end.parse().expect("a time"));
            Window::try_from(span).expect("a window that ends after it starts")
        };
        let kinds = [ConversationKind::OneToOne, ConversationKind::Room, ConversationKind::AdHoc, ConversationKind::RoomPrivate];
        let window = match window % 4 {
            0 => at("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
            1 => at("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"),
            2 => at("2024-02-29T23:00:00Z", "2024-03-01T00:00:00Z"),
            _ => Window::UNDATED,
        };
        Self {
            kind: kinds[usize::from(kind % 4)],
            window,
            title: None,
            room: BareJid::new("room@conference.example.com").expect("a JID"),
            people: Vec::new(),
            messages: Vec::new(),
            last: 0,
            budget: MOST_BYTES,
        }
    }

    fn add(&mut self, kind: u8, content: &[u8]) {
        let text = || String::from_utf8_lossy(content).into_owned();
        let at = self.time(content);
        let person = self.people.last_mut();
        let message = self.messages.last_mut().map(|(_, _, message)| message);
        match (kind, person, message) {
            (b'r', ..) => self.title = Some(text()),
            (b'R', ..) => self.room = BareJid::new(&text()).unwrap_or(self.room.clone()),
            (b'u', ..) => self.people.extend(BareJid::new(&text()).map(|jid| described(Party::User(jid)))),
            (b'o', ..) => self.people.push(described(Party::Occupant { room: self.room.clone(), nick: text() })),
            (b'%', ..) => {
                let first = self.people.len();
                let last = (first + number(content)).min(MOST_PEOPLE);
                let address = |index| format!("user{index}@example.com");
                let party = |index| Party::User(BareJid::new(&address(index)).expect("a JID"));
                self.people.extend((first..last).map(|index| Participant::new(party(index), Address::Mapped(address(index)), None)));
            }
            (b'n', Some(person), _) => person.name = Some(text()),
            (b'a', Some(person), _) => person.address = Address::Mapped(text()),
            (b'f', Some(person), _) => person.address = Address::Foreign(text()),
            (b'x', Some(person), _) => person.address = Address::Unmapped(text()),
            (b'i', Some(person), _) => person.inside = true,
            (b'>', Some(person), _) => person.movements.push((at, Movement::Entered)),
            (b'<', Some(person), _) => person.movements.push((at, Movement::Left)),
            // Sender, time, text.
            (b'm', ..) => {
                let (head, body) = content.split_at(content.len().min(3));
                let at = self.time(head.get(1..).unwrap_or_default());
                let identity = FieldHasher::new().integer(self.messages.len() as i64 % 3).finish().short();
                let key = MessageKey::new(at, identity, self.messages.len() as u32);
                let nobody = Party::User(BareJid::new("nobody@example.com").expect("a JID"));
                let message = Message::new(key, nobody, String::from_utf8_lossy(body).into_owned());
                self.messages.push((head.first().copied().unwrap_or_default(), Vec::new(), message));
            }
            (b't', ..) => {
                if let Some((_, recipients, _)) = self.messages.last_mut() {
                    *recipients = content.to_vec();
                }
            }
            (b's', _, Some(message)) => message.stanza = Some(text()),
            (b'S', _, Some(message)) => message.subject = Some(text()).filter(|subject| !subject.is_empty()),
            (b'T', _, Some(message)) => message.thread = Some(text()),
            (b'I', _, Some(message)) => message.stanza_id = Some(text()),
            (b'c', _, Some(message)) => (message.copies, message.spread_millis) = (number(content) as u32, (number(content) as u64) << 20),
            (b'F', _, Some(message)) => message.files.push(FileRef::named(text())),
            (b'C', _, Some(message)) => change(message, |file| file.with_content(Bytes::copy_from_slice(content))),
            (b'M', _, Some(message)) => change(message, FileRef::missing),
            (b'O', _, Some(message)) => change(message, |file| file.stored(number(content) as u64, Digest::of(content))),
            (b'P', _, Some(message)) => change(message, |file| {
                let mut file = file;
                (file.resource, file.path) = (Some(text()), Some(text()));
                file
            }),
            (b'*', ..) => self.repeat(number(content) * 16),
            (b'#', ..) => self.repeat_message(number(content)),
            _ => {}
        }
        self.last = kind;
    }

    /// Within the window; 0 is its start, which messages without a time share.
    fn time(&self, content: &[u8]) -> Timestamp {
        let (start, end) = (self.window.start().millis(), self.window.end().millis());
        Timestamp::from_millis(start + (end - start) * number(content) as i64 / 0x1_0000)
    }

    /// Makes so many bytes of the text before.
    fn repeat(&mut self, bytes: usize) {
        let bytes = bytes.min(self.budget);
        let grown = |text: &str| text.repeat((bytes / text.len().max(1)).max(1));
        let Some((_, _, message)) = self.messages.last_mut() else { return };
        match self.last {
            b'm' => message.body = grown(&message.body),
            b's' => message.stanza = message.stanza.as_deref().map(grown),
            b'S' => message.subject = message.subject.as_deref().map(grown),
            b'T' => message.thread = message.thread.as_deref().map(grown),
            b'I' => message.stanza_id = message.stanza_id.as_deref().map(grown),
            b'F' => change(message, |file| FileRef::named(grown(&file.name))),
            b'C' => change(message, |file| match file.content() {
                jabber_archive_core::FileContent::Read(content) if !content.is_empty() => {
                    let grown = content.repeat((bytes / content.len()).max(1)).into();
                    file.with_content(grown)
                }
                _ => file,
            }),
            _ => return,
        }
        self.budget -= bytes;
    }

    /// Puts so many more like the last message behind it.
    fn repeat_message(&mut self, times: usize) {
        let Some((sender, recipients, message)) = self.messages.last().cloned() else { return };
        let files = message.files.iter().filter_map(|file| file.size).sum::<u64>() as usize;
        let bytes = message.body.len() + message.stanza.as_ref().map_or(0, String::len) + files + 100;
        let times = times.min(MOST_MESSAGES.saturating_sub(self.messages.len())).min(self.budget / bytes);
        self.budget -= times * bytes;
        for number in 0..times {
            let mut message = message.clone();
            message.key.ordinal = self.messages.len() as u32;
            self.messages.push((sender.wrapping_add(number as u8), recipients.clone(), message));
        }
    }

    fn conversation(mut self) -> Conversation {
        if matches!(self.kind, ConversationKind::OneToOne | ConversationKind::RoomPrivate) {
            self.people.truncate(2);
        }
        let mut people: BTreeMap<Party, Participant> = self.people.into_iter().map(|person| (person.party.clone(), person)).collect();
        let parties: Vec<Party> = people.keys().cloned().collect();
        let party = |index: u8| parties.get(usize::from(index) % parties.len().max(1)).cloned();
        let mut messages = Vec::new();
        for (sender, recipients, mut message) in self.messages {
            // Nobody can be the sender where nobody takes part.
            message.sender = party(sender).unwrap_or(message.sender);
            message.recipients = recipients.into_iter().filter_map(party).collect();
            message.recipients.sort_unstable();
            message.recipients.dedup();
            people.entry(message.sender.clone()).and_modify(|person| person.sent = true);
            for recipient in &message.recipients {
                people.entry(recipient.clone()).and_modify(|person| person.received = true);
            }
            messages.push(message);
        }
        for person in people.values_mut() {
            person.movements.sort_unstable();
        }
        let key = match (self.kind, parties.as_slice()) {
            (ConversationKind::OneToOne | ConversationKind::RoomPrivate, [one, rest @ ..]) => {
                ConversationKey::pair(one.clone(), rest.first().unwrap_or(one).clone())
            }
            _ => ConversationKey::Room(self.room),
        };
        Conversation::new(key, self.window, self.kind, self.title, people.into_values().collect(), messages)
    }
}

/// The first two bytes as a number.
fn number(content: &[u8]) -> usize {
    content.iter().take(2).fold(0, |number, byte| number << 8 | usize::from(*byte))
}

fn described(party: Party) -> Participant {
    Participant::new(party, Address::Mapped("somebody@example.com".into()), None)
}

/// Changes the last file of a message.
fn change(message: &mut Message, how: impl FnOnce(FileRef) -> FileRef) {
    if let Some(file) = message.files.pop() {
        message.files.push(how(file));
    }
}
