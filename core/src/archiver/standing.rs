//! What the chain says of windows that are sealed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Archiver, chain::Progress, retry::Stop};
use crate::{EntryRecord, Finding, ItemId, Result, Seal, Span, Table, Tally, Window};

/// A sealed window.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) window: Window,
    /// What its seal says, then its addenda in their order.
    pub(super) seals: Vec<Seal>,
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
        self.seals.last()
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

impl Archiver {
    /// The sealed windows of a span, in order; those dated before 2000 where it is asked for them.
    pub(super) async fn standings(&self, span: Span, progress: &Progress, stop: &Stop<'_>) -> Result<Vec<Standing>> {
        let asked_undated = span == Window::UNDATED.span();
        let mut added: BTreeMap<Window, Vec<Seal>> = BTreeMap::new();
        let mut standings = Vec::new();
        let head = progress.head.as_ref().map_or(0, |head| head.entry.number);
        for number in (1..=head).rev() {
            let link = self.patience(stop).attempt(|| self.ledger.entry(number)).await?;
            let sealed = match link.entry.record {
                EntryRecord::Seal(seal) => *seal,
                EntryRecord::Addendum(addendum) => {
                    if let Ok(window) = Window::try_from(addendum.seal.span) {
                        added.entry(window).or_default().push(addendum.seal);
                    }
                    continue;
                }
                _ => continue,
            };
            if (sealed.span == Window::UNDATED.span()) != asked_undated {
                continue;
            }
            let both = Span::new(sealed.span.start.max(span.start), sealed.span.end.min(span.end));
            let windows: BTreeSet<Window> =
                if asked_undated { BTreeSet::from([Window::UNDATED]) } else { self.facts.grid.windows(both).collect() };
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
