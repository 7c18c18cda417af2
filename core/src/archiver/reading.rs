//! Reads the rows of a chunk.

use std::{collections::BTreeMap, sync::Arc};

use futures::TryStreamExt;

use super::{
    Archiver, Event,
    retry::{Stop, unless_stopped},
    rows::Rows,
};
use crate::{Error, ErrorClass, ErrorKind, Finding, Result, Rooms, Span, Table, Tally, Window};

/// How often a chunk is read again because rows keep coming.
pub(super) const READ_AGAIN: u32 = 3;

/// The rows of a chunk, and what the source counted after they were read.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) rows: Rows,
    /// The windows that are to be sealed, in order.
    pub(super) windows: Vec<Window>,
    pub(super) tallies: BTreeMap<Window, BTreeMap<Table, (u64, u64)>>,
    pub(super) findings: BTreeMap<Window, Vec<Finding>>,
}

/// What came of reading.
#[derive(Debug)]
pub(super) enum Reading {
    Read(Box<Chunk>),
    /// Several windows take more memory together than is allowed, and there is no spool: read them one by one.
    TooLarge(Vec<Window>),
}

/// What came of reading once to the end.
enum Drained {
    Whole(Box<Rows>),
    /// Rows take this much memory, and there is no spool.
    TooLarge(usize),
}

impl Archiver {
    /// Reads the rows that decide these windows.
    pub(super) async fn read(&self, windows: Vec<Window>, rooms: Arc<Rooms>, stop: &Stop<'_>) -> Result<Reading> {
        let (Some(first), Some(last)) = (windows.first().copied(), windows.last().copied()) else {
            return Ok(Reading::TooLarge(Vec::new()));
        };
        let cells = Span::new(first.start(), last.end());
        let margin = self.facts.margin();
        let span = Span::new(first.deciding(margin).start, last.deciding(margin).end);
        let mut again = 0;
        loop {
            let Some(rows) = self.drain(span, cells, &rooms, windows.len() > 1, stop).await? else {
                return Ok(Reading::TooLarge(windows));
            };
            let tallies = unless_stopped(stop, self.patience(stop).attempt(|| self.source.tally(cells, &self.facts.grid))).await??;
            let chunk = self.compare(rows, cells, &windows, &tallies);
            let late = chunk.findings.values().flatten().any(|finding| matches!(finding, Finding::Late { .. }));
            if !late || again == READ_AGAIN {
                return Ok(Reading::Read(Box::new(chunk)));
            }
            again += 1;
            self.observer.observe(&Event::ReadAgain { span: cells });
        }
    }

    /// Reads all rows of the span; a lost connection, or a spool that fails, drops what was read and begins anew. `None` if they take too much memory and fewer
    /// may be read at once.
    async fn drain(&self, span: Span, cells: Span, rooms: &Arc<Rooms>, divisible: bool, stop: &Stop<'_>) -> Result<Option<Rows>> {
        let mut patience = self.patience(stop);
        loop {
            let rows = Rows::new(&self.facts, rooms.clone(), self.people.clone(), cells, self.settings.held(), self.spool.clone());
            match unless_stopped(stop, self.drain_into(rows, span)).await? {
                Ok(Drained::Whole(rows)) => return Ok(Some(*rows)),
                Ok(Drained::TooLarge(_)) if divisible => return Ok(None),
                Ok(Drained::TooLarge(weight)) => return Err(self.refuse(span, weight)),
                Err(error) => patience.after(error).await?,
            }
        }
    }

    async fn drain_into(&self, mut rows: Rows, span: Span) -> Result<Drained> {
        let mut read = 0;
        let mut records = self.source.records(span);
        while let Some(batch) = records.try_next().await? {
            read += batch.len() as u64;
            let too_much = rows.accept(batch).await?;
            self.observer.observe(&Event::Read { rows: read });
            if let Some(weight) = too_much {
                return Ok(Drained::TooLarge(weight));
            }
        }
        Ok(Drained::Whole(Box::new(rows)))
    }

    fn refuse(&self, span: Span, weight: usize) -> Error {
        let what = format!(
            "the rows of one window take more than the quarter of {} MiB of memory that is theirs (stopped at {} MiB)",
            self.settings.memory >> 20,
            weight >> 20
        );
        Error::new(ErrorKind::Source, ErrorClass::Fatal, "read", what)
            .about(format_args!("{}/{}", span.start, span.end))
            .advise("give the archiver a spool, or raise `memory`")
    }

    fn compare(&self, rows: Rows, cells: Span, planned: &[Window], counted: &[Tally]) -> Chunk {
        let mut tallies: BTreeMap<Window, BTreeMap<Table, (u64, u64)>> = BTreeMap::new();
        for tally in counted {
            tallies.entry(tally.window).or_default().insert(tally.table, (tally.rows, tally.length));
        }
        let in_hand = |window: &Window| !rows.tally(window).is_empty();
        let windows: Vec<Window> = self
            .facts
            .grid
            .windows(cells)
            .filter(|window| planned.contains(window) || in_hand(window) || tallies.contains_key(window))
            .collect();
        let mut findings: BTreeMap<Window, Vec<Finding>> = BTreeMap::new();
        for window in &windows {
            let read = rows.tally(window);
            let counted = tallies.entry(*window).or_default();
            for table in Table::ALL {
                let (read_rows, length) = read.get(&table).copied().unwrap_or_default();
                let (counted_rows, counted_length) = counted.get(&table).copied().unwrap_or_default();
                let finding = match counted_rows.cmp(&read_rows) {
                    std::cmp::Ordering::Greater => Finding::Late { table, rows: counted_rows - read_rows },
                    std::cmp::Ordering::Less => Finding::Purged { table, rows: read_rows - counted_rows },
                    std::cmp::Ordering::Equal if length != counted_length => Finding::Changed { table },
                    std::cmp::Ordering::Equal => continue,
                };
                findings.entry(*window).or_default().push(finding);
            }
        }
        Chunk { rows, windows, tallies, findings }
    }
}
