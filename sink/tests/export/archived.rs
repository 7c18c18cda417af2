//! Archives of conversations that a test names, sealed as a run seals them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use jabber_archive_core::{
    Appended, Conversation, Converter, ConverterExt, Entry, EntryRecord, Frontier, Issue, KeptKind, Ledger, Link, List, MailItem, Seal,
    Sink, Span, Timestamp, Transcript, TranscriptSettings, Window, testing::generators,
};
use jabber_archive_sink::{Archive, ExportFilter, ExportForm, Exported, export};
use serde_json::json;

/// The mails of conversations, each window and key once, for their ids are made of these.
pub(crate) fn mails(conversations: &[Conversation], settings: TranscriptSettings) -> Vec<MailItem> {
    let transcript = Transcript::new(&generators::facts(), settings).unwrap();
    let mut seen = BTreeSet::new();
    let fresh = conversations.iter().filter(|conversation| seen.insert((conversation.window, conversation.key.clone())));
    fresh.flat_map(|conversation| transcript.mails(conversation, Issue::FIRST).unwrap()).collect()
}

/// Stores the mails and seals their windows, with the stretches between them.
pub(crate) async fn seal(archive: &Archive, mails: &[MailItem]) {
    let mut windows: BTreeMap<Window, Vec<&MailItem>> = BTreeMap::new();
    for mail in mails {
        windows.entry(mail.key.window).or_default().push(mail);
    }
    let mut chain = Chain::open(archive).await;
    for (window, mails) in windows {
        if let Some(end) = chain.frontier.end.filter(|end| *end < window.start()) {
            chain.append(Span::new(end, window.start()), &[]).await;
        }
        chain.append(window.span(), &mails).await;
    }
}

/// A chain that grows.
pub(crate) struct Chain<'a> {
    archive: &'a Archive,
    facts: jabber_archive_core::Digest,
    head: Option<Link>,
    frontier: Frontier,
}

impl<'a> Chain<'a> {
    pub(crate) async fn open(archive: &'a Archive) -> Self {
        let ledger = archive.ledger();
        let facts = ledger.open(&generators::facts()).await.unwrap();
        let head = ledger.head().await.unwrap();
        let frontier = head.as_ref().map(|head| head.entry.frontier).unwrap_or_default();
        Self { archive, facts, head, frontier }
    }

    pub(crate) async fn append(&mut self, span: Span, mails: &[&MailItem]) {
        for mail in mails {
            let _ = self.archive.sink().put(mail).await.unwrap();
        }
        let list = List::new(mails.iter().map(|mail| mail.line()).collect());
        let messages: usize = mails.iter().map(|mail| mail.messages.len()).sum();
        let bytes: usize = mails.iter().map(|mail| mail.content.len()).sum();
        let mut kept = None;
        if !mails.is_empty() {
            let content = stream::iter([Ok(list.to_bytes())]).boxed();
            kept = Some(self.archive.ledger().keep(KeptKind::List, content).await.unwrap());
        }
        let recipe = Transcript::new(&generators::facts(), TranscriptSettings::default()).unwrap().recipe();
        let seal: Seal = serde_json::from_value(json!({
            "span": span, "recipe": recipe, "context": null,
            "tables": { "jm": {
                "rows": messages, "length": 0, "tally_rows": messages, "tally_length": 0, "starts": messages, "folded": 0,
                "presence": 0, "skipped": {}, "dead_letters": 0, "replaced": 0,
            }},
            "messages": { "starts": messages, "listed": messages, "dead_letters": 0, "elsewhere": 0 },
            "items": mails.len(), "bytes": bytes, "list": kept,
            "abandoned": [], "dead_letters": [], "late_copies": [], "findings": [],
        }))
        .unwrap();
        let number = self.head.as_ref().map_or(1, |head| head.entry.number + 1);
        if span == Window::UNDATED.span() {
            self.frontier.undated = true;
        } else {
            (self.frontier.end, self.frontier.seal) = (Some(span.end), Some(number));
        }
        let entry = Entry::after(self.head.as_ref(), &self.facts, self.frontier, EntryRecord::Seal(Box::new(seal)));
        assert_eq!(self.archive.ledger().append(&entry).await.unwrap(), Appended::Appended);
        self.head = Some(Link::new(entry));
    }
}

/// A varied archive in a folder: realistic and hostile conversations of all kinds, in four windows.
pub(crate) async fn varied(folder: &Path, conversations: usize) -> (Archive, Vec<MailItem>) {
    let mails = mails(&generators::sample(generators::conversation(), conversations), TranscriptSettings::default());
    let archive = Archive::file(folder).unwrap();
    seal(&archive, &mails).await;
    (archive, mails)
}

/// Exports without looking on.
pub(crate) async fn exported(archive: &Archive, filter: &ExportFilter, form: ExportForm, path: &Path) -> Exported {
    export(archive, filter, form, path, |_| {}).await.unwrap()
}

/// The mails in an mbox, by the rules of `mboxrd`, with the line ends that mails have.
pub(crate) fn mbox(content: &[u8]) -> Vec<Bytes> {
    let mut mails: Vec<Vec<u8>> = Vec::new();
    for line in content.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap()) {
        if line.starts_with(b"From ") {
            mails.push(Vec::new());
            continue;
        }
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        let line = if quotes > 0 && line[quotes..].starts_with(b"From ") { &line[1..] } else { line };
        mails.last_mut().unwrap().extend_from_slice(&[line, b"\r\n"].concat());
    }
    // The empty line belongs to the envelope.
    mails.into_iter().map(|mail| Bytes::copy_from_slice(mail.strip_suffix(b"\r\n").unwrap())).collect()
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}
