//! `rsmf_manifest.json`, by version 2.0.0 of the schema that Relativity publishes.

use std::fmt;

use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::{
    super::{
        files,
        frame::Frame,
        names::one_line,
        row::Row,
        view::{Turn, View},
    },
    VERSION,
    timeline::Event,
};
use crate::{
    Address, ArchiveFacts, ConversationKey, ConversationKind, FileContent, FileRef, ItemId, Message, Movement, Participant, Timestamp,
};

/// The manifest's name in the zip file.
pub(super) const FILE_NAME: &str = "rsmf_manifest.json";
/// The program that people talked with.
pub(super) const PLATFORM: &str = "Cisco Jabber";
/// The id of the one conversation of a manifest.
const CONVERSATION: &str = "C1";

/// What stands between two entries of a list.
pub(super) const SEPARATOR: &str = ",\n";

/// The manifest of a part, and what header fields say of it.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) text: String,
    pub(super) begin: Timestamp,
    pub(super) end: Timestamp,
    pub(super) events: usize,
    pub(super) attachments: usize,
}

impl Manifest {
    /// Of a part with these participants and events, and files of ours with their sizes beside it.
    pub(super) fn new(frame: &Frame<'_>, people: &[usize], events: &[Event], enclosed: &[(&str, usize)]) -> Self {
        let view = frame.view;
        let first = events.first().map(|event| instant(view, *event)).or_else(|| frame.turns().next().map(|turn| turn.message.sent()));
        let begin = first.unwrap_or(view.conversation.window.start());
        let mut manifest =
            Self { text: format!("{{\"version\":\"{VERSION}\",\"participants\":["), begin, end: begin, events: 0, attachments: 0 };
        for (index, person) in people.iter().enumerate() {
            manifest.text.push_str(if index == 0 { "\n" } else { SEPARATOR });
            push_person(view, *person, &mut manifest.text);
        }
        manifest.text.push_str("\n],\"conversations\":[\n");
        push(&Conversation::new(frame, people, begin), &mut manifest.text);
        manifest.text.push_str("\n],\"events\":[");
        if let Some(body) = notice(frame, enclosed, first.is_none()) {
            let attachments: Vec<_> = enclosed.iter().map(|(name, size)| Attachment::new((*name).into(), (*name).into(), *size)).collect();
            let notice = Entry { body: Some(&body), attachments, ..Entry::new("disclaimer", begin) };
            manifest.event(begin, notice.attachments.len(), |out| push(&notice, out));
        }
        let mut turns = frame.turns();
        for event in events {
            match *event {
                Event::Said(_) => {
                    if let Some(turn) = turns.next() {
                        manifest.said(turn);
                    }
                }
                Event::Moved { person, at, movement } => manifest.event(at, 0, |out| push_move(person, at, movement, out)),
            }
        }
        // A piece of a message is no event of its own.
        turns.for_each(|turn| manifest.said(turn));
        manifest.text.push_str("\n],\"eventcollectionid\":");
        push(&collection(view), &mut manifest.text);
        manifest.text.push_str("}\n");
        manifest
    }

    fn said(&mut self, turn: Turn<'_>) {
        self.event(turn.message.sent(), attached(turn.message).count(), |out| push_message(turn, out));
    }

    fn event(&mut self, at: Timestamp, attachments: usize, push: impl FnOnce(&mut String)) {
        self.text.push_str(if self.events == 0 { "\n" } else { SEPARATOR });
        push(&mut self.text);
        self.events += 1;
        self.attachments += attachments;
        self.begin = self.begin.min(at);
        self.end = self.end.max(at);
    }
}

/// When something happened.
fn instant(view: &View<'_>, event: Event) -> Timestamp {
    match event {
        Event::Said(index) => view.conversation.messages[index].sent(),
        Event::Moved { at, .. } => at,
    }
}

/// What keeps the files of a conversation together, from day to day: the id that its mails refer to.
pub(super) fn collection(view: &View<'_>) -> ItemId {
    let ArchiveFacts { name, .. } = view.facts;
    ItemId::root(name, &view.conversation.key)
}

/// The files of a message that the zip file holds: how they are called there, and what they are.
pub(super) fn attached(message: &Message) -> impl Iterator<Item = (String, &FileRef, &Bytes)> {
    message.files.iter().zip(1..).filter_map(|(file, number): (_, u32)| match file.content() {
        FileContent::Read(bytes) => Some((format!("{}-{number}{}", name(message), suffix(&file.name)), file, bytes)),
        _ => None,
    })
}

/// The name of a message: the same wherever it is told of, in the lists of the archive too.
fn name(message: &Message) -> String {
    let key = &message.key;
    format!("{}-{}-{}", key.start.millis(), key.identity, key.ordinal)
}

/// What a name ends with says what the file is; all else that senders choose stays out of names.
fn suffix(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((_, suffix)) if (1..=16).contains(&suffix.len()) && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            format!(".{}", suffix.to_ascii_lowercase())
        }
        _ => String::new(),
    }
}

/// The id of a participant: the same in all files of a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct PersonId(usize);

impl PersonId {
    /// Of the participant at this index.
    pub(super) fn new(index: usize) -> Self {
        Self(index)
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}", self.0 + 1)
    }
}

impl Serialize for PersonId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Serialize)]
struct Person<'a> {
    id: PersonId,
    #[serde(skip_serializing_if = "str::is_empty")]
    display: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    account_id: String,
    custom: [Custom<'a>; 2],
}

/// Appends the entry of the participant at this index.
pub(super) fn push_person(view: &View<'_>, index: usize, out: &mut String) {
    let person = &view.conversation.participants[index];
    let row = Row { index, person, movements: &[], continued: false };
    let address = format!("{} ({})", one_line(person.address.as_str()), row.address_source());
    let entry = Person {
        id: PersonId(index),
        display: view.names.at(index),
        email: email(&person.address),
        account_id: one_line(&person.party.to_string()),
        custom: [Custom::new("Address", address), Custom::new("Known by", row.known_by())],
    };
    push(&entry, out);
}

/// An address that may be somebody's.
fn email(address: &Address) -> Option<&str> {
    (!address.reaches_nobody()).then(|| address.as_str())
}

#[derive(Serialize)]
struct Conversation<'a> {
    id: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    display: String,
    platform: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    participants: Vec<PersonId>,
    custom: Vec<Custom<'a>>,
}

impl<'a> Conversation<'a> {
    fn new(frame: &'a Frame<'_>, people: &[usize], begin: Timestamp) -> Self {
        let view = frame.view;
        let direct = matches!(view.conversation.kind, ConversationKind::OneToOne | ConversationKind::RoomPrivate)
            && matches!(view.conversation.key, ConversationKey::Pair(..));
        let is_there = |index: &&usize| direct || was_inside(&view.conversation.participants[**index], begin);
        let facts = frame.facts.iter().map(|fact| Custom::new(fact.name(), fact.1.as_str()));
        Self {
            id: CONVERSATION,
            display: view.thread().as_str().to_owned(),
            platform: PLATFORM,
            kind: if direct { "direct" } else { "channel" },
            participants: people.iter().filter(is_there).map(|index| PersonId(*index)).collect(),
            custom: facts.filter(|fact| !fact.value.is_empty()).collect(),
        }
    }
}

/// Whether somebody was in the room before this instant; who is not known to have entered later was.
fn was_inside(person: &Participant, at: Timestamp) -> bool {
    match person.movements.iter().rfind(|(time, _)| *time < at) {
        Some((_, movement)) => *movement == Movement::Entered,
        None => person.inside || person.movements.first().is_none_or(|(_, movement)| *movement == Movement::Left),
    }
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<PersonId>,
    conversation: &'static str,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    custom: Vec<Custom<'a>>,
}

impl Entry<'_> {
    fn new(kind: &'static str, timestamp: Timestamp) -> Self {
        Self {
            id: None,
            kind,
            body: None,
            participant: None,
            conversation: CONVERSATION,
            timestamp,
            attachments: Vec::new(),
            custom: Vec::new(),
        }
    }
}

#[derive(Serialize)]
struct Attachment {
    id: String,
    display: String,
    size: usize,
}

impl Attachment {
    fn new(id: String, display: String, size: usize) -> Self {
        Self { id, display, size }
    }
}

#[derive(Serialize)]
struct Custom<'a> {
    name: &'static str,
    value: std::borrow::Cow<'a, str>,
}

impl<'a> Custom<'a> {
    fn new(name: &'static str, value: impl Into<std::borrow::Cow<'a, str>>) -> Self {
        Self { name, value: value.into() }
    }
}

/// Appends the event of a message.
pub(super) fn push_message(turn: Turn<'_>, out: &mut String) {
    let message = turn.message;
    let shown = |file: &FileRef| Some(one_line(&file.name)).filter(|name| !name.is_empty()).unwrap_or_else(|| "file".to_owned());
    let subject = message.subject.as_deref().map(one_line).filter(|subject| !subject.is_empty());
    let elsewhere = message.files.iter().filter(|file| !matches!(file.content(), FileContent::Read(_)));
    let custom = subject.map(|subject| Custom::new("Subject", subject)).into_iter();
    let custom = custom.chain(elsewhere.map(|file| Custom::new("File", format!("{} ({})", shown(file), files::facts(file)))));
    let entry = Entry {
        id: Some(name(message)),
        body: Some(&message.body),
        participant: Some(PersonId(turn.sender)),
        attachments: attached(message).map(|(id, file, bytes)| Attachment::new(id, shown(file), bytes.len())).collect(),
        custom: custom.chain(turn.extent.notes().map(|note| Custom::new("Note", note))).collect(),
        ..Entry::new("message", message.sent())
    };
    push(&entry, out);
}

/// Appends the event of somebody who entered or left.
pub(super) fn push_move(person: usize, at: Timestamp, movement: Movement, out: &mut String) {
    let kind = match movement {
        Movement::Entered => "join",
        Movement::Left => "leave",
    };
    push(&Entry { participant: Some(PersonId(person)), ..Entry::new(kind, at) }, out);
}

/// What is said of the record beside what people said.
fn notice(frame: &Frame<'_>, enclosed: &[(&str, usize)], is_empty: bool) -> Option<String> {
    let mut notes = frame.notes();
    if frame.rows.len() < frame.view.rows.len() {
        notes.push(format!("{}, beside those who do something in it.", frame.people_heading()));
    }
    if !enclosed.is_empty() {
        let names: Vec<_> = enclosed.iter().map(|(name, _)| *name).collect();
        notes.push(format!("Attached by the archive: {}.", names.join(", ")));
    }
    if is_empty {
        notes.push("This part holds no events.".to_owned());
    }
    (!notes.is_empty()).then(|| notes.join("\n"))
}

fn push<T: Serialize>(value: &T, out: &mut String) {
    out.push_str(&serde_json::to_string(value).expect("strings, numbers and lists are JSON"));
}
