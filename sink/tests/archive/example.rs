//! A small archive: two days with chats, one without, another one with, a row that cannot be decoded, a file beside the mails.

use std::{collections::BTreeMap, future, path::Path, sync::Arc};

use bytes::Bytes;
use jabber_archive_core::{
    ArchiveFacts, Archiver, Conversation, Converter, Digest, FieldHasher, Issue, ItemId, ItemKey, ItemObject, MailItem, ObjectKey, Part,
    Recipe, Record, Result, RunIdentity, RunReport, Table, Timestamp, Transcript, TranscriptSettings, UndecodableRow, Window,
    testing::{memory::MemorySource, rows::Row},
};
use jabber_archive_sink::{Archive, Verification, VerifyOptions, verify};
use tempfile::TempDir;

/// Windows to 2026-11-23 are closed.
pub(crate) const NOW: &str = "2026-11-24T02:00:00Z";

/// An archive of [`rows`] in a folder of its own.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) folder: TempDir,
    pub(crate) archive: Archive,
    pub(crate) report: RunReport,
}

impl Example {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::file(folder.path()).unwrap();
        let report = run(&archive).await;
        Self { folder, archive, report }
    }

    /// Three days with 24 chats each, the larger the later.
    pub(crate) async fn large() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::file(folder.path()).unwrap();
        let rows = (0..72).map(|number| {
            let (day, hour) = (20 + number / 24, number % 24);
            let from = format!("p{number}@example.com/jabber_1");
            let body = "word ".repeat(1 + number * 40);
            Row::jm(&from, "bob@example.com").at(&format!("2026-11-{day}T{hour:02}:30:00Z")).id(&format!("n{number}")).body(&body).record()
        });
        let report =
            archiver_of(&archive, rows.collect(), "host", TranscriptSettings::default()).run(now(), future::pending()).await.unwrap();
        assert_eq!(report.items, 72);
        Self { folder, archive, report }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn head(&self) -> Digest {
        self.report.head.unwrap()
    }

    pub(crate) async fn verify(&self) -> Verification {
        verify(&self.archive, VerifyOptions::default(), |_| {}).await.unwrap()
    }

    pub(crate) async fn verify_expecting(&self, head: Digest) -> Verification {
        verify(&self.archive, VerifyOptions::default().expecting(head), |_| {}).await.unwrap()
    }
}

pub(crate) fn facts() -> ArchiveFacts {
    ArchiveFacts::new("jabber-test").unwrap()
}

pub(crate) fn rows() -> Vec<Record> {
    let chat = |from, to, at, id, body| Row::jm(from, to).at(at).id(id).body(body).record();
    let (alice, bob, chen) = ("alice@example.com/jabber_1", "bob@example.com", "chen@example.com/phone");
    vec![
        chat(alice, bob, "2026-11-20T09:14:03Z", "m1", "Hello Bob"),
        chat("bob@example.com/jabber_7", "alice@example.com", "2026-11-20T09:15:00Z", "m2", "Hello Alice, 好的"),
        chat(chen, "alice@example.com", "2026-11-20T11:00:00Z", "m3", "Lunch?"),
        chat(chen, bob, "2026-11-21T08:00:00Z", "m4", "Did you see the figures?"),
        Record::Undecodable(UndecodableRow {
            table: Table::Jm,
            sent: "2026-11-21T10:00:00Z".parse().unwrap(),
            length: 3,
            reason: "direction: neither I nor O".to_owned(),
            values: BTreeMap::from([("direction".to_owned(), Some("X".to_owned()))]),
        }),
        chat(alice, "dave@partner.example", "2026-11-23T23:59:59Z", "m5", "Good night"),
        chat(alice, bob, "2026-11-24T01:30:00Z", "m6", "Too young to be archived"),
    ]
}

/// What was sent with the question about lunch.
const MENU: &[u8] = b"Soup, pasta";

/// Stores the menu beside the mail of the question about lunch, as if it were too large for it.
#[derive(Debug)]
struct WithMenu(Transcript);

impl Converter for WithMenu {
    fn recipe(&self) -> Recipe {
        self.0.recipe()
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        let has_menu = conversation.messages.iter().any(|message| message.body == "Lunch?");
        self.0.convert(conversation, issue, &mut |mut item| {
            if has_menu {
                item.objects.push(ItemObject::new(ObjectKey::new(Digest::of(MENU)), Some(Bytes::from_static(MENU))));
            }
            emit(item)
        })
    }
}

pub(crate) fn archiver(archive: &Archive, host: &str, settings: TranscriptSettings) -> Archiver {
    archiver_of(archive, rows(), host, settings)
}

fn archiver_of(archive: &Archive, rows: Vec<Record>, host: &str, settings: TranscriptSettings) -> Archiver {
    let source = MemorySource::new(rows, NOW.parse().unwrap());
    let transcript = WithMenu(Transcript::new(&facts(), settings).unwrap());
    Archiver::new(
        facts(),
        Arc::new(source),
        Arc::new(transcript),
        Arc::new(archive.sink()),
        Arc::new(archive.ledger()),
        Arc::new(|_| future::ready(())),
    )
    .identity(RunIdentity::new(host, "archive", "test").configured("{}\n"))
}

pub(crate) async fn run(archive: &Archive) -> RunReport {
    archiver(archive, "host", TranscriptSettings::default()).run(now(), future::pending()).await.unwrap()
}

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// The window of a day such as `2026-11-20`.
pub(crate) fn day(day: &str) -> Window {
    facts().grid.window_at(format!("{day}T12:00:00Z").parse().unwrap())
}

/// An item of some content; `name` stands for its conversation.
pub(crate) fn item(window: Window, name: char, content: &str) -> MailItem {
    let id: ItemId = name.to_string().repeat(26).parse().unwrap();
    let conversation = FieldHasher::new().field(&name.to_string()).finish().short();
    MailItem::new(ItemKey::new(window, id), conversation, Issue::FIRST, Part::new(1, 1), Bytes::copy_from_slice(content.as_bytes()))
}
