//! Says which windows are to be sealed, and how they are read.

use std::collections::{BTreeSet, VecDeque};

use super::{Archiver, Event, chain::Progress, retry::Stop};
use crate::{Cause, Extent, Result, Span, Timestamp, Window};

/// The windows that are to be sealed, and those that are to be read again.
#[derive(Debug)]
pub(super) struct Plan {
    /// Whether [`Window::UNDATED`] is.
    pub(super) undated: bool,
    /// Where those in order begin.
    pub(super) start: Option<Timestamp>,
    /// Where those in order end.
    pub(super) end: Option<Timestamp>,
    /// Sealed windows that are read again.
    pub(super) again: BTreeSet<Window>,
    /// Why they are.
    pub(super) cause: Cause,
    /// Those with rows, in order, as they are read together.
    pub(super) chunks: VecDeque<Vec<Window>>,
}

impl Plan {
    /// Nothing is to be done.
    fn nothing(cause: Cause) -> Self {
        Self { undated: false, start: None, end: None, again: BTreeSet::new(), cause, chunks: VecDeque::new() }
    }

    /// Windows that are too large together are read one by one, next.
    pub(super) fn divide(&mut self, windows: Vec<Window>) {
        for window in windows.into_iter().rev() {
            self.chunks.push_front(vec![window]);
        }
    }

    /// Whether there are rows dated before 2000; they are read first.
    pub(super) fn begins_undated(&self) -> bool {
        self.chunks.front().is_some_and(|chunk| chunk[0].is_undated())
    }
}

impl Archiver {
    /// What is to be read, in order.
    pub(super) async fn plan(&self, now: Timestamp, extent: &Extent, progress: &mut Progress, stop: &Stop<'_>) -> Result<Plan> {
        let frontier = progress.frontier();
        let grid = &self.facts.grid;
        let mut plan = Plan::nothing(Cause::LateRows);
        let mut rows = 0;
        if !frontier.undated {
            // Sealed by the first run whether or not there are such rows.
            plan.undated = true;
            let tallies = self.patience(stop).attempt(|| self.source.tally(Window::UNDATED.span(), grid)).await?;
            if !tallies.is_empty() {
                plan.chunks.push_back(vec![Window::UNDATED]);
                rows += tallies.iter().map(|tally| tally.rows).sum::<u64>();
            }
        }
        // Nodes with a dead clock write on, long after the window was sealed.
        if frontier.undated && extent.undated > 0 && self.settings.late_windows > 0 {
            let span = Window::UNDATED.span();
            let tallies = self.patience(stop).attempt(|| self.source.tally(span, grid)).await?;
            plan.again.extend(self.changed(span, &tallies, progress, stop).await?);
        }
        let first = || self.settings.start.or(extent.first).map(|start| grid.window_at(start.max(Timestamp::PLAUSIBLE)).start());
        let end = grid.window_at(now.before(self.settings.settle)).start();
        // One count serves what is new and what is late: without an index it is a scan.
        // Clocks that were ahead may have sealed windows that were still to come.
        let behind = |sealed: Timestamp| grid.window_at(sealed.min(end).before(grid.length() * self.settings.late_windows)).start();
        let late = frontier.end.filter(|_| self.settings.late_windows > 0).map(|sealed| Span::new(behind(sealed), sealed));
        let start = frontier.end.or_else(first);
        let counted = Span::new(late.map(|late| late.start).or(start).unwrap_or(end), start.map_or(end, |start| start.max(end)));
        let mut tallies = Vec::new();
        if !counted.is_empty() {
            tallies = self.patience(stop).attempt(|| self.source.tally(counted, grid)).await?;
        }
        if let Some(late) = late.filter(|late| !late.is_empty()) {
            plan.again.extend(self.changed(late, &tallies, progress, stop).await?);
        }
        if let Some(start) = start
            && start < end
        {
            plan.start = Some(start);
            plan.end = Some(end);
            tallies.retain(|tally| tally.window.start() >= start);
            rows += tallies.iter().map(|tally| tally.rows).sum::<u64>();
            let windows: BTreeSet<Window> = tallies.into_iter().filter(|tally| tally.rows > 0).map(|tally| tally.window).collect();
            let windows: Vec<Window> = windows.into_iter().collect();
            let size = if extent.indexed { 1 } else { self.settings.chunk_windows.max(1) };
            plan.chunks.extend(windows.chunks(size).map(<[Window]>::to_vec));
        }
        let start = if plan.begins_undated() { Some(Timestamp::MIN) } else { plan.start };
        if let Some(start) = start {
            let windows = plan.chunks.iter().map(|chunk| chunk.len() as u64).sum();
            let span = Span::new(start, plan.end.unwrap_or(Window::UNDATED.end()));
            self.observer.observe(&Event::Planned { span, windows, rows });
        }
        Ok(plan)
    }

    /// The sealed windows of which something could not be archived so far.
    pub(super) async fn plan_retry(&self, progress: &Progress, stop: &Stop<'_>) -> Result<Plan> {
        let mut plan = Plan::nothing(Cause::Retry);
        plan.again = self.with_dead_letters(progress, stop).await?;
        // What still cannot be archived is tried once a run.
        plan.again.retain(|window| !progress.retried.contains(window));
        Ok(plan)
    }
}
