//! The rows of a chunk: in memory as long as they fit, then in a spool, from which what belongs together comes back together.

mod encoding;
mod merge;
mod run;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use self::{
    merge::{Merge, Runs},
    run::{Key, RunWriter},
};
use crate::{
    ArchiveFacts, Assembler, Assembly, ConversationKey, Grid, Neighbour, People, Record, Result, Rooms, Span, Spool, Table, Timestamp,
    Window,
};

/// The most runs of one level that are read side by side: each is an open file.
const MOST_RUNS: usize = 160;

/// What a run takes while it is read, in bytes, if the spool gives it back in pieces of 64 KiB: its next row, and what has been read of those behind.
const READING: usize = 192 << 10;

/// The rows of a chunk.
///
/// What outgrows memory is sorted by window and conversation and written to a spool as a run, again and again. In the end the runs are merged: conversation after
/// conversation comes back whole, in the order of the window's list, and as many as fit are assembled at a time.
#[derive(Debug)]
pub(super) struct Rows {
    /// Those that are in memory.
    held: Assembler,
    empty: Assembler,
    grid: Grid,
    margin: Duration,
    /// The windows of the chunk, without the margins.
    cells: Span,
    /// How many bytes may be held.
    limit: usize,
    spool: Option<Arc<dyn Spool>>,
    runs: Runs,
    giving: Giving,
}

/// How far rows have been given out.
#[derive(Debug)]
enum Giving {
    NotYet,
    /// All rows of this window were in memory, and have been assembled.
    Whole(Window),
    Merged(Merging),
}

#[derive(Debug)]
struct Merging {
    rows: Merge,
    /// Who is inside at the end of the window, for the next one.
    inside: Option<RunWriter>,
}

impl Rows {
    /// An empty chunk of these windows. `limit` is how many bytes of rows may be held in memory; more go to the spool, if there is one.
    pub(super) fn new(
        facts: &ArchiveFacts,
        rooms: Arc<Rooms>,
        people: People,
        cells: Span,
        limit: usize,
        spool: Option<Arc<dyn Spool>>,
    ) -> Self {
        let empty = Assembler::new(facts, rooms, people);
        let most = (limit / 2 / READING).clamp(2, MOST_RUNS);
        Self {
            held: empty.clone().since(cells.start),
            empty,
            grid: facts.grid,
            margin: facts.margin(),
            cells,
            limit,
            spool,
            runs: Runs::new(most),
            giving: Giving::NotYet,
        }
    }

    /// Takes rows, in any order. Says how many bytes they take in memory where that is too much and there is no spool.
    pub(super) async fn accept(&mut self, records: Vec<Record>) -> Result<Option<usize>> {
        self.held.accept(records);
        if self.held.weight() <= self.limit {
            return Ok(None);
        }
        if self.spool.is_none() {
            return Ok(Some(self.held.weight()));
        }
        self.spill().await?;
        Ok(None)
    }

    /// How many rows of each table in hand are dated in the window, and the sum of their lengths.
    pub(super) fn tally(&self, window: &Window) -> BTreeMap<Table, (u64, u64)> {
        self.held.tally(window)
    }

    /// All rows have been accepted.
    pub(super) async fn complete(&mut self) -> Result<()> {
        if !self.runs.is_empty() {
            self.spill().await?;
        }
        Ok(())
    }

    /// The next conversations of a window, as many as fit into memory; `None` when there are no more. Windows are asked for in their order; `next` is the
    /// one after.
    ///
    /// Each takes what is its own from `earlier`, what the window before has listed.
    pub(super) async fn assemble(&mut self, window: &Window, next: Option<&Window>, earlier: &mut Neighbour) -> Result<Option<Assembly>> {
        if let Giving::NotYet = self.giving
            && !self.runs.is_empty()
        {
            self.giving = Giving::Merged(Merging { rows: self.runs.merge().await?, inside: None });
        }
        let Giving::Merged(merging) = &mut self.giving else {
            if matches!(self.giving, Giving::Whole(given) if given == *window) {
                return Ok(None);
            }
            self.giving = Giving::Whole(*window);
            return Ok(Some(self.held.assemble_part(window, earlier)));
        };
        let mut part = self.empty.clone().since(window.start());
        if !merging.fill(&mut part, window, self.limit / 2).await? {
            if let Some(inside) = merging.inside.take() {
                merging.rows.add(inside.finish().await?).await?;
            }
            return Ok(None);
        }
        let assembly = part.assemble_part(window, earlier);
        if let (Some(next), Some(spool)) = (next, &self.spool) {
            let mut inside: Vec<_> =
                part.give_away_presence().map(|row| (ConversationKey::Room(row.room.clone()).digest(), Record::Presence(row))).collect();
            inside.sort_unstable();
            for (group, row) in inside {
                let writer = match &mut merging.inside {
                    Some(writer) => writer,
                    none => none.insert(RunWriter::new(&**spool).await?),
                };
                writer.push(Key { window: next.start(), group }, &row).await?;
            }
        }
        Ok(Some(assembly))
    }

    /// Moves all rows that are held into a run.
    async fn spill(&mut self) -> Result<()> {
        let Some(spool) = &self.spool else { return Ok(()) };
        let rows = self.held.give_away();
        let mut order: Vec<(Key, usize)> = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let group = self.held.group(row);
            order.extend(self.decided(row).map(|window| (Key { window, group }, index)));
        }
        order.sort_unstable();
        let mut run = RunWriter::new(&**spool).await?;
        for (key, index) in order {
            run.push(key, &rows[index]).await?;
        }
        drop(rows);
        let run = run.finish().await?;
        self.runs.add(run, &**spool).await
    }

    /// The starts of the chunk's windows that a row decides. Who was inside a room before is handed on from window to window.
    fn decided(&self, record: &Record) -> impl Iterator<Item = Timestamp> {
        let sent = record.sent();
        let (from, to, margin) = match record {
            Record::Message(_) => (sent.before(self.margin), sent.after(self.margin * 2), self.margin),
            Record::Presence(_) => (sent.max(self.cells.start), sent.max(self.cells.start), Duration::ZERO),
            Record::Undecodable(_) => (sent, sent, Duration::ZERO),
        };
        let is_message = matches!(record, Record::Message(_));
        let cells = self.cells;
        self.grid
            .windows(Span::new(from, to.after(Duration::from_millis(1))))
            .filter(move |window| cells.start <= window.start() && window.end() <= cells.end)
            .filter(move |window| !is_message || window.deciding(margin).contains(sent))
            .map(|window| window.start())
    }
}

impl Merging {
    /// Takes rows of the window until `enough` bytes of whole conversations are in hand; says whether there were any.
    async fn fill(&mut self, part: &mut Assembler, window: &Window, enough: usize) -> Result<bool> {
        let mut group = None;
        while let Some(key) = self.rows.key().filter(|key| key.window <= window.start()) {
            if group.is_some_and(|group| group != key.group) && part.weight() >= enough {
                break;
            }
            let Some(entry) = self.rows.next().await? else { break };
            // What only decides windows in which nothing is dated is not asked for.
            if key.window == window.start() {
                group = Some(key.group);
                part.hold(entry.record()?);
            }
        }
        Ok(group.is_some())
    }
}
