use std::collections::BTreeSet;

use jabber_archive_core::{ConversationKey, ConversationKind, Party, Timestamp};

use super::super::{
    people::{Person, user},
    rows::{ArchiveRow, JmRow},
    stanza::{Shape, Stanza},
    texts,
    truth::TrueFile,
};
use crate::testing::server::Value;

/// Stands for half a surrogate pair in a draft's body.
const HALF: char = '\u{fffd}';

/// A message and its rows while they are written.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) conversation: ConversationKey,
    pub(super) label: ConversationKind,
    pub(super) sender: Party,
    pub(super) recipients: BTreeSet<Party>,
    /// The stanza's type.
    pub(super) kind: char,
    pub(super) id: Option<String>,
    /// The text that is said.
    pub(super) body: String,
    /// The text that is typed beside a file.
    pub(super) typed: Option<String>,
    /// Whether the text stands in the stanza's markup alone.
    pub(super) markup_only: bool,
    /// Whether U+FFFD in the text stands for half a surrogate pair.
    pub(super) broken: bool,
    pub(super) subject: Option<String>,
    pub(super) thread: Option<String>,
    /// Further children of the stanza.
    pub(super) children: String,
    pub(super) shape: Shape,
    pub(super) files: Vec<String>,
    pub(super) stored: Vec<Option<TrueFile>>,
    pub(super) jm: Vec<JmRow>,
    pub(super) archive: Vec<ArchiveRow>,
}

impl Draft {
    /// A message from one person to another.
    pub(super) fn between(from: &Person, to: &Person, id: String, body: String) -> Self {
        let conversation = ConversationKey::pair(from.party(), to.party());
        Self::new(conversation, ConversationKind::OneToOne, from.party(), 'c', id, body)
    }

    /// A message that somebody says in a conversation.
    pub(super) fn new(conversation: ConversationKey, label: ConversationKind, sender: Party, kind: char, id: String, body: String) -> Self {
        Self {
            conversation,
            label,
            sender,
            recipients: BTreeSet::new(),
            kind,
            id: Some(id),
            body,
            typed: None,
            markup_only: false,
            broken: false,
            subject: None,
            thread: None,
            children: String::new(),
            shape: Shape::Whole,
            files: Vec::new(),
            stored: Vec::new(),
            jm: Vec::new(),
            archive: Vec::new(),
        }
    }

    /// A row on the way from the sender.
    pub(super) fn outgoing(&mut self, at: Timestamp, from: &str, to: &str) {
        self.jm_row(at, from, to, 'O');
    }

    /// A row on the way to somebody.
    pub(super) fn incoming(&mut self, at: Timestamp, from: &str, to: &str) {
        self.jm_row(at, from, to, 'I');
    }

    /// A copy of a room message, from `room/nick`, for a device of a recipient.
    pub(super) fn copy(&mut self, at: Timestamp, from: &str, to: &str) {
        self.incoming(at, from, to);
        let (bare, _) = to.split_once('/').unwrap_or((to, ""));
        self.recipients.insert(user(bare));
    }

    /// The room archive's row.
    pub(super) fn archived(&mut self, at: Timestamp, room: &str, from: &str, nick: &str) {
        let stanza = self.stanza(from, room);
        self.archive.push(ArchiveRow {
            room: room.to_owned(),
            from: from.to_owned(),
            nick: format!("{room}/{nick}"),
            sent: at,
            body: self.column(),
            stanza,
            subject: self.subject.clone(),
        });
    }

    /// How many rows it has.
    pub(super) fn copies(&self) -> u32 {
        (self.jm.len() + self.archive.len()) as u32
    }

    /// The date of its first row.
    pub(super) fn sent(&self) -> Timestamp {
        let dates = self.jm.iter().map(|row| row.sent).chain(self.archive.iter().map(|row| row.sent));
        dates.min().unwrap_or(Timestamp::MIN)
    }

    /// The id that can still be read.
    pub(super) fn readable_id(&self) -> Option<String> {
        self.id.clone().filter(|_| !matches!(self.shape, Shape::CutInTag | Shape::Missing))
    }

    fn jm_row(&mut self, at: Timestamp, from: &str, to: &str, direction: char) {
        let stanza = self.stanza(from, to);
        self.jm.push(JmRow {
            to: to.to_owned(),
            from: from.to_owned(),
            sent: at,
            subject: self.subject.clone(),
            thread: self.thread.clone(),
            kind: self.kind,
            direction,
            body: self.column(),
            stanza,
            replay: false,
        });
    }

    /// The body as its column has it.
    fn column(&self) -> Value {
        if self.markup_only { Value::Null } else { self.value(&self.body) }
    }

    fn stanza(&self, from: &str, to: &str) -> Value {
        let stanza = Stanza {
            from,
            to,
            kind: self.kind,
            id: self.id.as_deref(),
            subject: self.subject.as_deref(),
            thread: self.thread.as_deref(),
            body: Some(&*self.body).filter(|_| !self.markup_only),
            children: &self.children,
            shape: self.shape,
        };
        stanza.write().map_or(Value::Null, |text| self.value(&text))
    }

    fn value(&self, text: &str) -> Value {
        if !self.broken {
            return Value::text(text);
        }
        let units: Vec<u16> = text.encode_utf16().map(|unit| if unit == HALF as u16 { 0xd83d } else { unit }).collect();
        Value::Utf16(units.into())
    }

    /// The text as an archive has it.
    pub(super) fn text(&self) -> String {
        let text = texts::normal(&self.body);
        match &self.typed {
            Some(typed) => format!("{text}\n{}", texts::normal(typed)),
            None => text,
        }
    }
}
