//! Asks whether it was recorded at all: once a run of the source, and of every window what its rows tell.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Archiver, RunSettings,
    chain::Progress,
    plan::Plan,
    retry::{Stop, unless_stopped},
};
use crate::{
    BareJid, Extent, Finding, HourlyRows, ListLine, Replay, Replays, Result, Seal, ShortDigest, Span, Timestamp, Traces, Window,
    purge_near, starts_earlier, starts_later,
};

/// In how many windows before its own the original of a replay is looked for.
const REPLAY_WINDOWS: u32 = 7;

/// How many entries are read to find one that sealed rows.
const ENTRIES: u64 = 64;

/// What a run knows of what was before the window that it seals next.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    asked: bool,
    asked_numbers: bool,
    /// The rooms with rows in the room archive, and their highest numbers; none where that is not known.
    numbers: Option<BTreeMap<BareJid, i64>>,
}

impl Recorded {
    /// Another program has sealed windows: their rows were not in our hands.
    pub(super) fn forget(&mut self) {
        (self.asked_numbers, self.numbers) = (false, None);
    }
}

/// What is listed of one window.
#[derive(Debug)]
struct Account {
    listed: BTreeSet<ShortDigest>,
    /// Whether nothing was filtered or became a dead letter: only then is what is not listed not there.
    whole: bool,
}

impl Archiver {
    /// Asks the source, before the first window is sealed, what it has of the time before and of the windows that are to be sealed.
    pub(super) async fn look_back(
        &self,
        plan: &Plan,
        extent: &Extent,
        now: Timestamp,
        progress: &mut Progress,
        stop: &Stop<'_>,
    ) -> Result<()> {
        let (Some(start), Some(end)) = (plan.start, plan.end) else { return Ok(()) };
        if !std::mem::replace(&mut progress.recorded.asked, true) {
            self.look_at_the_whole(Span::new(start, end), extent, now, progress, stop).await?;
        }
        if !std::mem::replace(&mut progress.recorded.asked_numbers, true) {
            let before = Span::new(start.before(RunSettings::NUMBERS_LOOKBACK), start);
            progress.recorded.numbers = unless_stopped(stop, self.patience(stop).attempt(|| self.source.room_numbers(before))).await??;
        }
        Ok(())
    }

    /// Adds what is found of a run as a whole.
    async fn look_at_the_whole(&self, span: Span, extent: &Extent, now: Timestamp, progress: &mut Progress, stop: &Stop<'_>) -> Result<()> {
        if let Some(archived_until) = progress.frontier().end {
            if let Some(finding) = starts_later(extent.first, archived_until)
                && self.has_sealed_rows(progress, stop).await?
            {
                progress.report.findings.push(finding);
            }
            if let Some(archived_from) = self.archived_from(progress, stop).await? {
                progress.report.findings.extend(starts_earlier(extent.first, archived_from, self.settings.start));
            }
            let purged = self.settings.purge_after_days;
            progress.report.findings.extend(purged.and_then(|days| purge_near(archived_until, now, days)));
        }
        if let Some(first) = extent.first {
            let spans = HourlyRows::compared(span);
            let hours = unless_stopped(stop, self.patience(stop).attempt(|| self.source.hours(&spans))).await??;
            progress.report.findings.extend(hours.silences(first, span));
        }
        Ok(())
    }

    /// Where the first window begins that is sealed in order: one of the first entries has it.
    pub(super) async fn archived_from(&self, progress: &Progress, stop: &Stop<'_>) -> Result<Option<Timestamp>> {
        let head = progress.head.as_ref().map_or(0, |head| head.entry.number);
        for number in (1..=head).take(ENTRIES as usize) {
            if let Some(seal) = self.seal(number, stop).await?
                && seal.span != Window::UNDATED.span()
            {
                return Ok(Some(seal.span.start));
            }
        }
        Ok(None)
    }

    /// Whether one of the last entries seals rows that are dated from 2000 on.
    async fn has_sealed_rows(&self, progress: &Progress, stop: &Stop<'_>) -> Result<bool> {
        let head = progress.head.as_ref().map_or(0, |head| head.entry.number);
        for number in (1..=head).rev().take(ENTRIES as usize) {
            if let Some(seal) = self.seal(number, stop).await?
                && seal.span != Window::UNDATED.span()
                && seal.tables.values().any(|account| account.rows > 0)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds what the traces of a window tell to its seal. What is dated before 2000 tells nothing: who knows when it was.
    pub(super) async fn note_recorded(&self, seal: &mut Seal, traces: &Traces, progress: &mut Progress, stop: &Stop<'_>) -> Result<()> {
        let window = self.facts.grid.window_at(seal.span.start);
        if window.is_undated() {
            return Ok(());
        }
        seal.findings.extend(traces.no_outgoing());
        seal.findings.extend(traces.of_rooms(progress.recorded.numbers.as_ref()));
        if let Some(numbers) = &mut progress.recorded.numbers {
            traces.note_in(numbers);
        }
        let messages = self.unrecorded(&traces.replays, &window, seal, progress, stop).await?;
        if messages > 0 {
            seal.findings.push(Finding::UnrecordedOriginal { messages });
        }
        Ok(())
    }

    /// How many of the replays' originals are nowhere: neither in the window nor listed by one in which they may start.
    ///
    /// Nothing is said of those that may start further back than some windows, before the archive begins, or in a window of which messages were filtered or are dead letters.
    async fn unrecorded(&self, replays: &Replays, window: &Window, seal: &Seal, progress: &Progress, stop: &Stop<'_>) -> Result<u64> {
        let (grid, margin) = (&self.facts.grid, self.facts.margin());
        let oldest = window.start().before(grid.length() * REPLAY_WINDOWS).max(Timestamp::PLAUSIBLE);
        let before = |replay: &Replay| replay.windows(grid, margin).filter(|candidate| candidate < window).collect::<Vec<_>>();
        let mut sought: BTreeMap<Window, BTreeSet<ShortDigest>> = BTreeMap::new();
        for replay in replays.iter() {
            for candidate in before(&replay).into_iter().filter(|candidate| candidate.start() >= oldest) {
                sought.entry(candidate).or_default().insert(replay.identity);
            }
        }
        let accounts = self.accounts(&sought, progress, stop).await?;
        let is_here = |replay: &Replay| replay.windows(grid, margin).any(|candidate| candidate == *window);
        let is_nowhere = |replay: &Replay| {
            let whole = !is_here(replay) || seal.dead_letters.is_empty();
            let absent = |candidate: &Window| {
                accounts.get(candidate).is_some_and(|account| account.whole && !account.listed.contains(&replay.identity))
            };
            whole && before(replay).iter().all(absent)
        };
        Ok(replays.iter().filter(is_nowhere).count() as u64)
    }

    /// What is listed of windows, as far as it is sought.
    async fn accounts(
        &self,
        sought: &BTreeMap<Window, BTreeSet<ShortDigest>>,
        progress: &Progress,
        stop: &Stop<'_>,
    ) -> Result<BTreeMap<Window, Account>> {
        let mut accounts: BTreeMap<Window, Account> = BTreeMap::new();
        let (Some((first, _)), Some((last, _))) = (sought.first_key_value(), sought.last_key_value()) else { return Ok(accounts) };
        for standing in self.standings(Span::new(first.start(), last.end()), progress, stop).await? {
            let Some(sought) = sought.get(&standing.window) else { continue };
            let whole = !standing.has_dead_letters() && standing.seals.iter().all(|seal| seal.messages.filtered.is_empty());
            let mut account = Account { listed: BTreeSet::new(), whole };
            for seal in &standing.seals {
                let add = |found: &mut BTreeSet<ShortDigest>, line: ListLine| {
                    found.extend(line.messages.iter().map(|message| message.identity).filter(|identity| sought.contains(identity)));
                };
                account.listed.extend(unless_stopped(stop, self.fold_list(seal, stop, add)).await??);
            }
            accounts.insert(standing.window, account);
        }
        Ok(accounts)
    }
}
