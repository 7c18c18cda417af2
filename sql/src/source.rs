use std::{
    collections::{BTreeMap, VecDeque},
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::{
    StreamExt, TryStreamExt,
    future::try_join_all,
    stream::{self, BoxStream},
};
use jabber_archive_core::{
    BareJid, Clock, ErrorClass, Extent, Grid, HourlyRows, PRESENCE_LOOKBACK, Record, Result, Rooms, Source, SourceId, Span, Table, Tally,
    Timestamp, Transfer,
};
use tokio::{
    sync::{OnceCell, mpsc},
    task::JoinSet,
};

use crate::{
    config::MssqlConfig,
    connection::{Connection, Parameter, Value, unexpected},
    date::DateColumn,
    decode,
    decryption::Keyring,
    fault::Operation,
    layout::Layout,
    schema::{JM, Schema, TC_MSGARCHIVE, TC_ROOMS, TC_USERS},
    statements,
};

/// How many rows are handed on at a time.
const BATCH: usize = 256;

/// How many batches of a table may wait to be taken.
const WAITING: usize = 8;

/// A Cisco IM and Presence database on SQL Server.
///
/// Every call connects anew, so that nothing half-read is ever used again. Tables and columns are looked up before the first read and then taken as known;
/// needs a tokio runtime.
#[derive(Clone)]
pub struct MssqlSource {
    id: SourceId,
    config: Arc<MssqlConfig>,
    schema: Arc<OnceCell<Arc<Schema>>>,
    /// Looked up when it is asked for the first time.
    pub(crate) transfer_log: Arc<OnceCell<Option<Layout>>>,
}

impl fmt::Debug for MssqlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MssqlSource").field("id", &self.id).finish_non_exhaustive()
    }
}

impl MssqlSource {
    /// The source of this database; nothing is connected yet.
    pub fn new(config: MssqlConfig) -> Self {
        Self { id: config.id(), config: Arc::new(config.anew()), schema: Arc::default(), transfer_log: Arc::default() }
    }

    pub(crate) fn config(&self) -> &MssqlConfig {
        &self.config
    }

    /// The server's UTC.
    pub(crate) async fn clock(&self) -> Result<Timestamp> {
        let mut connection = Connection::open(&self.config, false).await?;
        match connection.row("read the clock of", "", statements::CLOCK, &[]).await? {
            [Value::Time(time)] => Ok(time),
            [_] => Err(unexpected(Operation { config: &self.config, verb: "read the clock of", table: "" })),
        }
    }

    pub(crate) async fn schema(&self) -> Result<Arc<Schema>> {
        self.schema.get_or_try_init(|| async { Schema::discover(&self.config).await.map(Arc::new) }).await.cloned()
    }

    /// Adds what one table has between `PLAUSIBLE` and `now`, and outside.
    async fn measure(&self, layout: &Layout, date: &DateColumn, snapshot: bool, now: Timestamp, extent: &mut Extent) -> Result<()> {
        let statement =
            if layout.indexed { statements::extent(&layout.table, date) } else { statements::extent_by_scan(&layout.table, date) };
        let after = now.after(Duration::from_millis(1));
        let bounds = [Parameter::Time(date.kind, Timestamp::PLAUSIBLE), Parameter::Time(date.kind, after)];
        let mut connection = Connection::open(&self.config, snapshot).await?;
        let [first, last, undated, future] = connection.row("find first and last row of", layout.spec.name, &statement, &bounds).await?;
        let time = |value: &Value| match value {
            Value::Time(time) => Some(*time),
            _ => None,
        };
        let count = |value: &Value| match value {
            Value::Int(number) => u64::try_from(*number).unwrap_or_default(),
            _ => 0,
        };
        extent.first = [extent.first, time(&first)].into_iter().flatten().min();
        extent.last = [extent.last, time(&last)].into_iter().flatten().max();
        extent.undated += count(&undated);
        extent.future += count(&future);
        extent.indexed &= layout.indexed;
        Ok(())
    }

    /// Rows and lengths of one table, by window.
    async fn count(&self, layout: &Layout, date: &DateColumn, snapshot: bool, span: Span, grid: &Grid) -> Result<Vec<Tally>> {
        let table = table(layout);
        let statement = statements::tally(&layout.table, date, &layout.lengths);
        let undated = span.end <= Timestamp::PLAUSIBLE;
        // All that is dated before 2000 is one window, and fits into one cell of the largest length.
        let minutes = if undated { i32::MAX } else { (grid.length().as_secs() / 60) as i32 };
        let origin = if undated { Timestamp::MIN } else { grid.border(span.start) };
        let [from, until, counted_from] = [span.start, span.end, origin].map(|time| Parameter::Time(date.kind, time));
        let parameters = [from, until, counted_from, Parameter::Int(minutes)];
        let mut connection = Connection::open(&self.config, snapshot).await?;
        let rows = connection.rows("count", layout.spec.name, &statement, &parameters).await?;
        let operation = Operation { config: &self.config, verb: "count", table: layout.spec.name };
        let mut tallies: BTreeMap<_, (u64, u64)> = BTreeMap::new();
        for row in rows {
            let [Value::Int(cell), Value::Int(rows), Value::Int(length)] = row[..] else { return Err(unexpected(operation)) };
            let window = grid.window_at(if undated { origin } else { origin.after(grid.length() * cell as u32).max(span.start) });
            let (all, long) = tallies.entry(window).or_default();
            *all += u64::try_from(rows).unwrap_or_default();
            *long += u64::try_from(length).unwrap_or_default();
        }
        Ok(tallies.into_iter().map(|(window, (rows, length))| Tally::new(window, table, rows, length)).collect())
    }
}

/// The pieces of a span that one statement counts. What is dated before 2000 is in one window, whatever the grid; behind that, the minutes from the start of a piece
/// to any of its rows fit the `int` that `DATEDIFF` gives, which holds those of 4,083 years.
fn countable(span: Span, grid: &Grid) -> Vec<Span> {
    const COUNTED: Duration = Duration::from_hours(4_000 * 365 * 24);
    let mut pieces = vec![Span::new(span.start, span.end.min(Timestamp::PLAUSIBLE))];
    let mut start = span.start.max(Timestamp::PLAUSIBLE);
    while start < span.end {
        let end = grid.border(start.after(COUNTED)).min(span.end);
        pieces.push(Span::new(start, end));
        start = end;
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

pub(crate) fn table(layout: &Layout) -> Table {
    match layout.spec.name {
        name if name == JM.name => Table::Jm,
        name if name == TC_MSGARCHIVE.name => Table::TcMsgarchive,
        _ => Table::TcTimelog,
    }
}

#[async_trait]
impl Source for MssqlSource {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn clocks(&self) -> Result<Vec<Clock>> {
        Ok(vec![Clock::new(self.id.clone(), self.clock().await?)])
    }

    async fn extent(&self, now: Timestamp) -> Result<Extent> {
        let schema = self.schema().await?;
        let mut extent = Extent::default();
        extent.indexed = true;
        for layout in schema.messages() {
            if let Some(date) = &layout.date {
                self.measure(layout, date, schema.snapshot, now, &mut extent).await?;
            }
        }
        Ok(extent)
    }

    async fn context(&self) -> Result<Rooms> {
        let schema = self.schema().await?;
        let mut rooms = Rooms::new();
        for (spec, add) in [(&TC_ROOMS, decode::add_room as fn(&mut Rooms, &[Value])), (&TC_USERS, decode::add_user)] {
            let Some(layout) = schema.find(spec) else { continue };
            let mut connection = Connection::open(&self.config, schema.snapshot).await?;
            let statement = statements::whole(&layout.table, &layout.columns);
            let mut answer = connection.query("read", spec.name, &statement, &[]).await?;
            while let Some(row) = answer.next().await? {
                add(&mut rooms, &row);
            }
        }
        Ok(rooms)
    }

    async fn tally(&self, span: Span, grid: &Grid) -> Result<Vec<Tally>> {
        let schema = self.schema().await?;
        let mut counts = Vec::new();
        for (layout, date) in schema.dated() {
            for span in countable(span, grid) {
                counts.push(self.count(layout, date, schema.snapshot, span, grid));
            }
        }
        Ok(try_join_all(counts).await?.into_iter().flatten().collect())
    }

    fn records(&self, span: Span) -> BoxStream<'static, Result<Vec<Record>>> {
        let source = self.clone();
        stream::once(async move { source.schema().await.map(|schema| source.read(&schema, span)) }).try_flatten().boxed()
    }

    async fn transfers(&self, span: Span, resources: &[String]) -> Result<Vec<Transfer>> {
        self.uploads(span, resources).await
    }

    async fn hours(&self, spans: &[Span]) -> Result<HourlyRows> {
        self.count_hours(spans).await
    }

    async fn room_numbers(&self, span: Span) -> Result<Option<BTreeMap<BareJid, i64>>> {
        self.highest_numbers(span).await.map(Some)
    }
}

impl MssqlSource {
    /// A task for each connection: one a table, of a table with an index as many as the configuration says. Dropping the stream ends the tasks.
    fn read(&self, schema: &Schema, span: Span) -> BoxStream<'static, Result<Vec<Record>>> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let mut tasks = JoinSet::new();
        for (layout, date) in schema.dated() {
            let connections = if layout.indexed { self.config.connections.get() } else { 1 };
            let start = if table(layout) == Table::TcTimelog { span.start.before(PRESENCE_LOOKBACK) } else { span.start };
            let shares = Arc::new(Mutex::new(shares(Span::new(start, span.end), connections)));
            for _ in 0..connections {
                let reader = Reader {
                    config: self.config.clone(),
                    layout: layout.clone(),
                    date: date.clone(),
                    snapshot: schema.snapshot,
                    shares: shares.clone(),
                    sender: sender.clone(),
                };
                tasks.spawn(async move {
                    if let Err(error) = reader.read().await {
                        // Nobody takes it if the stream was dropped.
                        let _: Result<(), _> = reader.sender.send(Err(error)).await;
                    }
                });
            }
        }
        drop(sender);
        let reading = Some(Reading { source: self.clone(), receiver, tasks });
        stream::unfold(reading, |reading| async move {
            let mut reading = reading?;
            let next = reading.next().await?;
            let after = next.is_ok().then_some(reading);
            Some((next, after))
        })
        .boxed()
    }
}

/// The tasks that read, and what they have read.
struct Reading {
    source: MssqlSource,
    receiver: mpsc::Receiver<Result<Vec<Record>>>,
    tasks: JoinSet<()>,
}

impl Reading {
    /// The next batch; no end unless every task has come to its own.
    async fn next(&mut self) -> Option<Result<Vec<Record>>> {
        if let Some(batch) = self.receiver.recv().await {
            return Some(batch);
        }
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                let operation = Operation { config: self.source.config(), verb: "read", table: "" };
                // What a panic says may hold a value of a row.
                let what = if error.is_panic() { "a reading task panicked" } else { "a reading task was cancelled" };
                return Some(Err(operation.error(ErrorClass::Fatal, what)));
            }
        }
        None
    }
}

/// How a span is shared by several connections: each takes the next share when it has read one, because of the hours of a day some have most of the rows.
fn shares(span: Span, connections: u8) -> VecDeque<Span> {
    let number = if connections == 1 { 1 } else { 4 * i64::from(connections) };
    let length = span.end.millis() - span.start.millis();
    let border = |share: i64| span.start.after(Duration::from_millis((i128::from(length) * i128::from(share) / i128::from(number)) as u64));
    (0..number).map(|share| Span::new(border(share), border(share + 1))).filter(|share| !share.is_empty()).collect()
}

/// Reads shares of one table over one connection.
struct Reader {
    config: Arc<MssqlConfig>,
    layout: Layout,
    date: DateColumn,
    snapshot: bool,
    /// Those that nobody has taken yet.
    shares: Arc<Mutex<VecDeque<Span>>>,
    sender: mpsc::Sender<Result<Vec<Record>>>,
}

impl Reader {
    /// Reads share after share to its end; ends early only if nobody takes the rows.
    async fn read(&self) -> Result<()> {
        let keys = Keyring::new(self.config.encryption_keys.iter().cloned());
        let table = table(&self.layout);
        let record = |row: &[Value]| match table {
            Table::Jm => decode::jm(row, &keys),
            Table::TcMsgarchive => decode::tc_msgarchive(row),
            _ => decode::tc_timelog(row),
        };
        let statement = statements::records(&self.layout.table, &self.date, &self.layout.columns);
        let mut connection = None;
        while let Some(share) = self.next_share() {
            let connection = match &mut connection {
                Some(open) => open,
                none => none.insert(Connection::open(&self.config, self.snapshot).await?),
            };
            let bounds = [share.start, share.end].map(|time| Parameter::Time(self.date.kind, time));
            let mut answer = connection.query("read", self.layout.spec.name, &statement, &bounds).await?;
            if self.layout.indexed {
                answer = answer.sought();
            }
            let mut batch = Vec::with_capacity(BATCH);
            while let Some(row) = answer.next().await? {
                batch.push(record(&row));
                if batch.len() == BATCH && self.sender.send(Ok(mem::replace(&mut batch, Vec::with_capacity(BATCH)))).await.is_err() {
                    return Ok(());
                }
            }
            if !batch.is_empty() && self.sender.send(Ok(batch)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn next_share(&self) -> Option<Span> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_each_other_from_the_start_to_the_end() {
        let [start, end] = ["2026-11-20T23:50:00Z", "2026-11-22T00:05:00Z"].map(|time| time.parse::<Timestamp>().unwrap());
        for span in [
            Span::new(start, end),
            Span::new(Timestamp::MIN, Timestamp::PLAUSIBLE),
            Span::new(start, start.after(Duration::from_millis(2))),
        ] {
            for (connections, most) in [(1, 1), (2, 8), (u8::MAX, 1_020)] {
                let shares = shares(span, connections);
                assert_eq!((shares[0].start, shares[shares.len() - 1].end), (span.start, span.end));
                assert!(shares.len() <= most && shares.iter().zip(shares.iter().skip(1)).all(|(one, next)| one.end == next.start));
            }
        }
    }
}
