//! An archive, and who ought to have which mail of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    future,
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use jabber_archive_core::{
    Conversation, Converter, ConverterExt, Digest, EntryRecord, Error, Issue, Ledger, MailItem, People, Result, RetryPolicy, RunIdentity,
    Timestamp, Transcript, TranscriptSettings,
    testing::{generators, memory::MemoryMailboxes},
};
use jabber_archive_sink::{Archive, Import, ImportSettings, Imported, Problem, VerifyOptions, verify};
use tempfile::TempDir;

use crate::archived::seal;

/// Mailboxes, and the contents that belong into each.
pub(crate) type Expected = BTreeMap<String, Vec<Bytes>>;

pub(crate) struct Office {
    pub(crate) archive: Archive,
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) mails: Vec<MailItem>,
    pub(crate) folder: TempDir,
}

impl Office {
    /// Realistic and hostile conversations of all kinds, in four windows.
    pub(crate) async fn varied(conversations: usize) -> Self {
        Self::of(generators::sample(generators::conversation(), conversations), TranscriptSettings::default()).await
    }

    /// These conversations, of each window and key one.
    pub(crate) async fn of(conversations: Vec<Conversation>, settings: TranscriptSettings) -> Self {
        Self::made_by(conversations, &Transcript::new(&generators::facts(), settings).unwrap()).await
    }

    /// These conversations, as mails of another form.
    pub(crate) async fn made_by(conversations: Vec<Conversation>, converter: &dyn Converter) -> Self {
        let mut seen = BTreeSet::new();
        let fresh = conversations.into_iter().filter(|conversation| seen.insert((conversation.window, conversation.key.clone())));
        let conversations: Vec<Conversation> = fresh.collect();
        let mails = conversations.iter().flat_map(|conversation| converter.mails(conversation, Issue::FIRST).unwrap()).collect::<Vec<_>>();
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::file(folder.path()).unwrap();
        seal(&archive, &mails).await;
        Self { archive, conversations, mails, folder }
    }

    /// Who ought to have what, by the conversations themselves.
    pub(crate) fn expected(&self, catch_all: Option<&str>, settings: TranscriptSettings) -> Expected {
        self.expected_of(catch_all, &Transcript::new(&generators::facts(), settings).unwrap())
    }

    pub(crate) fn expected_of(&self, catch_all: Option<&str>, converter: &dyn Converter) -> Expected {
        let mut expected = Expected::new();
        for conversation in &self.conversations {
            let mut mailboxes: BTreeSet<String> = BTreeSet::new();
            for person in &conversation.participants {
                match &person.address {
                    address if address.reaches_nobody() => mailboxes.extend(catch_all.map(str::to_owned)),
                    jabber_archive_core::Address::Mapped(address) => drop(mailboxes.insert(address.to_lowercase())),
                    _ => {}
                }
            }
            for mail in converter.mails(conversation, Issue::FIRST).unwrap() {
                for mailbox in &mailboxes {
                    expected.entry(mailbox.clone()).or_default().push(mail.content.clone());
                }
            }
        }
        for mails in expected.values_mut() {
            mails.sort();
        }
        expected
    }

    pub(crate) async fn import(&self, mailboxes: &MemoryMailboxes) -> Imported {
        let (imported, ended) = self.import_with(mailboxes, settings(), None).await;
        ended.unwrap();
        imported
    }

    pub(crate) async fn import_with(
        &self,
        mailboxes: &MemoryMailboxes,
        settings: ImportSettings,
        mapped_since: Option<(Timestamp, People)>,
    ) -> (Imported, Result<(), Error>) {
        let mut imported = Imported::default();
        let clock = || "2026-11-27T02:00:00Z".parse::<Timestamp>().unwrap();
        let mut import = Import::new(&self.archive, mailboxes, &clock, Arc::new(|_| future::ready(())))
            .settings(settings)
            .identity(RunIdentity::new("host", "archive", "test").configured("{}\n"));
        if let Some((time, people)) = mapped_since {
            import = import.mapped_since(time, people);
        }
        let ended = import.run(&mut imported, future::pending()).await;
        (imported, ended)
    }

    pub(crate) async fn head(&self) -> (u64, Digest) {
        let head = self.archive.ledger().head().await.unwrap().unwrap();
        (head.entry.number, head.digest)
    }

    /// Whether the last entry leaves windows open.
    pub(crate) async fn is_open(&self) -> bool {
        let head = self.archive.ledger().head().await.unwrap().unwrap();
        matches!(head.entry.record, EntryRecord::Import(entry) if entry.open.is_some())
    }

    /// Compares everything with the chain up to this entry. The files that mails name are not there.
    pub(crate) async fn verify(&self, head: Digest) {
        let verification = verify(&self.archive, VerifyOptions::default().expecting(head), |_| {}).await.unwrap();
        let problems: Vec<_> = verification.problems.iter().filter(|problem| !problem.path.starts_with("attachments/")).collect();
        assert_eq!(problems, Vec::<&Problem>::new());
    }

    /// Changes a byte of the mail of this index.
    pub(crate) fn damage(&self, mail: usize) {
        let path = self.place(mail);
        let mut content = self.mails[mail].content.to_vec();
        content[0] ^= 1;
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn mend(&self, mail: usize) {
        std::fs::write(self.place(mail), &self.mails[mail].content).unwrap();
    }

    fn place(&self, mail: usize) -> std::path::PathBuf {
        Path::new(self.folder.path()).join(self.mails[mail].key.path())
    }
}

/// What is tried again is tried three times.
pub(crate) fn settings() -> ImportSettings {
    let mut settings = ImportSettings::default();
    settings.retry = RetryPolicy::default();
    settings.retry.tries = 3;
    settings.recipients = settings.recipients.most(1_000);
    settings
}

/// What lies in all mailboxes.
pub(crate) fn delivered(mailboxes: &MemoryMailboxes) -> Expected {
    let of = |address: String| {
        let mut mails: Vec<Bytes> = mailboxes.mails(&address).into_iter().map(|(content, _)| content).collect();
        mails.sort();
        (address, mails)
    };
    mailboxes.addresses().into_iter().map(of).filter(|(_, mails)| !mails.is_empty()).collect()
}
