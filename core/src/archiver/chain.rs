//! What the chain says, and what is added to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::FutureExt;

use super::{Archiver, Event, RunReport, limits::Standard, recorded::Recorded, retry::Stop, standing::Standing};
use crate::{
    Accounts, Appended, Digest, Entry, EntryRecord, Finding, Frontier, ItemId, KeptKind, Link, ListLine, MessageLine, Neighbour, Result,
    RunEntry, Seal, Span, Timestamp, Window, ledger::ListReader,
};

/// How far a run has come.
pub(super) struct Progress {
    /// When it began, by our clock.
    pub(super) begun: Timestamp,
    pub(super) facts: Digest,
    pub(super) head: Option<Link>,
    /// What the last window sealed in order has listed near its end; unknown before this run has sealed one.
    pub(super) near: Option<Neighbour>,
    pub(super) first_entry: Option<u64>,
    pub(super) report: RunReport,
    /// What was put into windows whose sealing was lost to another program.
    pub(super) lost: BTreeMap<Window, BTreeSet<ItemId>>,
    /// Windows that this run has read again.
    pub(super) retried: BTreeSet<Window>,
    pub(super) recorded: Recorded,
    /// What windows are compared with; unknown before it is asked for.
    pub(super) standard: Option<Standard>,
}

impl Progress {
    pub(super) fn frontier(&self) -> Frontier {
        self.head.as_ref().map(|head| head.entry.frontier).unwrap_or_default()
    }
}

/// What came of writing a chunk.
pub(super) enum Outcome {
    Sealed,
    /// Another program was faster: plan anew.
    Raced,
}

impl Archiver {
    /// What the window before has listed near its end.
    pub(super) async fn neighbour(&self, window: &Window, progress: &mut Progress, stop: &Stop<'_>) -> Result<Neighbour> {
        let frontier = progress.frontier();
        if window.is_undated() || frontier.end != Some(window.start()) {
            return Ok(Neighbour::default());
        }
        if let Some(near) = progress.near.take() {
            return Ok(near);
        }
        let last = Span::new(window.start().before(Duration::from_millis(1)), window.start());
        match self.standings(last, progress, stop).await?.pop() {
            Some(standing) => self.listed_near(&standing, window, stop).await,
            None => Ok(Neighbour::default()),
        }
    }

    /// What a window has listed near its end, addenda included, and `window` is the one behind it.
    pub(super) async fn listed_near(&self, standing: &Standing, window: &Window, stop: &Stop<'_>) -> Result<Neighbour> {
        let near = self.near_end(standing, window, stop).await?;
        Ok(Neighbour::of_messages(&near, window, self.facts.margin()))
    }

    /// All messages that matter to the window behind.
    pub(super) async fn near_end(&self, standing: &Standing, window: &Window, stop: &Stop<'_>) -> Result<Vec<MessageLine>> {
        let concerns = |message: &MessageLine| Neighbour::concerns(message, window, self.facts.margin());
        let mut near: Vec<MessageLine> = Vec::new();
        for seal in &standing.seals {
            let add = |near: &mut Vec<_>, line: ListLine| near.extend(line.messages.into_iter().filter(concerns));
            near.extend(self.fold_list(seal, stop, add).await?);
            near.extend(&seal.filtered_over_end);
        }
        Ok(near)
    }

    /// What a seal, and its list near the end, account for near the start of the window behind it.
    pub(super) fn near(&self, seal: &Seal, listed: &[MessageLine], window: &Window) -> Neighbour {
        Neighbour::of_messages(listed.iter().chain(&seal.filtered_over_end), window, self.facts.margin())
    }

    /// The seal of this number, if the entry is one.
    pub(super) async fn seal(&self, number: u64, stop: &Stop<'_>) -> Result<Option<Seal>> {
        let link = self.patience(stop).attempt(|| self.ledger.entry(number)).await?;
        Ok(if let EntryRecord::Seal(seal) = link.entry.record { Some(*seal) } else { None })
    }

    /// What the lines of a seal's list add up to. They are read one by one: a list may be larger than memory.
    pub(super) async fn fold_list<T: Default>(&self, seal: &Seal, stop: &Stop<'_>, add: impl Fn(&mut T, ListLine)) -> Result<T> {
        let Some(digest) = seal.list else { return Ok(T::default()) };
        let fold = || async {
            let mut sum = T::default();
            let mut lines = ListReader::new(self.ledger.load(KeptKind::List, &digest).await?);
            while let Some(line) = lines.next().await? {
                add(&mut sum, line);
            }
            Ok(sum)
        };
        self.patience(stop).attempt(fold).await
    }

    /// Those of our items that no seal accounts for. A window that nobody has sealed yet is not asked about: whoever seals it lists what is there, or abandons it.
    pub(super) async fn lost(&self, progress: &Progress) -> Result<BTreeSet<ItemId>> {
        let never: Stop<'_> = std::future::pending().boxed().shared();
        let mut lost = BTreeSet::new();
        for (window, ours) in &progress.lost {
            let mut ours = ours.clone();
            match self.standings(window.span(), progress, &never).await?.pop() {
                Some(standing) => {
                    for seal in &standing.seals {
                        let theirs: Vec<ItemId> = self.fold_list(seal, &never, |theirs: &mut Vec<_>, line| theirs.push(line.id)).await?;
                        for id in theirs.iter().chain(&seal.abandoned) {
                            ours.remove(id);
                        }
                    }
                }
                // The faster program has begun the archive behind this window: nobody will seal it.
                None if !window.is_undated() && progress.frontier().end.is_some_and(|end| window.end() <= end) => {}
                None => continue,
            }
            lost.extend(ours);
        }
        Ok(lost)
    }

    pub(super) fn empty_seal(&self, span: Span) -> Seal {
        Seal {
            span,
            recipe: self.converter.recipe(),
            context: None,
            filter: None,
            tables: BTreeMap::new(),
            messages: Accounts::default(),
            items: 0,
            bytes: 0,
            list: None,
            abandoned: BTreeSet::new(),
            dead_letters: BTreeSet::new(),
            late_copies: BTreeSet::new(),
            filtered_over_end: Vec::new(),
            files: 0,
            people: None,
            findings: Vec::new(),
        }
    }

    /// The seal of what is dated before 2000, where nothing is; mails that an interrupted run has put there are abandoned.
    pub(super) async fn seal_empty_undated(&self, progress: &mut Progress, stop: &Stop<'_>) -> Result<Outcome> {
        let abandoned = self.left_over(&Window::UNDATED, &[], stop).await?;
        self.append_seal(Seal { abandoned, ..self.empty_seal(Window::UNDATED.span()) }, progress).await
    }

    /// One seal over the windows without rows from the frontier to `end`.
    ///
    /// Rows that an interrupted run has put as mails may be gone from the source since: a window that holds such mails is sealed by itself and abandons them. Runs
    /// go window by window, so that only the first can.
    pub(super) async fn seal_empty(
        &self,
        start: Option<Timestamp>,
        end: Timestamp,
        progress: &mut Progress,
        stop: &Stop<'_>,
    ) -> Result<Outcome> {
        let Some(mut start) = progress.frontier().end.or(start).filter(|start| *start < end) else { return Ok(Outcome::Sealed) };
        let first = self.facts.grid.window_at(start);
        let abandoned = self.left_over(&first, &[], stop).await?;
        if !abandoned.is_empty() {
            let seal = Seal { abandoned, ..self.empty_seal(first.span()) };
            if let Outcome::Raced = self.append_seal(seal, progress).await? {
                return Ok(Outcome::Raced);
            }
            start = first.end();
        }
        let outcome = if start < end { self.append_seal(self.empty_seal(Span::new(start, end)), progress).await? } else { Outcome::Sealed };
        progress.near = Some(Neighbour::default());
        Ok(outcome)
    }

    /// Appends a seal, unless another program has sealed the window since.
    pub(super) async fn append_seal(&self, seal: Seal, progress: &mut Progress) -> Result<Outcome> {
        let before = progress.frontier();
        let undated = seal.span == Window::UNDATED.span();
        loop {
            let mut frontier = progress.frontier();
            let number = progress.head.as_ref().map_or(0, |head| head.entry.number) + 1;
            if undated {
                frontier.undated = true;
            } else {
                frontier.end = Some(seal.span.end);
                frontier.seal = Some(number);
            }
            match self.append(frontier, EntryRecord::Seal(Box::new(seal.clone())), progress).await? {
                Appended::Appended => break,
                Appended::Raced => {
                    let now = progress.frontier();
                    let theirs = if undated { now.undated } else { now.end != before.end };
                    // What was added to the window before may be what is about to be listed here.
                    if theirs || self.was_added_to(number, progress).await? {
                        return Ok(Outcome::Raced);
                    }
                }
            }
        }
        let entry = progress.head.as_ref().map_or(0, |head| head.entry.number);
        progress.first_entry.get_or_insert(entry);
        progress.compare_with(&seal, &self.settings.limits);
        progress.report.add(&seal);
        self.observer.observe(&Event::Sealed {
            span: seal.span,
            entry,
            messages: seal.messages.listed,
            items: seal.items,
            bytes: seal.bytes,
            rows: seal.tables.values().map(|account| account.rows).sum(),
        });
        Ok(Outcome::Sealed)
    }

    /// Whether something was added to a sealed window by the entries from this number on.
    async fn was_added_to(&self, from: u64, progress: &Progress) -> Result<bool> {
        let never: Stop<'_> = std::future::pending().boxed().shared();
        for number in from..=progress.head.as_ref().map_or(0, |head| head.entry.number) {
            let link = self.patience(&never).attempt(|| self.ledger.entry(number)).await?;
            if matches!(link.entry.record, EntryRecord::Addendum(_)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Appends behind the head; if that has moved, reads it again. Not stopped half-way: an entry is there or not.
    pub(super) async fn append(&self, frontier: Frontier, record: EntryRecord, progress: &mut Progress) -> Result<Appended> {
        let never: Stop<'_> = std::future::pending().boxed().shared();
        let entry = Entry::after(progress.head.as_ref(), &progress.facts, frontier, record);
        let appended = self.patience(&never).attempt(|| self.ledger.append(&entry)).await?;
        progress.head = match appended {
            Appended::Appended => Some(Link::new(entry)),
            Appended::Raced => self.patience(&never).attempt(|| self.ledger.head()).await?,
        };
        Ok(appended)
    }

    /// Records what the run did, if it did something.
    pub(super) async fn record_run(&self, now: Timestamp, progress: &mut Progress) -> Result<()> {
        let lost = self.lost(progress).await?;
        if !progress.report.did_something() && lost.is_empty() {
            return Ok(());
        }
        let head = progress.head.as_ref().map_or(0, |head| head.entry.number);
        let mut findings: Vec<Finding> = progress.report.findings.iter().filter(|finding| finding.is_of_a_run()).cloned().collect();
        findings.sort();
        let never: Stop<'_> = std::future::pending().boxed().shared();
        if let Some(configuration) = &self.identity.configuration {
            self.keep(KeptKind::Context, configuration.clone(), &never).await?;
        }
        let mut entry = RunEntry::new(self.identity.act(now));
        entry.seals = progress.first_entry.map(|first| (first, head));
        entry.abandoned.clone_from(&lost);
        entry.accepted.clone_from(&self.settings.accept);
        entry.findings = findings;
        progress.report.abandoned.extend(lost);
        loop {
            let record = EntryRecord::Run(Box::new(entry.clone()));
            if self.append(progress.frontier(), record, progress).await? == Appended::Appended {
                return Ok(());
            }
        }
    }
}
