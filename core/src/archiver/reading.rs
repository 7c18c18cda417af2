//! Reads the rows of a chunk.

use std::collections::BTreeMap;

use futures::StreamExt;

use super::{
    Archiver, Event,
    retry::{Stop, unless_stopped},
};
use crate::{Assembler, Error, ErrorClass, ErrorKind, Finding, Result, Rooms, Span, Table, Tally, Window};

/// How often a chunk is read again because rows keep coming.
const READ_AGAIN: u32 = 3;

/// The rows of a chunk, and what the source counted after they were read.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) assembler: Assembler,
    /// The windows that are to be sealed, in order.
    pub(super) windows: Vec<Window>,
    pub(super) tallies: BTreeMap<Window, BTreeMap<Table, (u64, u64)>>,
    pub(super) findings: BTreeMap<Window, Vec<Finding>>,
}

/// What came of reading.
#[derive(Debug)]
pub(super) enum Reading {
    Read(Box<Chunk>),
    /// Several windows take more memory together than is allowed: read them one by one.
    TooLarge(Vec<Window>),
}

impl Archiver {
    /// Reads the rows that decide these windows.
    pub(super) async fn read(&self, windows: Vec<Window>, rooms: std::sync::Arc<Rooms>, stop: &Stop<'_>) -> Result<Reading> {
        let (Some(first), Some(last)) = (windows.first().copied(), windows.last().copied()) else {
            return Ok(Reading::TooLarge(Vec::new()));
        };
        let cells = Span::new(first.start(), last.end());
        let margin = self.facts.margin();
        let span = Span::new(first.deciding(margin).start, last.deciding(margin).end);
        let mut again = 0;
        loop {
            let assembler = Assembler::new(&self.facts, rooms.clone(), self.people.clone());
            let Some(assembler) = self.drain(span, assembler, windows.len() > 1, stop).await? else {
                return Ok(Reading::TooLarge(windows));
            };
            let tallies = unless_stopped(stop, self.patience(stop).attempt(|| self.source.tally(cells, &self.facts.grid))).await??;
            let chunk = self.compare(assembler, cells, &windows, &tallies);
            let late = chunk.findings.values().flatten().any(|finding| matches!(finding, Finding::Late { .. }));
            if !late || again == READ_AGAIN {
                return Ok(Reading::Read(Box::new(chunk)));
            }
            again += 1;
            self.observer.observe(&Event::ReadAgain { span: cells });
        }
    }

    /// Reads all rows of the span; a lost connection drops what was read and begins anew. `None` if they take too much memory and fewer may be read at once.
    async fn drain(&self, span: Span, empty: Assembler, divisible: bool, stop: &Stop<'_>) -> Result<Option<Assembler>> {
        let mut patience = self.patience(stop);
        'attempt: loop {
            let mut assembler = empty.clone();
            let mut read = 0;
            let mut records = self.source.records(span);
            while let Some(batch) = unless_stopped(stop, records.next()).await? {
                match batch {
                    Ok(batch) => {
                        read += batch.len() as u64;
                        assembler.accept(batch);
                        self.observer.observe(&Event::Read { rows: read });
                    }
                    Err(error) => {
                        drop(records);
                        patience.after(error).await?;
                        continue 'attempt;
                    }
                }
                if assembler.weight() > self.settings.memory {
                    return if divisible { Ok(None) } else { Err(self.refuse(span, assembler.weight())) };
                }
            }
            return Ok(Some(assembler));
        }
    }

    fn refuse(&self, span: Span, weight: usize) -> Error {
        let what =
            format!("the rows of one window take more than {} MiB of memory (stopped at {} MiB)", self.settings.memory >> 20, weight >> 20);
        Error::new(ErrorKind::Source, ErrorClass::Fatal, "read", what)
            .about(format_args!("{}/{}", span.start, span.end))
            .advise("raise `memory` under [run]; shorter windows (`window`) need less, but are only for a new archive")
    }

    fn compare(&self, assembler: Assembler, cells: Span, planned: &[Window], counted: &[Tally]) -> Chunk {
        let mut tallies: BTreeMap<Window, BTreeMap<Table, (u64, u64)>> = BTreeMap::new();
        for tally in counted {
            tallies.entry(tally.window).or_default().insert(tally.table, (tally.rows, tally.length));
        }
        let in_hand = |window: &Window| !assembler.tally(window).is_empty();
        let windows: Vec<Window> = self
            .facts
            .grid
            .windows(cells)
            .filter(|window| planned.contains(window) || in_hand(window) || tallies.contains_key(window))
            .collect();
        let mut findings: BTreeMap<Window, Vec<Finding>> = BTreeMap::new();
        for window in &windows {
            let read = assembler.tally(window);
            let counted = tallies.entry(*window).or_default();
            for table in Table::ALL {
                let (rows, length) = read.get(&table).copied().unwrap_or_default();
                let (counted_rows, counted_length) = counted.get(&table).copied().unwrap_or_default();
                let finding = match counted_rows.cmp(&rows) {
                    std::cmp::Ordering::Greater => Finding::Late { table, rows: counted_rows - rows },
                    std::cmp::Ordering::Less => Finding::Purged { table, rows: rows - counted_rows },
                    std::cmp::Ordering::Equal if length != counted_length => Finding::Changed { table },
                    std::cmp::Ordering::Equal => continue,
                };
                findings.entry(*window).or_default().push(finding);
            }
        }
        Chunk { assembler, windows, tallies, findings }
    }
}
