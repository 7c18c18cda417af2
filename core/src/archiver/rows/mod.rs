//! The rows of a chunk: in memory as long as they fit, then in a spool, from which what belongs together comes back together.

mod encoding;
mod held;
mod inside;
mod merge;
mod run;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use self::{
    held::HeldRun,
    inside::Inside,
    merge::{Merge, Runs},
    run::{Key, RunWriter},
};
use crate::{ArchiveFacts, Assembler, Assembly, Grid, Neighbour, People, Record, Result, Rooms, Span, Spool, Table, Timestamp, Window};

/// The most runs of one level that are read side by side: each is an open file.
const MOST_RUNS: usize = 160;

/// What a run takes while it is read, in bytes, if the spool gives it back in pieces of 64 KiB: its next row, and what has been read of those behind.
const READING: usize = 192 << 10;

/// How many bytes of rows are assembled at a time. Nothing else is done meanwhile, so that a source that is being read would wait for more.
const PART: usize = 256 << 10;

/// The rows of a chunk.
///
/// What outgrows memory is sorted by window and conversation and written to a spool as a run, again and again. In the end the runs, and the rows that are still in
/// memory, are merged: conversation after conversation comes back whole, in the order of the window's list, and some are assembled at a time.
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
    /// All rows, once they are being given out.
    merged: Option<Merge>,
}

/// The rows of one window, part by part.
#[derive(Debug)]
pub(super) struct Parts<'r> {
    rows: &'r mut Rows,
    window: Window,
    next: Option<Window>,
    earlier: Neighbour,
    inside: Inside,
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
            merged: None,
        }
    }

    /// Takes rows, in any order. Says how many bytes they take in memory where that is too much and there is no spool.
    pub(super) async fn accept(&mut self, records: Vec<Record>) -> Result<Option<usize>> {
        self.held.accept(records);
        if self.held.weight() <= self.limit {
            return Ok(None);
        }
        let Some(spool) = self.spool.clone() else { return Ok(Some(self.held.weight())) };
        let mut run = RunWriter::new(&*spool).await?;
        for (key, row) in self.give_away() {
            run.push(key, &row).await?;
        }
        self.runs.add(run.finish().await?, &*spool).await?;
        Ok(None)
    }

    /// How many rows of each table in hand are dated in the window, and the sum of their lengths.
    pub(super) fn tally(&self, window: &Window) -> BTreeMap<Table, (u64, u64)> {
        self.held.tally(window)
    }

    /// The rows of a window, once all have been accepted. Windows are asked for in their order, each once; `next` is the one after. Every conversation takes what is its own from `earlier`,
    /// what the window before has listed.
    pub(super) async fn window(&mut self, window: Window, next: Option<Window>, earlier: Neighbour) -> Result<Parts<'_>> {
        if self.merged.is_none() {
            let mut merged = self.runs.merge().await?;
            merged.add(self.give_away()).await?;
            self.merged = Some(merged);
        }
        // Those who are inside take no more than other rows that are held.
        let inside = Inside::new(self.limit / 2, self.spool.clone());
        Ok(Parts { rows: self, window, next, earlier, inside })
    }

    /// All rows that are held, in order of their keys.
    fn give_away(&mut self) -> HeldRun {
        let mut run = HeldRun::default();
        let mut keys = Vec::new();
        for row in self.held.give_away() {
            let group = self.held.group(&row);
            keys.extend(self.decided(&row).map(|window| Key { window, group }));
            run.add(keys.drain(..), row);
        }
        run.sorted()
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

impl Parts<'_> {
    /// What the window before has listed and nothing that was assembled so far has folded into.
    pub(super) fn earlier(&mut self) -> &mut Neighbour {
        &mut self.earlier
    }

    /// The next conversations; `None` when there are no more.
    pub(super) async fn next(&mut self) -> Result<Option<Assembly>> {
        let mut part = self.rows.empty.clone().since(self.window.start());
        if !self.fill(&mut part).await? {
            if let Some(merged) = &mut self.rows.merged {
                std::mem::take(&mut self.inside).hand_on(merged).await?;
            }
            return Ok(None);
        }
        let assembly = part.assemble_part(&self.window, &mut self.earlier);
        if let Some(next) = &self.next {
            self.inside.add(next, part.give_away_presence()).await?;
        }
        Ok(Some(assembly))
    }

    /// Takes rows of the window until enough whole conversations are in hand; says whether there were any.
    async fn fill(&mut self, part: &mut Assembler) -> Result<bool> {
        let enough = PART.min(self.rows.limit / 2);
        let Some(merged) = &mut self.rows.merged else { return Ok(false) };
        let mut group = None;
        while let Some(key) = merged.key().filter(|key| key.window <= self.window.start()) {
            if group.is_some_and(|group| group != key.group) && part.weight() >= enough {
                break;
            }
            let Some(row) = merged.next().await? else { break };
            // What only decides windows in which nothing is dated is not asked for.
            if key.window == self.window.start() {
                group = Some(key.group);
                part.hold(row.record()?);
            }
        }
        Ok(group.is_some())
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Conversation, MemoryDirectory,
        testing::{
            memory::MemorySpool,
            rows::{Row, rows},
        },
    };

    const DAYS: i64 = 2;

    fn cells() -> Span {
        Span::new("2026-11-20T00:00:00Z".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap())
    }

    /// What is assembled of each window, part by part.
    fn parts(records: &[Record], limit: usize, spool: Option<Arc<dyn Spool>>) -> Vec<Vec<Vec<Conversation>>> {
        let facts = ArchiveFacts::new("test").unwrap();
        let people = People::new(Arc::new(MemoryDirectory::new()));
        let mut rows = Rows::new(&facts, Arc::default(), people, cells(), limit, spool);
        let windows: Vec<Window> = facts.grid.windows(cells()).collect();
        assert_eq!(windows.len(), DAYS as usize);
        block_on(async {
            for batch in records.chunks(9) {
                assert_eq!(rows.accept(batch.to_vec()).await.unwrap(), None);
            }
            let mut all = Vec::new();
            for (index, window) in windows.iter().enumerate() {
                let mut parts = Vec::new();
                let mut given = rows.window(*window, windows.get(index + 1).copied(), Neighbour::default()).await.unwrap();
                while let Some(assembly) = given.next().await.unwrap() {
                    parts.push(assembly.conversations);
                }
                all.push(parts);
            }
            all
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn parts_are_the_whole_in_the_order_of_lists_and_conversations_are_not_divided(
            records in rows(DAYS, 60, Duration::from_mins(6)),
            limit in 0_usize..60_000,
        ) {
            let whole = parts(&records, usize::MAX, None);
            let divided = parts(&records, limit, Some(Arc::new(MemorySpool::new())));
            for (whole, divided) in whole.into_iter().zip(divided) {
                let order = |conversation: &Conversation| conversation.key.digest();
                let mut expected: Vec<_> = whole.into_iter().flatten().collect();
                expected.sort_by_key(order);
                for pair in divided.iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().windows(2) {
                    prop_assert!(pair[0].iter().map(order).max() < pair[1].iter().map(order).min());
                }
                let mut all: Vec<_> = divided.into_iter().flatten().collect();
                all.sort_by_key(order);
                prop_assert_eq!(all, expected);
            }
        }
    }

    #[test]
    fn no_more_is_in_hand_than_half_of_what_may_be_held_and_the_conversation_that_goes_beyond() {
        let message = |number: u64| {
            let sent = cells().start.after(Duration::from_secs(number * 17 % 80_000));
            Row::jm(&format!("u{}@example.com", number % 100), "bob@example.com")
                .at_time(sent)
                .id(&format!("m{number}"))
                .body(&"x".repeat(500))
                .record()
        };
        let records: Vec<Record> = (0..5_000).map(message).collect();
        let weight = |conversations: &[Conversation]| {
            conversations.iter().flat_map(|conversation| &conversation.messages).count() * records[0].weight()
        };
        let limit = 400_000;
        let parts = parts(&records, limit, Some(Arc::new(MemorySpool::new())));
        let (one_conversation, slack) = (50 * records[0].weight(), limit / 20);
        assert!(parts[0].len() > 20, "{}", parts[0].len());
        for part in &parts[0] {
            assert!(weight(part) < limit / 2 + one_conversation + slack, "{}", weight(part));
        }
        let conversations: usize = parts[0].iter().map(Vec::len).sum();
        assert_eq!(conversations, 100);
    }
}
