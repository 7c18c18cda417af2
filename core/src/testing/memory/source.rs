use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};

use crate::{
    BareJid, Clock, Extent, Grid, PRESENCE_LOOKBACK, Record, Result, Rooms, Source, SourceId, Span, Table, Tally, Timestamp, Transfer,
};

/// A source that gives the records it was given.
#[derive(Debug)]
pub struct MemorySource {
    id: SourceId,
    state: Mutex<State>,
    batch: usize,
}

#[derive(Debug, Clone)]
struct State {
    records: Vec<Record>,
    rooms: Rooms,
    transfers: Vec<Transfer>,
    clock: Timestamp,
    indexed: bool,
}

impl MemorySource {
    /// A source of these records, whose clock shows `clock`.
    pub fn new(records: Vec<Record>, clock: Timestamp) -> Self {
        let state = State { records, rooms: Rooms::new(), transfers: Vec::new(), clock, indexed: true };
        Self { id: SourceId::new("memory"), state: Mutex::new(state), batch: 256 }
    }

    /// With another name than `memory`.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { id: SourceId::new(name), ..self }
    }

    /// With what it knows of its rooms.
    #[must_use]
    pub fn with_rooms(self, rooms: Rooms) -> Self {
        self.change(|state| state.rooms = rooms);
        self
    }

    /// With what it knows of uploads.
    #[must_use]
    pub fn with_transfers(self, transfers: Vec<Transfer>) -> Self {
        self.change(|state| state.transfers = transfers);
        self
    }

    /// Whether it says that its tables have an index on their dates; they do until told otherwise.
    #[must_use]
    pub fn indexed(self, indexed: bool) -> Self {
        self.change(|state| state.indexed = indexed);
        self
    }

    /// How many records it gives at a time.
    #[must_use]
    pub fn batches_of(mut self, batch: usize) -> Self {
        self.batch = batch.max(1);
        self
    }

    /// Changes the records, as a database does while it is read.
    pub fn edit(&self, edit: impl FnOnce(&mut Vec<Record>)) {
        self.change(|state| edit(&mut state.records));
    }

    /// Sets its clock.
    pub fn set_clock(&self, clock: Timestamp) {
        self.change(|state| state.clock = clock);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Source for MemorySource {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn clocks(&self) -> Result<Vec<Clock>> {
        Ok(vec![Clock::new(self.id.clone(), self.state(|state| state.clock))])
    }

    async fn extent(&self, now: Timestamp) -> Result<Extent> {
        Ok(self.state(|state| {
            let messages = || state.records.iter().filter(|record| record.table() != Table::TcTimelog).map(Record::sent);
            let plausible = || messages().filter(|sent| (Timestamp::PLAUSIBLE..=now).contains(sent));
            Extent {
                first: plausible().min(),
                last: plausible().max(),
                undated: messages().filter(|sent| *sent < Timestamp::PLAUSIBLE).count() as u64,
                future: messages().filter(|sent| *sent > now).count() as u64,
                indexed: state.indexed,
            }
        }))
    }

    async fn context(&self) -> Result<Rooms> {
        Ok(self.state(|state| state.rooms.clone()))
    }

    async fn tally(&self, span: Span, grid: &Grid) -> Result<Vec<Tally>> {
        let mut tallies = BTreeMap::new();
        self.state(|state| {
            for record in state.records.iter().filter(|record| span.contains(record.sent())) {
                let (rows, length) = tallies.entry((grid.window_at(record.sent()), record.table())).or_insert((0, 0));
                *rows += 1;
                *length += record.length();
            }
        });
        Ok(tallies.into_iter().map(|((window, table), (rows, length))| Tally::new(window, table, rows, length)).collect())
    }

    fn records(&self, span: Span) -> BoxStream<'static, Result<Vec<Record>>> {
        let presence = Span::new(span.start.before(PRESENCE_LOOKBACK), span.end);
        let wanted = |record: &&Record| if record.table() == Table::TcTimelog { presence } else { span }.contains(record.sent());
        let records: Vec<Record> = self.state(|state| state.records.iter().filter(wanted).cloned().collect());
        let batches: Vec<Result<Vec<Record>>> = records.chunks(self.batch).map(|batch| Ok(batch.to_vec())).collect();
        stream::iter(batches).boxed()
    }

    async fn transfers(&self, span: Span, resources: &[String]) -> Result<Vec<Transfer>> {
        let is_asked_for =
            |transfer: &&Transfer| resources.contains(&transfer.resource) || transfer.sent.is_some_and(|sent| span.contains(sent));
        Ok(self.state(|state| state.transfers.iter().filter(is_asked_for).cloned().collect()))
    }

    async fn room_numbers(&self, span: Span) -> Result<Option<BTreeMap<BareJid, i64>>> {
        let mut numbers: BTreeMap<BareJid, i64> = BTreeMap::new();
        self.state(|state| {
            for record in &state.records {
                if let Record::Message(row) = record
                    && let Some(number) = row.msg_id.filter(|_| row.table == Table::TcMsgarchive && span.contains(row.sent))
                {
                    numbers.entry(row.to.bare().clone()).and_modify(|highest| *highest = number.max(*highest)).or_insert(number);
                }
            }
        });
        Ok(Some(numbers))
    }
}
