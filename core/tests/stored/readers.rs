//! Everything in the core that reads bytes which somebody else may have written.

use std::{collections::BTreeMap, fmt::Debug, str::FromStr};

use jabber_archive_core::{
    ArchiveFacts, BareJid, Context, Conversation, DeadLetter, Digest, EntryRecord, Filter, FilterTerm, ItemId, Jid, Link, List,
    MemoryDirectory, NewerEntry, RunSettings, ShortDigest, Span, TableAccount, TimeZone, Timestamp, Transcript, TranscriptSettings, Window,
    journaled_mail,
};
use serde::{Serialize, de::DeserializeOwned};

/// Gives bytes to a reader. What it reads, it reads again from what is written of it.
pub(crate) type Reader = fn(&[u8]);

/// All of them.
pub(crate) const READERS: [Reader; 9] = [entry, facts, list, dead_letter, context, filter, mail, directory, texts];

/// An entry of the chain, under the number that it says it has and under others.
pub(crate) fn entry(bytes: &[u8]) {
    let said = serde_json::from_slice::<serde_json::Value>(bytes).ok().and_then(|value| value.get("number")?.as_u64());
    for number in [Some(1), said, Some(u64::MAX)].into_iter().flatten() {
        let newer = NewerEntry::from_bytes(number, bytes);
        let Ok(link) = Link::from_bytes(number, bytes) else { continue };
        assert_eq!((newer, link.digest), (None, Digest::of(bytes)));
        let again = Link::from_bytes(number, &link.entry.to_bytes()).unwrap();
        assert_eq!(again.entry, link.entry);
        assert_eq!(Link::new(link.entry.clone()), again);
        let _ = (link.entry.record.names(), link.entry.record.act());
        let Some(seal) = link.entry.record.seal() else { continue };
        assert!(matches!(link.entry.record, EntryRecord::Seal(_) | EntryRecord::Addendum(_)));
        assert_eq!(Window::try_from(seal.span).is_ok(), !seal.span.is_empty());
        for account in seal.tables.values() {
            assert_eq!(account.closes(), adds_up(account));
        }
        let messages = &seal.messages;
        let parts = [messages.listed, messages.dead_letters, messages.elsewhere].into_iter().chain(messages.filtered.values().copied());
        assert_eq!(messages.closes(), parts.map(u128::from).sum::<u128>() == messages.starts.into());
    }
}

/// The same in numbers that hold every sum.
fn adds_up(account: &TableAccount) -> bool {
    let parts = [account.starts, account.folded, account.presence, account.dead_letters];
    parts.into_iter().chain(account.skipped.values().copied()).map(u128::from).sum::<u128>() == account.rows.into()
}

/// `archive.json`, and what is made by it.
pub(crate) fn facts(bytes: &[u8]) {
    let Some(facts) = json::<ArchiveFacts>(bytes) else { return };
    assert_eq!(serde_json::from_slice::<ArchiveFacts>(&facts.to_bytes()).unwrap(), facts);
    assert!(facts.compare(&facts).is_ok());
    let ours = ArchiveFacts::new("test").unwrap();
    assert_eq!(ours.compare(&facts).is_ok(), ours == facts);
    let _ = RunSettings::default().check(&facts);
    let _ = Transcript::new(&facts, TranscriptSettings::default());
    for time in [Timestamp::MIN, Timestamp::PLAUSIBLE, Timestamp::MAX] {
        let window = facts.grid.window_at(time);
        let deciding = window.deciding(facts.margin());
        assert!(deciding.start <= window.start() && window.end() <= deciding.end);
    }
}

/// A window's list. Its lines keep their order: whoever has put them into another is found out by it.
pub(crate) fn list(bytes: &[u8]) {
    let Ok(list) = List::from_bytes(bytes) else { return };
    let written = list.to_bytes();
    assert_eq!(List::from_bytes(&written).unwrap(), list);
    assert_eq!(written.split_inclusive(|byte| *byte == b'\n').count(), list.lines().len(), "one line each");
}

pub(crate) fn dead_letter(bytes: &[u8]) {
    if let Some(letter) = json::<DeadLetter>(bytes) {
        assert_eq!(serde_json::from_slice::<DeadLetter>(&letter.to_bytes()).unwrap(), letter);
    }
}

pub(crate) fn context(bytes: &[u8]) {
    if let Some(context) = json::<Context>(bytes) {
        assert_eq!(serde_json::from_slice::<Context>(&context.to_bytes()).unwrap(), context);
    }
}

pub(crate) fn filter(bytes: &[u8]) {
    if let Some(filter) = json::<Filter>(bytes) {
        assert_eq!(serde_json::from_slice::<Filter>(&filter.to_bytes()).unwrap(), filter);
        let _ = filter.check();
    }
}

/// A mail, or a report around one.
pub(crate) fn mail(bytes: &[u8]) {
    if let Ok(conversation) = Conversation::from_mails(&[bytes]) {
        assert_eq!(json::<Conversation>(&serde_json::to_vec(&conversation).unwrap()), Some(conversation));
    }
    if let Ok(mail) = journaled_mail(bytes) {
        assert!(bytes.windows(mail.len().max(1)).any(|part| part == mail) || mail.is_empty());
    }
}

/// The people of a CSV file.
pub(crate) fn directory(bytes: &[u8]) {
    if let Ok(directory) = MemoryDirectory::from_csv(bytes) {
        let people: Vec<_> = directory.people().collect();
        assert_eq!((people.len(), people.is_empty()), (directory.len(), directory.is_empty()));
    }
}

/// Names, numbers and times as they stand in all of these.
pub(crate) fn texts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    text_of::<Digest>(text);
    text_of::<ShortDigest>(text);
    text_of::<ItemId>(text);
    text_of::<Timestamp>(text);
    if let Ok(term) = FilterTerm::from_str(text) {
        assert_eq!(FilterTerm::from_str(term.as_str()).unwrap(), term);
    }
    let _ = TimeZone::from_str(text);
    if let Some(jid) = Jid::parse(text) {
        assert_eq!(BareJid::new(jid.bare().as_str()).as_ref(), Some(jid.bare()), "a bare JID stays what it is");
        let _ = (jid.bare().domain(), jid.bare().addr_spec(), jid.resource());
    }
    if let Some(span) = json::<Span>(bytes) {
        assert_eq!(Window::try_from(span).is_ok(), !span.is_empty());
    }
    json::<BTreeMap<String, Timestamp>>(bytes);
}

/// What is read as JSON comes back from what is written of it.
fn json<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&read).unwrap();
    assert_eq!(serde_json::from_slice::<T>(&written).unwrap(), read);
    Some(read)
}

/// What is read as text comes back from what is shown of it.
fn text_of<T: FromStr + ToString + PartialEq + Debug>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string().parse::<T>().ok(), Some(read));
    }
}
