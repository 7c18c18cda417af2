use std::collections::BTreeSet;

use bytes::Bytes;
use jabber_archive_core::{ConversationKind, HeaderText, ListLine, Span, Timestamp};

use serde::Serialize;

use crate::mail::{Mail, Reading, said};

/// Which items are exported: all, until something is asked for. What is of different kinds has to hold together; of several persons, rooms
/// or kinds, one does.
///
/// ```
/// use jabber_archive_core::ConversationKind;
/// use jabber_archive_sink::ExportFilter;
///
/// # fn main() -> jabber_archive_core::Result<()> {
/// let budget_of_november = ExportFilter::new()
///     .person("alice@example.com")
///     .kind(ConversationKind::OneToOne)
///     .since("2026-11-01T00:00:00Z".parse()?)
///     .until("2026-12-01T00:00:00Z".parse()?)
///     .word("budget");
/// # let _ = budget_of_november;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportFilter {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    persons: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    rooms: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    kinds: BTreeSet<ConversationKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    words: BTreeSet<String>,
}

/// What a filter says of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Wanted,
    Unwanted,
    /// Wanted if another part of the conversation lists one of the persons.
    WantedIfNamed,
    /// The mail is no transcript, so that nothing in it can be judged.
    Unreadable,
}

impl ExportFilter {
    /// Everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Conversations of this person: the whole of an address or JID as mails show it among the participants, without regard to case.
    #[must_use]
    pub fn person(mut self, address_or_jid: &str) -> Self {
        self.persons.insert(exact(address_or_jid));
        self
    }

    /// Conversations in this room: the whole of its title or JID, without regard to case. Private messages between its occupants are
    /// conversations of persons, `room@conference.example.com/nick`.
    #[must_use]
    pub fn room(mut self, title_or_jid: &str) -> Self {
        self.rooms.insert(exact(title_or_jid));
        self
    }

    /// Conversations of this kind.
    #[must_use]
    pub fn kind(mut self, kind: ConversationKind) -> Self {
        self.kinds.insert(kind);
        self
    }

    /// Items with a message that started at this time or later; and those without messages, such as the rest of a long one, of the same conversations.
    #[must_use]
    pub fn since(self, time: Timestamp) -> Self {
        Self { since: Some(time), ..self }
    }

    /// Items with a message that started before this time; with [`since`](ExportFilter::since), one message has to do both.
    #[must_use]
    pub fn until(self, time: Timestamp) -> Self {
        Self { until: Some(time), ..self }
    }

    /// Items in whose messages this occurs, in their text, subjects or names of files, or in the title of the room; within longer words too, without regard to
    /// case in any script. Each word that is asked for has to.
    #[must_use]
    pub fn word(mut self, word: &str) -> Self {
        self.words.insert(folded(word.trim()));
        self
    }

    /// What is asked for as JSON, to be kept with the record of an export.
    ///
    /// # Panics
    ///
    /// Never: the model is always JSON.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = serde_json::to_vec(self).expect("a filter is always JSON");
        bytes.push(b'\n');
        bytes.into()
    }

    fn span(&self) -> Span {
        Span::new(self.since.unwrap_or(Timestamp::from_millis(i64::MIN)), self.until.unwrap_or(Timestamp::from_millis(i64::MAX)))
    }

    /// Whether a window may hold what is asked for.
    pub(super) fn meets(&self, window: Span) -> bool {
        let asked = self.span();
        asked.start < window.end && window.start < asked.end
    }

    /// The lines of the items with a message of the dates that are asked for. An item that lists none, such as the rest of a long message or a list
    /// of people, goes with those of its conversation and edition.
    pub(super) fn dated<'l>(&self, lines: &'l [ListLine]) -> impl Iterator<Item = &'l ListLine> {
        let (asked, all) = (self.span(), (self.since, self.until) == (None, None));
        let is_dated = move |line: &ListLine| all || line.messages.iter().any(|message| asked.contains(message.start));
        let of = |line: &ListLine| (line.key, line.edition);
        let conversations: BTreeSet<_> = lines.iter().filter(|line| is_dated(line)).map(of).collect();
        lines.iter().filter(move |line| is_dated(line) || (line.messages.is_empty() && conversations.contains(&of(line))))
    }

    /// What else is asked for.
    pub(super) fn judge(&self, reading: &Reading) -> Verdict {
        if self.persons.is_empty() && self.rooms.is_empty() && self.kinds.is_empty() && self.words.is_empty() {
            return Verdict::Wanted;
        }
        let Reading { mail, text: Some(text) } = reading else { return Verdict::Unreadable };
        if !self.kinds(mail) || !self.rooms(mail) || !self.words(mail, text) {
            Verdict::Unwanted
        } else if self.persons.is_empty() || self.names(mail) {
            Verdict::Wanted
        } else if mail.everybody {
            Verdict::Unwanted
        } else {
            Verdict::WantedIfNamed
        }
    }

    /// Whether the mail lists one of the persons.
    pub(super) fn names(&self, mail: &Mail) -> bool {
        mail.people.iter().any(|person| [&person.address, &person.jid].iter().any(|shown| self.persons.contains(&exact(shown))))
    }

    fn kinds(&self, mail: &Mail) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.to_string() == mail.kind)
    }

    fn rooms(&self, mail: &Mail) -> bool {
        let of_room = [ConversationKind::Room, ConversationKind::AdHoc].iter().any(|kind| kind.to_string() == mail.kind);
        let conversation = exact(&mail.conversation);
        // The header has the JID cut to so many characters: a room that is alike that far is found too, none is missed.
        let named = |room: &String| *room == conversation || exact(HeaderText::shortened(room, 200).as_str()) == conversation;
        self.rooms.is_empty()
            || of_room && (self.rooms.iter().any(named) || mail.title.as_deref().is_some_and(|title| self.rooms.contains(&exact(title))))
    }

    fn words(&self, mail: &Mail, text: &str) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let (title, said) = (folded(mail.title.as_deref().unwrap_or_default()), folded(&said(text)));
        self.words.iter().all(|word| title.contains(word.as_str()) || said.contains(word.as_str()))
    }
}

/// What is compared as a whole.
fn exact(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Close to Unicode's full case folding, with the tables of the standard library: what differs in case alone becomes equal, `ß` and `SS`,
/// `ς` and `Σ` too.
fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            char if char.is_ascii() => folded.push(char.to_ascii_lowercase()),
            char => folded.extend(char.to_uppercase().flat_map(char::to_lowercase)),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_case_alone_is_found() {
        for (text, word) in
            [("Straße", "STRASSE"), ("ΟΔΟΣ", "οδος"), ("οδός", "ΟΔΌΣ"), ("ПРИВЕТ", "привет"), ("Ǆ", "ǆ"), ("ﬁn", "FIN"), ("ÀÉ", "àé")]
        {
            assert_eq!(folded(text), folded(word), "{text}");
        }
        assert_ne!(folded("a"), folded("á"));
    }

    #[test]
    fn a_window_that_touches_the_dates_only_at_a_border_is_not_read() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let window = Span::new(time("2026-11-21T00:00:00Z"), time("2026-11-22T00:00:00Z"));
        let all = ExportFilter::new();
        assert!(all.meets(window));
        assert!(!all.clone().since(window.end).meets(window));
        assert!(!all.clone().until(window.start).meets(window));
        assert!(all.clone().since(Timestamp::from_millis(window.end.millis() - 1)).meets(window));
        assert!(all.until(Timestamp::from_millis(window.start.millis() + 1)).meets(window));
    }
}
