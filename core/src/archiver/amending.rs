//! Adds to windows that are sealed what they lack.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    sync::Arc,
};

use super::{
    Archiver, Event,
    chain::{Outcome, Progress},
    lateness::LateRows,
    reading::{Chunk, Reading},
    retry::{self, Stop, stopped, unless_stopped},
    sealing::{Writing, Written},
    standing::{Difference, Standings},
};
use crate::{Addendum, Appended, Cause, EntryRecord, Filter, Finding, MessageKey, Neighbour, Result, Rooms, Seal, Span, Tally, Window};

/// Sealed windows that are read again.
pub(super) struct Again {
    pub(super) windows: BTreeSet<Window>,
    pub(super) cause: Cause,
    /// What an audit has found in those that it repairs.
    pub(super) repairs: BTreeMap<Window, Repair>,
}

/// What an audit has found in a window.
pub(super) struct Repair {
    /// In words of the chain.
    pub(super) finding: Finding,
    /// Messages that are archived under other names.
    pub(super) elsewhere: HashSet<MessageKey>,
    /// What left conversations out at the time.
    pub(super) filters: Vec<Filter>,
}

impl Archiver {
    /// The sealed windows of a span whose rows are others than were archived, by what the source counts now; what is gone is noted.
    pub(super) async fn changed(
        &self,
        span: Span,
        tallies: &[Tally],
        progress: &mut Progress,
        stop: &Stop<'_>,
    ) -> Result<BTreeSet<Window>> {
        let mut changed = BTreeSet::new();
        for standing in self.standings(span, progress, stop).await? {
            for (table, difference) in standing.differences(tallies) {
                match difference {
                    Difference::New => {
                        changed.insert(standing.window);
                    }
                    Difference::Purged(rows) => note(progress, Finding::PurgedSealed { window: standing.window.start(), table, rows }),
                }
            }
        }
        Ok(changed)
    }

    /// Windows as they are read together: without an index one scan serves all from the first to the last.
    pub(super) fn chunks(&self, windows: &BTreeSet<Window>, indexed: bool) -> VecDeque<Vec<Window>> {
        let chunks: VecDeque<Vec<Window>> = match (windows.first(), windows.last()) {
            (Some(first), Some(last)) if !indexed && !first.is_undated() => {
                let all: Vec<Window> = self.facts.grid.windows(Span::new(first.start(), last.end())).collect();
                all.chunks(self.settings.chunk_windows.max(1)).map(<[Window]>::to_vec).collect()
            }
            _ => windows.iter().map(|window| vec![*window]).collect(),
        };
        chunks.into_iter().filter(|chunk| chunk.iter().any(|window| windows.contains(window))).collect()
    }

    /// Reads sealed windows again and adds what their lists, and those of their neighbours, lack. `standings` are of these windows and of those beside them.
    pub(super) async fn amend(
        &self,
        mut again: Again,
        standings: &mut Standings,
        indexed: bool,
        rooms: &Arc<Rooms>,
        progress: &mut Progress,
        stop: &Stop<'_>,
    ) -> Result<Outcome> {
        let mut chunks = self.chunks(&again.windows, indexed);
        while let Some(chunk) = chunks.pop_front() {
            match self.read(chunk, rooms.clone(), stop).await? {
                Reading::TooLarge(chunk) => chunk.into_iter().rev().for_each(|window| chunks.push_front(vec![window])),
                Reading::Read(chunk) => {
                    if let Outcome::Raced = self.amend_chunk(*chunk, &mut again, standings, progress, stop).await? {
                        return Ok(Outcome::Raced);
                    }
                }
            }
        }
        Ok(Outcome::Sealed)
    }

    async fn amend_chunk(
        &self,
        chunk: Chunk,
        again: &mut Again,
        standings: &mut Standings,
        progress: &mut Progress,
        stop: &Stop<'_>,
    ) -> Result<Outcome> {
        let Chunk { mut rows, windows, mut tallies, mut findings } = chunk;
        let next = windows.iter().skip(1).copied().map(Some).chain([None]);
        for (window, next) in windows.iter().copied().zip(next) {
            if stopped(stop) {
                return Err(retry::cancelled());
            }
            let [before, standing, behind] = standings.around(&window);
            let Some(standing) = standing.filter(|_| again.windows.contains(&window)) else {
                // Who is inside at its end is handed on to the next one.
                let mut parts = rows.window(window, next, Neighbour::default()).await?;
                while unless_stopped(stop, parts.next()).await??.is_some() {}
                continue;
            };
            let earlier = match before {
                Some(before) => self.listed_near(before, &window, stop).await?,
                None => Neighbour::default(),
            };
            let mut listed = self.listed(standing, behind, stop).await?;
            let mut finding = None;
            if let Some(repair) = again.repairs.remove(&window) {
                (listed.elsewhere, listed.filters, finding) = (repair.elsewhere, repair.filters, Some(repair.finding));
            }
            let parts = unless_stopped(stop, rows.window(window, next, earlier)).await??;
            let mut writing = Writing::new(self, window, findings.remove(&window).unwrap_or_default()).beside(listed);
            self.write(&mut writing, parts, stop).await?;
            let Written { mut seal, ids, unmapped, first, .. } =
                self.finish(writing, &tallies.remove(&window).unwrap_or_default(), stop).await?;
            standing.purged(&seal).for_each(|finding| note(progress, finding));
            let repairs = finding.is_some();
            seal.findings.extend(finding);
            if standing.knows(&seal) && !repairs {
                progress.retried.insert(window);
                continue;
            }
            self.check_limits(&mut seal, &window, standing.last(), progress, stop).await?;
            let of_rows = again.cause == Cause::LateRows && !window.is_undated();
            let late = of_rows.then(|| LateRows::of(standing.last(), &seal, first, progress.begun)).flatten();
            let abandoned = seal.abandoned.clone();
            if let Outcome::Raced = self.append_addendum(Addendum::new(again.cause, seal), standings, progress).await? {
                self.observer.observe(&Event::Raced { window });
                progress.lost.entry(window).or_default().extend(ids.into_iter().chain(abandoned));
                return Ok(Outcome::Raced);
            }
            progress.retried.insert(window);
            progress.report.late.extend(late);
            progress.report.unmapped.extend(unmapped);
            // What it lists near its end has changed.
            progress.near = None;
        }
        Ok(Outcome::Sealed)
    }

    /// Another program may have added to the window meanwhile: then it is looked at again.
    async fn append_addendum(&self, addendum: Addendum, standings: &mut Standings, progress: &mut Progress) -> Result<Outcome> {
        let seal: Seal = addendum.seal.clone();
        match self.append(progress.frontier(), EntryRecord::Addendum(Box::new(addendum)), progress).await? {
            Appended::Appended => {}
            Appended::Raced => return Ok(Outcome::Raced),
        }
        let entry = progress.head.as_ref().map_or(0, |head| head.entry.number);
        progress.first_entry.get_or_insert(entry);
        progress.report.add_addendum(&seal);
        self.observer.observe(&Event::Amended {
            span: seal.span,
            entry,
            messages: seal.messages.listed,
            items: seal.items,
            bytes: seal.bytes,
        });
        standings.add(seal);
        Ok(Outcome::Sealed)
    }
}

/// Adds a finding, once.
fn note(progress: &mut Progress, finding: Finding) {
    if !progress.report.findings.contains(&finding) {
        progress.report.findings.push(finding);
    }
}
