//! The way of an import through an archive: what was refused before, then what is new.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use jabber_archive_core::{Digest, ItemId, List, Receipt, ReceiptResult, Refusal, Result, Span, Window};

use super::{
    Import, Imported,
    history::{History, pair},
    plan::{Mailing, Plan, Planned},
    record::{Record, Says, hull},
    round::{Doors, Due, Round},
};
use crate::verify::{
    chain::{Sealed, SealedList},
    listed,
};

/// Windows are taken together until there are so many copies to deliver.
const BATCH: usize = 20_000;
/// And so many lists at most.
const BATCH_LISTS: usize = 500;

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

/// One import on its way through the archive.
pub(super) struct Tour<'t, 'i> {
    pub(super) import: &'t Import<'i>,
    pub(super) sealed: &'t Sealed,
    pub(super) history: &'t History,
    pub(super) doors: &'t Mutex<Doors>,
    pub(super) stopped: &'t AtomicBool,
}

impl<'t> Tour<'t, '_> {
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn in_doubt(&self, window: Window) -> bool {
        self.history.doubt.is_some_and(|doubt| doubt.overlaps(&window.span()))
    }

    /// What was refused before. Each is looked for first, so that nothing has to be recorded before it.
    pub(super) async fn again(&self, record: &mut Record, imported: &mut Imported) -> Result<()> {
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
            let open = self.history.open;
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
    pub(super) async fn first(&self, record: &mut Record, imported: &mut Imported) -> Result<()> {
        let span = self.import.settings.span;
        let mut batch = Batch::default();
        let mut open = self.history.open;
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
        // What was in doubt has been looked at.
        let is_settled = open.is_some_and(|open| span.start <= open.start && open.end <= span.end);
        if is_settled && imported.unlisted.is_empty() && !self.is_stopped() && !self.import.settings.rehearse {
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
            *open = Some(hull(self.history.open, span));
            record.append(Vec::new(), Says { open: *open, ..Says::default() }, imported).await?;
            let round = Round { import: self.import, doors: self.doors, stopped: self.stopped, open: *open, again: false };
            receipts.extend(round.deliver(batch.due, record, imported).await?);
        }
        // All that was begun has an answer.
        *open = self.history.open;
        let lists = if self.is_stopped() { BTreeSet::new() } else { batch.lists };
        record.append(receipts, Says { open: *open, lists, ..Says::default() }, imported).await
    }
}

/// What came of each item and mailbox.
fn results(receipts: &[Receipt]) -> BTreeMap<(ItemId, Option<String>), ReceiptResult> {
    receipts.iter().map(|line| ((line.item.clone(), line.mailbox.clone()), line.result)).collect()
}
