//! Compares the source with the archive, message by message, and adds what the archive lacks.

mod comparison;
mod pairing;
mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
};

use futures::FutureExt;

use self::comparison::Comparison;
pub use self::report::{AuditReport, Discrepancy};
use super::{
    Archiver, Event,
    amending::{Again, Repair},
    chain::{Outcome, Progress},
    reading::{Chunk, READ_AGAIN, Reading},
    retry::{self, Stop, stopped},
    standing::Standings,
};
use crate::{
    Cause, EntryRecord, Error, ErrorClass, ErrorKind, Extent, Grid, ItemKey, MessageLine, Result, Rooms, Span, Table, Timestamp, Window,
};

/// What is known while windows are compared one after another.
struct Comparing {
    standings: Standings,
    /// Where the source begins; of what is dated before 2000 nobody knows.
    begins: Option<Timestamp>,
    /// The window that was compared last, and what its lists lack near its end: the window behind it does not lack that too.
    lacking: Option<(Window, Vec<MessageLine>)>,
}

/// What an audit found in how many windows, and how the source is read.
struct Audited {
    /// Windows with differences that nobody has recorded.
    differing: BTreeSet<Window>,
    extent: Extent,
    rooms: Arc<Rooms>,
}

impl Archiver {
    /// Reads the source again and compares it with the archive, message by message: every sealed window of which a part lies in `span`; what is dated before 2000 too,
    /// where `span` begins before. Nothing is written.
    ///
    /// It may run beside a run: what that adds while a window is compared is seen, and windows that it seals meanwhile are not compared.
    ///
    /// `now` is the time by our clock. When `stop` completes, the audit ends with what was found until then, in a report that says so.
    ///
    /// # Errors
    ///
    /// Where the source, the chain or a list cannot be read, and where nothing was ever archived.
    pub async fn audit(&self, span: Span, now: Timestamp, stop: impl Future<Output = ()> + Send) -> Result<AuditReport> {
        self.examine(span, now, false, stop).await
    }

    /// As [`audit`](Self::audit), and adds to each window with differences what it lacks: messages that are missing, and changed ones as they are now. What is archived stays; that
    /// the source has it no more, in a room of another name or for other recipients is recorded, and a later audit does not tell of it again.
    ///
    /// It is safe beside a run, because an entry is only ever appended behind the last one: where another program was faster, the windows that are left are compared again.
    ///
    /// # Errors
    ///
    /// Before anything is written, if more than one of a hundred messages would be added and the [settings](crate::RunSettings::accept) have no reason to go on.
    /// Else as of [`run`](Self::run).
    pub async fn repair(&self, span: Span, now: Timestamp, stop: impl Future<Output = ()> + Send) -> Result<AuditReport> {
        self.examine(span, now, true, stop).await
    }

    async fn examine(&self, span: Span, now: Timestamp, repairs: bool, stop: impl Future<Output = ()> + Send) -> Result<AuditReport> {
        let stop: Stop<'_> = stop.boxed().shared();
        let mut report = AuditReport::default();
        // On the heap, because it is large; and fit to move from thread to thread, as the tasks of most runtimes do.
        match self.examine_until(span, now, repairs, &mut report, &stop).boxed().await {
            Err(error) if error.kind() == ErrorKind::Cancelled => report.cancelled = true,
            ended => ended?,
        }
        Ok(report)
    }

    async fn examine_until(&self, span: Span, now: Timestamp, repairs: bool, report: &mut AuditReport, stop: &Stop<'_>) -> Result<()> {
        self.check_settings()?;
        if self.patience(stop).attempt(|| self.ledger.head()).await?.is_none() {
            return Err(Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "audit", "the chain has no entry yet")
                .advise("there is nothing to compare before the first run"));
        }
        let mut progress = self.open(now, stop).await?;
        let audited = self.look_at_all(span, now, &mut progress, report, stop).await?;
        if !repairs || audited.differing.is_empty() {
            return Ok(());
        }
        self.refuse_excess(report)?;
        let result = self.mend(&audited, &mut progress, stop).await;
        let recorded = self.record_run(now, &mut progress).await;
        progress.report.frontier = progress.frontier().end;
        progress.report.head = progress.head.as_ref().map(|head| head.digest);
        progress.report.cancelled = matches!(&result, Err(error) if error.kind() == ErrorKind::Cancelled);
        report.head = progress.report.head;
        self.observer.observe(&Event::Ended { report: &progress.report });
        report.repair = Some(progress.report);
        recorded.and(result)
    }

    /// A source that lacks or shifts much is rather another one, or read by another configuration.
    fn refuse_excess(&self, report: &AuditReport) -> Result<()> {
        if !report.is_excessive() || self.settings.accept.is_some() {
            return Ok(());
        }
        let what =
            format!("{} of {} messages would be added, more than one of a hundred; nothing was written", report.addable, report.messages);
        Err(Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "repair", what).advise(
            "audit without repair and look at what is missing: is it the same database, with the same keys and tables as when it was archived? \
             If it is to be added, accept that with a reason",
        ))
    }

    async fn look_at_all(
        &self,
        span: Span,
        now: Timestamp,
        progress: &mut Progress,
        report: &mut AuditReport,
        stop: &Stop<'_>,
    ) -> Result<Audited> {
        let extent = self.patience(stop).attempt(|| self.source.extent(now)).await?;
        let rooms = Arc::new(self.patience(stop).attempt(|| self.source.context()).await?);
        let mut audited = Audited { differing: BTreeSet::new(), extent, rooms };
        report.head = progress.head.as_ref().map(|head| head.digest);
        if span.start < Timestamp::PLAUSIBLE {
            self.look_at(Window::UNDATED.span(), &mut audited, progress, report, stop).await?;
        }
        let grid = self.facts.grid;
        let dated = Span::new(span.start.max(Timestamp::PLAUSIBLE), span.end.min(now));
        let end = progress.frontier().end.unwrap_or(dated.start);
        report.not_sealed = count(grid, Span::new(dated.start.max(end), dated.end));
        let sealed = Span::new(dated.start, dated.end.min(end));
        if !sealed.is_empty() {
            // The windows beside those at the ends, too.
            self.look_at(
                Span::new(grid.window_at(sealed.start).start(), grid.window_at(sealed.end.before(MILLISECOND)).end()),
                &mut audited,
                progress,
                report,
                stop,
            )
            .await?;
        }
        Ok(audited)
    }

    /// Compares the sealed windows of a span.
    async fn look_at(
        &self,
        span: Span,
        audited: &mut Audited,
        progress: &mut Progress,
        report: &mut AuditReport,
        stop: &Stop<'_>,
    ) -> Result<()> {
        // Nothing is sealed before the first window, however long ago the span begins.
        let begins = self.archived_from(progress, stop).await?.filter(|_| span != Window::UNDATED.span());
        let archived = Span::new(begins.map_or(span.start, |begins| begins.max(span.start)), span.end);
        let mut windows: BTreeSet<Window> = self.facts.grid.windows(archived).collect();
        let standings = self.standings_around(&windows, progress, stop).await?;
        windows.retain(|window| standings.of(window).is_some());
        report.windows += windows.len() as u64;
        let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return Ok(()) };
        if !first.is_undated()
            && let Some(source) = audited.extent.first
        {
            report.not_sealed += count(self.facts.grid, Span::new(span.start.max(source), first.start()));
        }
        let cells = Span::new(first.start(), last.end());
        let tallies = self.patience(stop).attempt(|| self.source.tally(cells, &self.facts.grid)).await?;
        let with_rows: BTreeSet<Window> =
            tallies.iter().filter(|tally| tally.rows > 0 && tally.table != Table::TcTimelog).map(|tally| tally.window).collect();
        // Of what is dated before 2000 no first row is known.
        let begins = audited.extent.first.filter(|_| !first.is_undated());
        let mut compared = BTreeSet::new();
        for window in windows {
            let Some(standing) = standings.of(&window) else { continue };
            let listed: u64 = standing.seals.iter().map(|seal| seal.messages.listed).sum();
            let is_purged = window.is_undated() || begins.is_none_or(|begins| window.end() <= begins);
            if with_rows.contains(&window) || (listed > 0 && !is_purged) {
                compared.insert(window);
            } else {
                report.gone += listed;
            }
        }
        let mut comparing = Comparing { standings, begins, lacking: None };
        let mut chunks = self.chunks(&compared, audited.extent.indexed);
        while let Some(chunk) = chunks.pop_front() {
            if stopped(stop) {
                return Err(retry::cancelled());
            }
            let Some(comparisons) = self.compare_chunk(&chunk, &compared, &mut comparing, audited, progress, stop).await? else {
                chunk.into_iter().rev().for_each(|window| chunks.push_front(vec![window]));
                continue;
            };
            report.head = progress.head.as_ref().map(|head| head.digest);
            for comparison in comparisons {
                let differences = comparison.news().0.len() as u64;
                if differences > 0 {
                    audited.differing.insert(comparison.window);
                }
                self.observer.observe(&Event::Compared { window: comparison.window, messages: comparison.messages, differences });
                report.add(&comparison);
            }
        }
        Ok(())
    }

    /// Compares the windows of a chunk that are wanted; again, if another program adds to one of them meanwhile. `None` if they are too large to be read together.
    async fn compare_chunk(
        &self,
        chunk: &[Window],
        wanted: &BTreeSet<Window>,
        comparing: &mut Comparing,
        audited: &Audited,
        progress: &mut Progress,
        stop: &Stop<'_>,
    ) -> Result<Option<Vec<Comparison>>> {
        let mut again = 0;
        loop {
            let Reading::Read(read) = self.read(chunk.to_vec(), audited.rooms.clone(), stop).await? else { return Ok(None) };
            let Chunk { mut rows, windows, .. } = *read;
            let (mut comparisons, mut lacking) = (Vec::new(), comparing.lacking.clone());
            let next = windows.iter().skip(1).copied().map(Some).chain([None]);
            for (window, next) in windows.iter().copied().zip(next) {
                let mut around = comparing.standings.around(&window);
                if !wanted.contains(&window) {
                    around[1] = None;
                }
                let before = lacking.take().filter(|(before, _)| before.end() == window.start()).map(|(_, lacking)| lacking);
                let compared = self.compare_window(&mut rows, window, next, around, (comparing.begins, before.unwrap_or_default()), stop);
                if let Some((comparison, lacks)) = compared.await? {
                    comparisons.push(comparison);
                    lacking = Some((window, lacks));
                }
            }
            let touched = self.follow_chain(&mut comparing.standings, progress, stop).await?;
            if again == READ_AGAIN || !chunk.iter().any(|window| touched.contains(window)) {
                comparing.lacking = lacking;
                return Ok(Some(comparisons));
            }
            again += 1;
            if let (Some(first), Some(last)) = (chunk.first(), chunk.last()) {
                self.observer.observe(&Event::ReadAgain { span: Span::new(first.start(), last.end()) });
            }
        }
    }

    /// Adds to the windows that differ what they lack.
    async fn mend(&self, audited: &Audited, progress: &mut Progress, stop: &Stop<'_>) -> Result<()> {
        for undated in [true, false] {
            loop {
                let mut left = audited.differing.clone();
                left.retain(|window| window.is_undated() == undated && !progress.retried.contains(window));
                if left.is_empty() {
                    break;
                }
                let standings = self.standings_around(&left, progress, stop).await?;
                let begins = audited.extent.first.filter(|_| !undated);
                let mut comparing = Comparing { standings, begins, lacking: None };
                let mut chunks = self.chunks(&left, audited.extent.indexed);
                while let Some(chunk) = chunks.pop_front() {
                    let Some(comparisons) = self.compare_chunk(&chunk, &left, &mut comparing, audited, progress, stop).await? else {
                        chunk.into_iter().rev().for_each(|window| chunks.push_front(vec![window]));
                        continue;
                    };
                    let mut repairs = BTreeMap::new();
                    for comparison in comparisons {
                        if comparison.news().0.is_empty() {
                            progress.retried.insert(comparison.window);
                            continue;
                        }
                        let finding = comparison.finding();
                        let Comparison { window, elsewhere, filters, .. } = comparison;
                        repairs.insert(window, Repair { finding, elsewhere, filters });
                    }
                    let again = Again { windows: repairs.keys().copied().collect(), cause: Cause::Repair, repairs };
                    match self.amend(again, &mut comparing.standings, audited.extent.indexed, &audited.rooms, progress, stop).await? {
                        Outcome::Sealed => {}
                        // What the faster program has added is compared anew.
                        Outcome::Raced => break,
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads the entries that other programs have appended since; gives the windows to which they have added, or behind which they have sealed.
    async fn follow_chain(&self, standings: &mut Standings, progress: &mut Progress, stop: &Stop<'_>) -> Result<BTreeSet<Window>> {
        let mut touched = BTreeSet::new();
        let known = progress.head.as_ref().map_or(0, |head| head.entry.number);
        let head = self.patience(stop).attempt(|| self.ledger.head()).await?;
        let last = head.as_ref().map_or(0, |head| head.entry.number);
        for number in known + 1..=last {
            let link = self.patience(stop).attempt(|| self.ledger.entry(number)).await?;
            match link.entry.record {
                EntryRecord::Addendum(addendum) => touched.extend(standings.add(addendum.seal)),
                EntryRecord::Seal(seal) => touched.extend(standings.add_sealed(*seal)),
                EntryRecord::Run(_) | EntryRecord::Export(_) | EntryRecord::Import(_) => {}
            }
        }
        progress.head = head;
        Ok(touched)
    }
}

const MILLISECOND: std::time::Duration = std::time::Duration::from_millis(1);

/// How many windows there are in a span.
fn count(grid: Grid, span: Span) -> u64 {
    grid.windows(span).count() as u64
}

impl AuditReport {
    fn add(&mut self, comparison: &Comparison) {
        self.messages += comparison.messages;
        self.archived += comparison.archived;
        self.filtered += comparison.filtered;
        self.dead_letters += comparison.dead_letters;
        self.gone += comparison.gone;
        let (news, known) = comparison.news();
        self.known += known;
        for difference in news {
            *self.found.entry(difference.kind).or_default() += 1;
            self.addable += u64::from(difference.is_addable());
            if self.discrepancies.len() < Self::MOST_NAMED {
                let item = difference.archived.as_ref().map(|(_, _, item)| ItemKey::new(comparison.window, item.clone()).path());
                self.discrepancies.push(Discrepancy {
                    kind: difference.kind,
                    window: comparison.window,
                    conversation: difference.conversation.as_deref().cloned(),
                    start: difference.start,
                    item,
                });
            }
        }
    }
}
