//! Copies of archived mails in mailboxes, each once.

mod history;
mod plan;
mod recipients;
mod record;
mod report;
mod round;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use jabber_archive_core::{
    Digest, Error, ErrorClass, ErrorKind, ItemId, ItemKey, Ledger, List, Mailboxes, Observer, Pause, People, Receipt, ReceiptResult,
    Refusal, RefusalReason, Result, RetryPolicy, RunIdentity, Span, Timestamp, Window,
};

use self::{
    history::{History, pair},
    plan::{Mailing, Plan, Planned},
    record::{Record, Says, hull},
    round::{Doors, Due, Round, lock, until},
};
pub use self::{
    recipients::Recipients,
    report::{ImportProgress, Imported, Refused},
};
use crate::{
    Archive, Verification, VerifyOptions,
    verify::{
        chain::{self, Sealed, SealedList},
        listed,
    },
};

/// Windows are taken together until there are so many copies to deliver.
const BATCH: usize = 20_000;
/// And so many lists at most.
const BATCH_LISTS: usize = 500;

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

/// Some windows' deliveries.
#[derive(Default)]
struct Batch {
    span: Option<Span>,
    due: Vec<Due>,
    /// What is refused before it comes to a mailbox.
    receipts: Vec<Receipt>,
    lists: BTreeSet<Digest>,
    /// Whether all of it was refused before.
    again: bool,
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

/// One import on its way through the archive.
struct Tour<'t, 'i> {
    import: &'t Import<'i>,
    sealed: &'t Sealed,
    history: &'t History,
    doors: &'t Mutex<Doors>,
    stopped: &'t AtomicBool,
}

impl<'t> Tour<'t, '_> {
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn in_doubt(&self, window: Window) -> bool {
        self.history.doubt.is_some_and(|doubt| doubt.overlaps(&window.span()))
    }

    /// What was refused before. Each is looked for first, so that nothing has to be recorded before it.
    async fn again(&self, record: &mut Record, imported: &mut Imported) -> Result<()> {
        let (ledger, mut behind) = (self.import.archive.ledger(), 0);
        while !self.is_stopped() {
            let outstanding = self.history.outstanding(&ledger, self.import.settings.span, behind, BATCH).await?;
            let Some(last) = outstanding.entries.last().copied() else { return Ok(()) };
            behind = last;
            let before = results(&outstanding.receipts);
            let mut batch = self.refused_before(outstanding.receipts, imported).await?;
            batch.due.iter_mut().for_each(|due| due.search = true);
            imported.due += batch.due.len() as u64;
            if self.import.settings.rehearse {
                continue;
            }
            let open = self.history.doubt;
            let round = Round { import: self.import, doors: self.doors, stopped: self.stopped, open, again: true };
            let delivered = round.deliver(batch.due, record, imported).await?;
            let mut receipts: Vec<Receipt> = batch.receipts.into_iter().chain(delivered).collect();
            let mut retried = outstanding.entries;
            if self.is_stopped() {
                // What was not tried is refused as before.
                receipts.retain(|line| !line.is_refused());
                retried.clear();
            }
            let is_news = if retried.is_empty() { !receipts.is_empty() } else { results(&receipts) != before };
            if is_news {
                record.append(receipts, Says { open, retried, ..Says::default() }, imported).await?;
            }
        }
        Ok(())
    }

    /// What becomes of refused deliveries now.
    async fn refused_before(&self, receipts: Vec<Receipt>, imported: &mut Imported) -> Result<Batch> {
        let mut batch = Batch { again: true, ..Batch::default() };
        let mut by_window: BTreeMap<Window, BTreeMap<ItemId, Vec<Receipt>>> = BTreeMap::new();
        for receipt in receipts {
            match Window::try_from(receipt.window) {
                Ok(window) => by_window.entry(window).or_default().entry(receipt.item.clone()).or_default().push(receipt),
                Err(_) => batch.receipts.push(receipt),
            }
        }
        for (window, mut items) in by_window {
            let known = self.history.known(&self.import.archive.ledger(), &BTreeSet::from([window])).await?;
            for (list, lines) in self.lists(window, imported).await? {
                // Those that came to no mailbox are looked at anew.
                let anew: BTreeSet<ItemId> = items
                    .iter()
                    .filter(|(_, receipts)| receipts.iter().any(|receipt| receipt.mailbox.is_none()))
                    .map(|(item, _)| item.clone())
                    .collect();
                let plan = Plan::new(&self.import.archive, &self.import.settings.recipients, None, window, (list.digest, &lines));
                for planned in plan.items(|line| anew.contains(&line.id)).await? {
                    self.take(planned, &mut batch, |item, mailbox| known.contains(&pair(item, mailbox)));
                }
                for line in lines.lines() {
                    let Some(receipts) = items.remove(&line.id) else { continue };
                    let mailing = plan.unread(line);
                    let mailboxes = receipts.into_iter().filter_map(|receipt| receipt.mailbox);
                    batch.due.extend(mailboxes.map(|mailbox| self.due(&mailing, &mailbox)));
                }
            }
            // What stands in no list that verifies stays as it is.
            batch.receipts.extend(items.into_values().flatten());
        }
        Ok(batch)
    }

    /// What no import has looked at.
    async fn first(&self, record: &mut Record, imported: &mut Imported) -> Result<()> {
        let span = self.import.settings.span;
        let mut batch = Batch::default();
        let mut open = self.history.doubt;
        for window in self.sealed.windows.keys().filter(|window| span.overlaps(&window.span())) {
            if self.is_stopped() {
                return Ok(());
            }
            self.plan(*window, &mut batch, imported).await?;
            if batch.due.len() >= BATCH || batch.lists.len() >= BATCH_LISTS {
                self.round(std::mem::take(&mut batch), &mut open, record, imported).await?;
            }
        }
        self.round(batch, &mut open, record, imported).await?;
        let doubtful = self.history.doubt.is_some_and(|doubt| doubt.start < span.start || span.end < doubt.end);
        if open.is_some() && !doubtful && !self.is_stopped() && imported.entries.is_some() {
            record.append(Vec::new(), Says::default(), imported).await?;
        }
        Ok(())
    }

    async fn plan(&self, window: Window, batch: &mut Batch, imported: &mut Imported) -> Result<()> {
        let mapped_since = self.import.mapped_since.as_ref().filter(|(time, _)| window.end() > *time).map(|(_, people)| people);
        let is_new = |list: &SealedList| !self.history.done.contains(&list.digest);
        let Some(seals) = self.sealed.windows.get(&window) else { return Ok(()) };
        if seals.lists.is_empty() || (mapped_since.is_none() && !seals.lists.iter().any(is_new)) {
            return Ok(());
        }
        let known = self.history.known(&self.import.archive.ledger(), &BTreeSet::from([window])).await?;
        let mut seen = BTreeSet::new();
        for (list, lines) in self.lists(window, imported).await? {
            // What two lists name is one item.
            let fresh: BTreeSet<ItemId> =
                lines.lines().iter().filter(|line| seen.insert(line.id.clone())).map(|line| line.id.clone()).collect();
            let ways = [is_new(list).then_some(None), mapped_since.map(Some)];
            for mapped_since in ways.into_iter().flatten() {
                let (archive, recipients) = (&self.import.archive, &self.import.settings.recipients);
                let plan = Plan::new(archive, recipients, mapped_since, window, (list.digest, &lines));
                for planned in plan.items(|line| fresh.contains(&line.id)).await? {
                    imported.items += u64::from(mapped_since.is_none());
                    self.take(planned, batch, |item, mailbox| known.contains(&pair(item, mailbox)));
                }
            }
            if is_new(list) {
                batch.lists.insert(list.digest);
            }
        }
        batch.span = Some(hull(batch.span, window.span()));
        Ok(())
    }

    /// The lists of a window that prove something; the others are told of.
    async fn lists(&self, window: Window, imported: &mut Imported) -> Result<Vec<(&'t SealedList, List)>> {
        let mut lists = Vec::new();
        let Some(seals) = self.sealed.windows.get(&window) else { return Ok(lists) };
        let accused: BTreeSet<String> = imported.problems.iter().map(|problem| problem.path.clone()).collect();
        let accused: BTreeSet<&str> = accused.iter().map(String::as_str).collect();
        for list in &seals.lists {
            match listed::list_unless(&self.import.archive, list, &accused).await? {
                Ok(lines) => lists.push((list, lines)),
                Err(problem) if imported.unlisted.contains(&problem) => {}
                Err(problem) => imported.unlisted.push(problem),
            }
        }
        Ok(lists)
    }

    fn take(&self, planned: Planned, batch: &mut Batch, known: impl Fn(&ItemId, &str) -> bool) {
        match planned {
            Planned::Deliver(mailing, mailboxes) => {
                let id = &mailing.listed.key.id;
                let fresh = mailboxes.into_iter().filter(|mailbox| !known(id, mailbox));
                batch.due.extend(fresh.map(|mailbox| self.due(&mailing, &mailbox)));
            }
            Planned::Refuse(mailing, reason, problem) => {
                let key = &mailing.listed.key;
                // What was refused before is told of, and recorded, where it is tried again.
                if batch.again || !known(&key.id, "") {
                    let words = problem.map_or_else(String::new, |problem| problem.to_string());
                    self.import.refused(key, None, Refusal::new(reason, words));
                    batch.receipts.push(mailing.receipt(None, ReceiptResult::Refused { reason }, (self.import.clock)()));
                }
            }
        }
    }

    fn due(&self, mailing: &Arc<Mailing>, mailbox: &str) -> Due {
        Due { mailbox: mailbox.into(), mailing: mailing.clone(), search: self.in_doubt(mailing.window) }
    }

    async fn round(&self, batch: Batch, open: &mut Option<Span>, record: &mut Record, imported: &mut Imported) -> Result<()> {
        imported.due += batch.due.len() as u64;
        let Some(span) = batch.span.filter(|_| !self.import.settings.rehearse) else { return Ok(()) };
        if batch.due.is_empty() && batch.receipts.is_empty() && batch.lists.is_empty() {
            return Ok(());
        }
        let mut receipts = batch.receipts;
        if !batch.due.is_empty() {
            // Deliveries must not be made of which nothing says that they may have been.
            *open = Some(hull(self.history.doubt, span));
            record.append(Vec::new(), Says { open: *open, ..Says::default() }, imported).await?;
            let round = Round { import: self.import, doors: self.doors, stopped: self.stopped, open: *open, again: false };
            receipts.extend(round.deliver(batch.due, record, imported).await?);
        }
        // All that was begun has an answer.
        *open = self.history.doubt;
        let lists = if self.is_stopped() { BTreeSet::new() } else { batch.lists };
        record.append(receipts, Says { open: *open, lists, ..Says::default() }, imported).await
    }
}

/// What came of each item and mailbox.
fn results(receipts: &[Receipt]) -> BTreeMap<(ItemId, Option<String>), ReceiptResult> {
    receipts.iter().map(|line| ((line.item.clone(), line.mailbox.clone()), line.result)).collect()
}
