//! What the chain says of windows that are sealed.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{Archiver, chain::Progress, retry::Stop};
use crate::{EntryRecord, Finding, Grid, ItemId, Result, Seal, Span, Table, Tally, Timestamp, Window};

/// A sealed window.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) window: Window,
    /// What its seal says, shared by all windows of a range, then its addenda in their order.
    pub(super) seals: Vec<Arc<Seal>>,
}

/// Sealed windows, and those beside them.
#[derive(Debug)]
pub(super) struct Standings {
    grid: Grid,
    /// Those that were asked for, sealed or not.
    wanted: BTreeSet<Window>,
    windows: BTreeMap<Window, Standing>,
}

/// How the rows that the source has now differ from those that were archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    /// There are more, or as many of other lengths.
    New,
    /// So many are gone.
    Purged(u64),
}

impl Standing {
    /// The rows that were read last.
    pub(super) fn last(&self) -> Option<&Seal> {
        self.seals.last().map(|seal| &**seal)
    }

    /// By table, where there is a difference.
    pub(super) fn differences(&self, tallies: &[Tally]) -> Vec<(Table, Difference)> {
        let mut differences = Vec::new();
        for table in Table::ALL {
            let sealed = self.last().and_then(|seal| seal.tables.get(&table)).cloned().unwrap_or_default();
            let now = tallies.iter().find(|tally| tally.window == self.window && tally.table == table);
            let (rows, length) = now.map_or((0, 0), |tally| (tally.rows, tally.length));
            // What was gone when the window was sealed stands in its seal.
            let left = sealed.rows.min(sealed.tally_rows);
            if rows > sealed.rows || (rows == sealed.rows && length != sealed.length) {
                differences.push((table, Difference::New));
            } else if rows < left {
                differences.push((table, Difference::Purged(left - rows)));
            }
        }
        differences
    }

    /// What is gone of the rows since they were read last, as they were now.
    pub(super) fn purged(&self, now: &Seal) -> impl Iterator<Item = Finding> {
        let rows = |seal: Option<&Seal>, table| seal.and_then(|seal| seal.tables.get(&table)).map_or(0, |account| account.rows);
        let window = self.window.start();
        Table::ALL
            .into_iter()
            .map(move |table| (table, rows(self.last(), table).saturating_sub(rows(Some(now), table))))
            .filter(|(_, gone)| *gone > 0)
            .map(move |(table, rows)| Finding::PurgedSealed { window, table, rows })
    }

    /// Whether the window holds all that was found now, and nobody need be told.
    pub(super) fn knows(&self, now: &Seal) -> bool {
        now.items == 0
            && now.abandoned.is_empty()
            && self.last().is_some_and(|last| last.tables == now.tables && last.dead_letters.len() == now.dead_letters.len())
    }

    /// Items that an entry says count for nothing.
    pub(super) fn abandoned(&self) -> impl Iterator<Item = &ItemId> {
        self.seals.iter().flat_map(|seal| &seal.abandoned)
    }

    /// Whether something of it could not be archived so far.
    pub(super) fn has_dead_letters(&self) -> bool {
        self.last().is_some_and(|seal| !seal.dead_letters.is_empty())
    }
}

impl Standings {
    /// A window, if it is sealed and was asked for.
    pub(super) fn of(&self, window: &Window) -> Option<&Standing> {
        self.windows.get(window)
    }

    /// The window before, the window, and the one behind, as far as they are sealed.
    pub(super) fn around(&self, window: &Window) -> [Option<&Standing>; 3] {
        beside(&self.grid, window).map(|window| window.and_then(|window| self.of(&window)))
    }

    /// Takes what was added to one of the windows meanwhile; gives that window.
    pub(super) fn add(&mut self, added: Seal) -> Option<Window> {
        let window = Window::try_from(added.span).ok()?;
        self.windows.get_mut(&window)?.seals.push(Arc::new(added));
        Some(window)
    }

    /// Takes what was sealed meanwhile; gives the windows before, whose messages may be listed there.
    pub(super) fn add_sealed(&mut self, sealed: Seal) -> Vec<Window> {
        let sealed = Arc::new(sealed);
        let new: Vec<Window> = self.wanted.iter().filter(|window| sealed.span.contains(window.start())).copied().collect();
        for window in &new {
            self.windows.entry(*window).or_insert_with(|| Standing { window: *window, seals: vec![sealed.clone()] });
        }
        new.iter().filter_map(|window| beside(&self.grid, window)[0]).collect()
    }
}

/// The window before, the window, and the one behind; nothing is beside what is dated before 2000.
fn beside(grid: &Grid, window: &Window) -> [Option<Window>; 3] {
    if window.is_undated() {
        return [None, Some(*window), None];
    }
    let before = window.start().before(Duration::from_millis(1));
    let before = (before >= Timestamp::PLAUSIBLE).then(|| grid.window_at(before));
    [before, Some(*window), Some(grid.next(window))]
}

impl Archiver {
    /// The sealed windows of a span, in order; those dated before 2000 where it is asked for them.
    pub(super) async fn standings(&self, span: Span, progress: &Progress, stop: &Stop<'_>) -> Result<Vec<Standing>> {
        self.standings_of(span, |_| true, progress, stop).await
    }

    /// These windows, as far as they are sealed, and those beside them. The chain is read once.
    pub(super) async fn standings_around(&self, windows: &BTreeSet<Window>, progress: &Progress, stop: &Stop<'_>) -> Result<Standings> {
        let grid = self.facts.grid;
        let wanted: BTreeSet<Window> = windows.iter().flat_map(|window| beside(&grid, window)).flatten().collect();
        let mut standings = Standings { grid, wanted: wanted.clone(), windows: BTreeMap::new() };
        let (undated, dated): (BTreeSet<Window>, BTreeSet<Window>) = wanted.into_iter().partition(Window::is_undated);
        for wanted in [undated, dated] {
            let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { continue };
            let span = Span::new(first.start(), last.end());
            let found = self.standings_of(span, |window| wanted.contains(window), progress, stop).await?;
            standings.windows.extend(found.into_iter().map(|standing| (standing.window, standing)));
        }
        Ok(standings)
    }

    /// The windows of which the last entry names dead letters.
    pub(super) async fn with_dead_letters(&self, progress: &Progress, stop: &Stop<'_>) -> Result<BTreeSet<Window>> {
        let (mut seen, mut with) = (HashSet::new(), BTreeSet::new());
        let head = progress.head.as_ref().map_or(0, |head| head.entry.number);
        for number in (1..=head).rev() {
            let link = self.patience(stop).attempt(|| self.ledger.entry(number)).await?;
            // A range of windows is empty.
            let Some((seal, window)) = link.entry.record.seal().and_then(|seal| Some((seal, Window::try_from(seal.span).ok()?))) else {
                continue;
            };
            if seen.insert(window) && !seal.dead_letters.is_empty() {
                with.insert(window);
            }
        }
        Ok(with)
    }

    async fn standings_of(
        &self,
        span: Span,
        wanted: impl Fn(&Window) -> bool + Send + Sync,
        progress: &Progress,
        stop: &Stop<'_>,
    ) -> Result<Vec<Standing>> {
        let asked_undated = span == Window::UNDATED.span();
        let mut added: BTreeMap<Window, Vec<Arc<Seal>>> = BTreeMap::new();
        let mut standings = Vec::new();
        let head = progress.head.as_ref().map_or(0, |head| head.entry.number);
        for number in (1..=head).rev() {
            let link = self.patience(stop).attempt(|| self.ledger.entry(number)).await?;
            let sealed = match link.entry.record {
                EntryRecord::Seal(seal) => Arc::new(*seal),
                EntryRecord::Addendum(addendum) => {
                    if let Ok(window) = Window::try_from(addendum.seal.span)
                        && wanted(&window)
                        && window.start() < span.end
                        && span.start < window.end()
                    {
                        added.entry(window).or_default().push(Arc::new(addendum.seal));
                    }
                    continue;
                }
                _ => continue,
            };
            if (sealed.span == Window::UNDATED.span()) != asked_undated {
                continue;
            }
            let both = Span::new(sealed.span.start.max(span.start), sealed.span.end.min(span.end));
            let mut windows: Vec<Window> = if asked_undated { vec![Window::UNDATED] } else { self.facts.grid.windows(both).collect() };
            windows.retain(&wanted);
            for window in windows.into_iter().rev() {
                let mut seals = vec![sealed.clone()];
                seals.extend(added.remove(&window).into_iter().flatten().rev());
                standings.push(Standing { window, seals });
            }
            if sealed.span.start <= span.start {
                break;
            }
        }
        standings.reverse();
        Ok(standings)
    }
}
