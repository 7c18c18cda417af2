use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::{BareJid, Grid, HourlyRows, Record, Result, Rooms, Span, Table, Timestamp, Transfer, Window};

/// Where rows come from.
///
/// # Contract
///
/// - Nothing is ever written to the source, and a statement is drained without waiting for whoever consumes the stream's rows for long.
/// - `records` gives every row of the span exactly once in any order, and an error rather than an incomplete end. An error ends the stream;
///   the caller drops what it got and asks again.
/// - `tally` counts what `records` would give for the dates of the span itself.
/// - Errors are classed where they arise; see [`ErrorClass`](crate::ErrorClass).
#[async_trait]
pub trait Source: fmt::Debug + Send + Sync {
    /// Names the source in messages and errors.
    fn id(&self) -> &SourceId;

    /// The UTC of every server that rows come from: one that is ahead or behind must not hide behind the others.
    async fn clocks(&self) -> Result<Vec<Clock>>;

    /// The first and last plausible message row, and how many lie outside; those dated after `now` count as of the future.
    ///
    /// The archiver asks with a time that is ahead by `settle`: rows are written while it asks, by clocks that may be a little fast.
    async fn extent(&self, now: Timestamp) -> Result<Extent>;

    /// Room kinds and titles, and who stands behind a nick; read once per run.
    async fn context(&self) -> Result<Rooms>;

    /// Rows and sum of lengths by window and table, in one scan of each table; windows without rows are left out.
    ///
    /// `span` starts and ends at borders of `grid`'s windows; it may also be that of [`Window::UNDATED`].
    async fn tally(&self, span: Span, grid: &Grid) -> Result<Vec<Tally>>;

    /// Every message row dated in the span and every presence row of the span and of
    /// [`PRESENCE_LOOKBACK`](crate::PRESENCE_LOOKBACK) before it, in batches of some hundred.
    fn records(&self, span: Span) -> BoxStream<'static, Result<Vec<Record>>>;

    /// Every logged upload with one of these resource names, whenever it was, and every one dated in the span, where the log dates them; each once, in any order.
    ///
    /// Names are compared exactly. Asked only where files are archived; a source without a transfer log knows of no uploads.
    async fn transfers(&self, span: Span, resources: &[String]) -> Result<Vec<Transfer>>;

    /// The message rows of each hour in these spans, which are of full hours from 2000 on, sorted and apart from each other.
    ///
    /// Asked once a run, of the weeks before too, to tell hours without rows from those that never have many. Given by [`tally`](Self::tally) unless a source has a
    /// cheaper way: lengths are not asked for.
    async fn hours(&self, spans: &[Span]) -> Result<HourlyRows> {
        let mut hours = HourlyRows::default();
        let grid = Grid::new(Duration::from_hours(1), Duration::ZERO)?;
        for span in spans {
            for tally in self.tally(*span, &grid).await? {
                hours.add(tally.table, tally.window.start(), tally.rows);
            }
        }
        Ok(hours)
    }

    /// The highest number (`tc_msgarchive.msg_id`) of each room among the rows dated in the span; none of a source that cannot tell without reading them all.
    ///
    /// Asked once a run, of the 30 days before it: what is missing between one window and the next shows by numbers alone.
    async fn room_numbers(&self, span: Span) -> Result<Option<BTreeMap<BareJid, i64>>> {
        let _ = span;
        Ok(None)
    }
}

const _: Option<&dyn Source> = None;

/// The name of a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SourceId(Arc<str>);

impl SourceId {
    /// A source of this name, such as `sql01.example.com/tcmadb`.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the clock of a server shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Clock {
    /// Whose it is.
    pub source: SourceId,
    /// Its UTC.
    pub time: Timestamp,
}

impl Clock {
    /// The clock of this source's server shows this time.
    pub fn new(source: SourceId, time: Timestamp) -> Self {
        Self { source, time }
    }
}

/// From when to when a source has message rows; presence alone begins no archive and ends none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extent {
    /// The first message row dated from 2000 on and not in the future.
    pub first: Option<Timestamp>,
    /// The last message row dated from 2000 on and not in the future.
    pub last: Option<Timestamp>,
    /// Message rows dated before 2000.
    pub undated: u64,
    /// Message rows dated in the future.
    pub future: u64,
    /// Whether every message table has an index that leads with its date, so that reading one window does not scan the table.
    pub indexed: bool,
}

/// What a source says of one window of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tally {
    /// The window.
    pub window: Window,
    /// The table.
    pub table: Table,
    /// How many rows are dated in it.
    pub rows: u64,
    /// The sum of the lengths that they state of themselves, in characters; see [`Record::length`].
    pub length: u64,
}

impl Tally {
    /// So many rows of a table in a window.
    pub fn new(window: Window, table: Table, rows: u64, length: u64) -> Self {
        Self { window, table, rows, length }
    }
}
