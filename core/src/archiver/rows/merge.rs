//! Gives the rows of several runs as those of one.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
};

use super::{
    held::HeldRun,
    run::{Entry, Key, Row, Run, RunReader, RunWriter},
};
use crate::{Result, Spool};

/// Runs that together hold all rows of a chunk.
///
/// Each place that is read takes a little memory and a file: of one level there are no more than `most`, and when there are so many, they are merged into one of the next level.
/// So a row is written again once for every power of `most`, and not more often.
#[derive(Debug)]
pub(super) struct Runs {
    most: usize,
    levels: Vec<Vec<Run>>,
}

impl Runs {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(2), levels: Vec::new() }
    }

    /// Adds a run; if they become too many, some are merged into one in the spool.
    pub(super) async fn add(&mut self, mut run: Run, spool: &dyn Spool) -> Result<()> {
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() < self.most {
                break;
            }
            let mut merge = Merge::of(std::mem::take(&mut self.levels[level])).await?;
            let mut merged = RunWriter::new(spool).await?;
            while let (Some(key), Some(row)) = (merge.key(), merge.next().await?) {
                merged.push_row(key, &row).await?;
            }
            run = merged.finish().await?;
        }
        Ok(())
    }

    /// All rows, in order of their keys.
    pub(super) async fn merge(&mut self) -> Result<Merge> {
        Merge::of(std::mem::take(&mut self.levels).into_iter().flatten()).await
    }
}

/// The rows of several runs, in order of their keys.
#[derive(Debug, Default)]
pub(super) struct Merge {
    /// The next row of every run that has one, the first in order on top.
    next: BinaryHeap<Reverse<Head>>,
}

struct Head {
    entry: Entry,
    rest: Rest,
}

/// What is behind the next row of a run.
pub(super) enum Rest {
    Held(HeldRun),
    Spooled(RunReader),
}

impl From<HeldRun> for Rest {
    fn from(run: HeldRun) -> Self {
        Self::Held(run)
    }
}

impl From<RunReader> for Rest {
    fn from(run: RunReader) -> Self {
        Self::Spooled(run)
    }
}

impl Rest {
    async fn next(&mut self) -> Result<Option<Entry>> {
        match self {
            Self::Held(run) => Ok(run.next().map(|(key, row)| Entry { key, row: Row::Held(row) })),
            Self::Spooled(run) => run.next().await,
        }
    }
}

impl Merge {
    async fn of(runs: impl IntoIterator<Item = Run>) -> Result<Self> {
        let mut merge = Self::default();
        for run in runs {
            merge.add(run.read().await?).await?;
        }
        Ok(merge)
    }

    /// Another run, whose rows come behind those that were given.
    pub(super) async fn add(&mut self, run: impl Into<Rest>) -> Result<()> {
        let mut rest = run.into();
        if let Some(entry) = rest.next().await? {
            self.next.push(Reverse(Head { entry, rest }));
        }
        Ok(())
    }

    /// The key of the next row.
    pub(super) fn key(&self) -> Option<Key> {
        self.next.peek().map(|Reverse(head)| head.entry.key)
    }

    pub(super) async fn next(&mut self) -> Result<Option<Row>> {
        let Some(mut first) = self.next.peek_mut() else { return Ok(None) };
        match first.0.rest.next().await? {
            Some(following) => Ok(Some(std::mem::replace(&mut first.0.entry, following).row)),
            None => Ok(Some(PeekMut::pop(first).0.entry.row)),
        }
    }
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.entry.key.fmt(f)
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.entry.key == other.entry.key
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.entry.key.cmp(&other.entry.key)
    }
}
