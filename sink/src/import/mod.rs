//! Copies of archived mails in mailboxes, each once.

mod history;
mod plan;
mod recipients;
mod record;
mod report;
mod round;
mod tour;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use jabber_archive_core::{
    Digest, Error, ErrorClass, ErrorKind, ItemKey, Ledger, Mailboxes, Observer, Pause, People, Refusal, RefusalReason, Result, RetryPolicy,
    RunIdentity, Span, Timestamp,
};

use self::{
    history::History,
    record::{Record, hull},
    round::{lock, until},
    tour::Tour,
};
pub use self::{
    recipients::Recipients,
    report::{ImportProgress, Imported, Refused},
};
use crate::{
    Archive, Verification, VerifyOptions,
    verify::chain::{self, Sealed},
};

/// How mails are put into mailboxes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ImportSettings {
    /// Into whose.
    pub recipients: Recipients,
    /// Only mails of windows that it overlaps; all, unless it is set.
    pub span: Span,
    /// Whether a mailbox is to say of a mail that it was received when the chat began, and not when it was imported.
    pub received_when_said: bool,
    /// Into how many mailboxes mails are put at the same time.
    pub connections: usize,
    /// How what may pass is tried again.
    pub retry: RetryPolicy,
    /// Tell what would be delivered, and do nothing.
    pub rehearse: bool,
}

impl Default for ImportSettings {
    fn default() -> Self {
        Self {
            recipients: Recipients::new(),
            span: Span::new(Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX)),
            received_when_said: true,
            connections: 4,
            retry: RetryPolicy::default(),
            rehearse: false,
        }
    }
}

/// Puts the mails of an archive into mailboxes, by what the chain says of earlier imports.
///
/// Only what verifies is delivered, and what the chain has a receipt for is not delivered again, whatever became of it in its mailbox. What was refused is tried again by each import. Where an import
/// was killed, the next looks into the folders for what may have been delivered without a receipt.
pub struct Import<'i> {
    archive: Archive,
    mailboxes: &'i dyn Mailboxes,
    clock: &'i (dyn Fn() -> Timestamp + Sync),
    pause: Arc<dyn Pause>,
    settings: ImportSettings,
    identity: RunIdentity,
    observer: Arc<dyn Observer>,
    progress: Box<dyn Fn(ImportProgress) + Sync + 'i>,
    mapped_since: Option<(Timestamp, People)>,
    /// What stands behind the `@` of Message-IDs.
    domain: String,
    refusals: Mutex<Refusals>,
}

#[derive(Default)]
struct Refusals {
    counted: BTreeMap<RefusalReason, u64>,
    named: Vec<Refused>,
}

impl fmt::Debug for Import<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("archive", &self.archive).field("mailboxes", &self.mailboxes).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &jabber_archive_core::Event<'_>) {}
}

impl<'i> Import<'i> {
    /// From this archive into these mailboxes; `clock` gives the time, `pause` waits.
    pub fn new(archive: &Archive, mailboxes: &'i dyn Mailboxes, clock: &'i (dyn Fn() -> Timestamp + Sync), pause: Arc<dyn Pause>) -> Self {
        Self {
            archive: archive.clone(),
            mailboxes,
            clock,
            pause,
            settings: ImportSettings::default(),
            identity: RunIdentity::default(),
            observer: Arc::new(Silent),
            progress: Box::new(|_| {}),
            mapped_since: None,
            domain: String::new(),
            refusals: Mutex::default(),
        }
    }

    /// With other settings.
    #[must_use]
    pub fn settings(self, settings: ImportSettings) -> Self {
        Self { settings, ..self }
    }

    /// Who does it, for the chain.
    #[must_use]
    pub fn identity(self, identity: RunIdentity) -> Self {
        Self { identity, ..self }
    }

    /// Tells when something is tried again.
    #[must_use]
    pub fn observer(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer, ..self }
    }

    /// Tells how far it is.
    #[must_use]
    pub fn progress(self, progress: impl Fn(ImportProgress) + Sync + 'i) -> Self {
        Self { progress: Box::new(progress), ..self }
    }

    /// Delivers the mails of windows that end after `time` besides to those who had no address when they were archived, and have one by these people now.
    #[must_use]
    pub fn mapped_since(self, time: Timestamp, people: People) -> Self {
        Self { mapped_since: Some((time, people)), ..self }
    }

    /// Imports until everything is delivered, or `stop` completes. What was done is in `imported` and recorded in the chain, whether or not it comes to its end.
    ///
    /// # Errors
    ///
    /// If the archive or the server fails for longer than is waited, if no mailbox takes the sign-in, if receipts of earlier imports are damaged, or if another import is at work. What
    /// one mailbox refuses is no error, nor is an item that does not verify.
    pub async fn run(&mut self, imported: &mut Imported, stop: impl Future<Output = ()> + Send) -> Result<()> {
        let stopped = AtomicBool::new(false);
        let done = until(stop, &stopped, self.work(imported, &stopped)).await;
        let refusals = std::mem::take(&mut *lock(&self.refusals));
        (imported.refused_by, imported.refused) = (refusals.counted, refusals.named);
        done
    }

    async fn work(&mut self, imported: &mut Imported, stopped: &AtomicBool) -> Result<()> {
        let ledger = self.archive.ledger();
        let (facts, facts_digest) = ledger.facts().await?.ok_or_else(|| {
            Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "import", "there is no archive").advise("`jabber-archive run` makes one")
        })?;
        self.domain = facts.message_id_domain;
        let selection = self.settings.recipients.to_bytes();
        let digest = Digest::of(&selection);
        let contexts = self.identity.configuration.iter().cloned().chain([selection]).collect();
        // What a newer version has written behind the head is not gone on from.
        let seen = ledger.head().await?.map_or(0, |head| head.entry.number);
        let mut record = Record::new(ledger, facts_digest, self.identity.act((self.clock)()), contexts, digest, seen);
        let doors = Mutex::default();
        let (mut sealed, mut history) = self.survey(digest, imported).await?;
        Tour { import: self, sealed: &sealed, history: &history, doors: &doors, stopped }.again(&mut record, imported).await?;
        if imported.entries.is_some() {
            (sealed, history) = self.survey(digest, imported).await?;
        }
        Tour { import: self, sealed: &sealed, history: &history, doors: &doors, stopped }.first(&mut record, imported).await?;
        imported.stopped = stopped.load(Ordering::Relaxed);
        lock(&doors).locked().map_or(Ok(()), Err)
    }

    /// What the chain says.
    async fn survey(&self, selection: Digest, imported: &mut Imported) -> Result<(Sealed, History)> {
        let mut verification = Verification::default();
        let sealed = chain::walk(&self.archive, &VerifyOptions::default(), &mut verification).await?;
        imported.head = verification.head;
        imported.problems = verification.problems;
        imported.problems.sort();
        imported.problems.dedup();
        let mut history = History::new(&sealed.imports, selection);
        // An entry that cannot be read may have been one about deliveries.
        if sealed.incomplete {
            history.doubt = sealed.windows.keys().fold(history.doubt, |doubt, window| Some(hull(doubt, window.span())));
        }
        Ok((sealed, history))
    }

    fn refused(&self, item: &ItemKey, mailbox: Option<&str>, refusal: Refusal) {
        let mut refusals = lock(&self.refusals);
        *refusals.counted.entry(refusal.reason).or_default() += 1;
        if refusals.named.len() < Imported::NAMED {
            refusals.named.push(Refused::new(item.path(), mailbox.map(str::to_owned), refusal));
        }
    }
}
