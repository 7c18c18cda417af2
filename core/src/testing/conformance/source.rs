use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use futures::{
    StreamExt, TryStreamExt,
    future::{BoxFuture, join_all},
};

use super::report::{Report, Rule};
use crate::{
    BareJid, Clock, Extent, Grid, HourlyRows, PRESENCE_LOOKBACK, Record, Source, SourceId, Span, Table, Tally, Timestamp, Transfer, Window,
};

/// A source that does not change, and what it holds.
pub struct SourceSubject<S: ?Sized> {
    source: Arc<S>,
    records: Vec<Record>,
    transfers: Vec<Transfer>,
    interrupt: Option<Interrupt>,
}

type Interrupt = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

impl<S: ?Sized> fmt::Debug for SourceSubject<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceSubject")
            .field("records", &self.records.len())
            .field("transfers", &self.transfers.len())
            .field("interrupt", &self.interrupt.is_some())
            .finish_non_exhaustive()
    }
}

impl<S: Source + ?Sized> SourceSubject<S> {
    /// A source that holds these records and no others. Their dates lie from 2000 on or before, in the past or the future, as the caller likes:
    /// the more of each kind, table and day, the more is checked.
    pub fn new(source: Arc<S>, records: Vec<Record>) -> Self {
        Self { source, records, transfers: Vec::new(), interrupt: None }
    }

    /// With these uploads and no others, each once: some with a date, some with the same resource name.
    #[must_use]
    pub fn with_transfers(self, transfers: Vec<Transfer>) -> Self {
        Self { transfers, ..self }
    }

    /// With a way to break the connection: what is read of the source next, and is long enough, is interrupted before its end.
    #[must_use]
    pub fn interrupted_by(self, interrupt: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self { interrupt: Some(Box::new(interrupt)), ..self }
    }
}

/// Checks a source; every call of `make` gives one that holds the same.
///
/// # Panics
///
/// If a rule does not hold.
pub async fn source<S: Source + ?Sized>(make: impl AsyncFn() -> SourceSubject<S>) -> Report {
    let mut report = Report::new("source");
    let SourceSubject { records, interrupt, .. } = make().await;
    let held = if records.is_empty() { Err("the source is empty") } else { Ok(()) };
    rows(&make, &mut report, held).await;
    tallies(&make, &mut report).await;
    transfers(&make, &mut report).await;
    recorded(&make, &mut report).await;
    report
        .check("the extent is that of the message rows from 2000 to now, and counts the others", async |rule| {
            let SourceSubject { source, records, .. } = make().await;
            let mut times = times(&records);
            times.extend([Timestamp::PLAUSIBLE, Timestamp::from_sql_datetime(73_049, 0)]);
            let indexed = rule.works(source.extent(Timestamp::PLAUSIBLE).await).indexed;
            for now in sample(&times, 12) {
                rule.equal(&rule.works(source.extent(now).await), &extent(&records, now, indexed));
            }
        })
        .await;
    report
        .check("there is a clock, and none goes back", async |rule| {
            let SourceSubject { source, .. } = make().await;
            let first = rule.works(source.clocks().await);
            let second = rule.works(source.clocks().await);
            rule.ensure(!first.is_empty(), "no clock is shown");
            rule.equal(&names(&first), &names(&second));
            for (first, second) in first.iter().zip(&second) {
                rule.ensure(first.time <= second.time, format_args!("{}: {} after {}", first.source, second.time, first.time));
                rule.ensure(first.time >= Timestamp::PLAUSIBLE, first.time);
            }
        })
        .await;
    report
        .check("rooms and nicks are the same each time", async |rule| {
            let SourceSubject { source, .. } = make().await;
            let first = rule.works(source.context().await);
            rule.ensure(rule.works(source.context().await) == first, "they differ");
        })
        .await;
    let interruptible = held.and(match interrupt {
        Some(_) => Ok(()),
        None => Err("the caller gives no way to interrupt it"),
    });
    report
        .check_if(interruptible, "a stream that is interrupted ends with an error, and the next one is whole", async |rule| {
            let SourceSubject { source, records, interrupt, .. } = make().await;
            let Some(interrupt) = interrupt else { return };
            interrupt().await;
            let results: Vec<_> = source.records(whole()).collect().await;
            rule.ensure(results.last().is_some_and(Result::is_err), "it ends as if nothing more were there");
            rule.ensure(results.iter().filter(|result| result.is_err()).count() == 1, "it goes on behind the error");
            ensure_same(rule, read(rule, &*source, whole()).await, &records);
        })
        .await;
    report
}

async fn rows<S: Source + ?Sized>(make: &impl AsyncFn() -> SourceSubject<S>, report: &mut Report, held: Result<(), &str>) {
    report
        .check_if(held, "every row is given exactly once", async |rule| {
            let SourceSubject { source, records, .. } = make().await;
            for _ in 0..2 {
                ensure_same(rule, read(rule, &*source, whole()).await, &records);
            }
        })
        .await;
    report
        .check("a span gives the message rows dated in it, and presence from the look-back before it on", async |rule| {
            let SourceSubject { source, records, .. } = make().await;
            let times = sample(&times(&records), 9);
            for (index, start) in times.iter().enumerate() {
                for end in &times[index..] {
                    let span = Span::new(*start, *end);
                    ensure_same(rule, read(rule, &*source, span).await, &within(&records, span));
                }
                let long_after = Span::new(start.after(PRESENCE_LOOKBACK), start.after(PRESENCE_LOOKBACK + Duration::from_secs(1)));
                ensure_same(rule, read(rule, &*source, long_after).await, &within(&records, long_after));
            }
        })
        .await;
    report
        .check("touching spans give every message row once", async |rule| {
            let SourceSubject { source, records, .. } = make().await;
            let mut borders = sample(&times(&records), 7);
            borders.insert(0, whole().start);
            borders.push(whole().end);
            let messages = |records: Vec<Record>| records.into_iter().filter(|record| record.table() != Table::TcTimelog);
            let mut found = Vec::new();
            for pair in borders.windows(2) {
                found.extend(messages(read(rule, &*source, Span::new(pair[0], pair[1])).await));
            }
            ensure_same(rule, found, &messages(records).collect::<Vec<_>>());
        })
        .await;
    report
        .check("several streams may be read at the same time, and one that is dropped disturbs no other", async |rule| {
            let SourceSubject { source, records, .. } = make().await;
            let _: Option<_> = source.records(whole()).next().await;
            drop(source.records(whole()));
            for found in join_all((0..3).map(|_| read(rule, &*source, whole()))).await {
                ensure_same(rule, found, &records);
            }
        })
        .await;
}

async fn tallies<S: Source + ?Sized>(make: &impl AsyncFn() -> SourceSubject<S>, report: &mut Report) {
    report
        .check("a tally counts rows and lengths by window and table, and leaves out windows without rows", async |rule| {
            let SourceSubject { source, records, .. } = make().await;
            for grid in grids() {
                let windows: Vec<Window> = windows(&records, &grid);
                let mut spans: Vec<Span> = sample(&windows, 5).iter().map(Window::span).collect();
                if let (Some(first), Some(last)) = (windows.first(), windows.last()) {
                    spans.push(Span::new(first.start(), last.end()));
                    spans.push(Span::new(windows[windows.len() / 3].start(), windows[windows.len() / 3 * 2].end()));
                }
                for span in spans {
                    ensure_tallied(rule, &*source, &records, span, &grid).await;
                }
            }
        })
        .await;
    report
        .check("a tally of what is dated before 2000 is of that one window", async |rule| {
            let SourceSubject { source, records, .. } = make().await;
            for grid in grids() {
                ensure_tallied(rule, &*source, &records, Window::UNDATED.span(), &grid).await;
            }
        })
        .await;
}

async fn recorded<S: Source + ?Sized>(make: &impl AsyncFn() -> SourceSubject<S>, report: &mut Report) {
    report
        .check("the message rows of every hour of the spans are counted, of each table", async |rule| {
            let SourceSubject { source, records, .. } = make().await;
            let (hour, week) = (Duration::from_hours(1), Duration::from_hours(7 * 24));
            let grid = grids()[1];
            let times: Vec<Timestamp> = times(&records).into_iter().filter(|time| *time >= Timestamp::PLAUSIBLE).collect();
            for time in sample(&times, 7) {
                let time = grid.window_at(time).start();
                let whole = Span::new(time.before(week * 4).max(Timestamp::PLAUSIBLE), time.after(week));
                let day = Span::new(time, time.after(hour * 24));
                let later = Span::new(day.end.after(hour * 3), day.end.after(week));
                for spans in [vec![], vec![whole], vec![day], vec![day, later], HourlyRows::compared(day)] {
                    let found = rule.works(source.hours(&spans).await);
                    let mut expected = HourlyRows::default();
                    let counted = records.iter().filter(|record| spans.iter().any(|span| span.contains(record.sent())));
                    counted
                        .filter(|record| record.table() != Table::TcTimelog)
                        .for_each(|record| expected.add(record.table(), record.sent(), 1));
                    rule.equal(&found, &expected);
                }
            }
        })
        .await;
    let told = match make().await.source.room_numbers(whole()).await {
        Ok(None) => Err("the source does not tell the numbers of rooms"),
        _ => Ok(()),
    };
    report
        .check_if(told, "the highest number of every room with rows in the span is told", async |rule| {
            let SourceSubject { source, records, .. } = make().await;
            let mut borders = sample(&times(&records), 7);
            borders.extend([Timestamp::MIN, Timestamp::MAX]);
            borders.sort_unstable();
            for (index, start) in borders.iter().enumerate() {
                for end in &borders[index..] {
                    let span = Span::new(*start, *end);
                    let mut expected: BTreeMap<BareJid, i64> = BTreeMap::new();
                    for record in records.iter().filter(|record| span.contains(record.sent())) {
                        if let Record::Message(row) = record
                            && let Some(number) = row.msg_id.filter(|_| row.table == Table::TcMsgarchive)
                        {
                            expected.entry(row.to.bare().clone()).and_modify(|highest| *highest = number.max(*highest)).or_insert(number);
                        }
                    }
                    rule.equal(&rule.works(source.room_numbers(span).await), &Some(expected));
                }
            }
        })
        .await;
}

async fn transfers<S: Source + ?Sized>(make: &impl AsyncFn() -> SourceSubject<S>, report: &mut Report) {
    let held = if make().await.transfers.is_empty() { Err("the caller names no uploads") } else { Ok(()) };
    report
        .check_if(held, "every upload with one of the resource names, and every one dated in the span, is given once", async |rule| {
            let SourceSubject { source, transfers, .. } = make().await;
            let names: BTreeSet<&str> = transfers.iter().map(|transfer| &*transfer.resource).filter(|name| !name.is_empty()).collect();
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let times: BTreeSet<Timestamp> = transfers.iter().filter_map(|transfer| transfer.sent).collect();
            let times = sample(&times.into_iter().collect::<Vec<_>>(), 5);
            let never = Span::new(Timestamp::PLAUSIBLE, Timestamp::PLAUSIBLE);
            let mut spans = vec![never, whole()];
            spans.extend(times.windows(2).map(|pair| Span::new(pair[0], pair[1])));
            // More than one statement takes, most of them unknown.
            let many: Vec<String> = (0..2_500).map(|number| format!("no such resource {number}")).chain(names.clone()).collect();
            let altered: Vec<String> = names.iter().flat_map(|name| [name.to_uppercase(), format!("{name} ")]).collect();
            for span in spans {
                for asked in [&names[..0], &names[..1.min(names.len())], &names, &many, &altered] {
                    let mut found = rule.works(source.transfers(span, asked).await);
                    let is_asked_for =
                        |transfer: &&Transfer| asked.contains(&transfer.resource) || transfer.sent.is_some_and(|sent| span.contains(sent));
                    let mut expected: Vec<Transfer> = transfers.iter().filter(is_asked_for).cloned().collect();
                    found.sort();
                    expected.sort();
                    rule.ensure(found == expected, format_args!("{found:?} instead of {expected:?}"));
                }
            }
        })
        .await;
}

async fn ensure_tallied<S: Source + ?Sized>(rule: Rule, source: &S, records: &[Record], span: Span, grid: &Grid) {
    let found = rule.works(source.tally(span, grid).await);
    let mut expected: BTreeMap<(Window, Table), (u64, u64)> = BTreeMap::new();
    for record in records.iter().filter(|record| span.contains(record.sent())) {
        let (rows, length) = expected.entry((grid.window_at(record.sent()), record.table())).or_default();
        *rows += 1;
        *length += record.length();
    }
    let places: BTreeSet<(Window, Table)> = found.iter().map(|tally| (tally.window, tally.table)).collect();
    rule.ensure(places.len() == found.len(), "a window and table is named twice");
    for Tally { window, table, rows, length } in found {
        let expected = expected.remove(&(window, table)).unwrap_or_default();
        rule.ensure(
            (rows, length) == expected && rows > 0,
            format_args!("{rows} rows of length {length} of {table} in {window}, not {expected:?}"),
        );
    }
    if let Some(((window, table), (rows, _))) = expected.pop_first() {
        rule.broken(format_args!("{rows} rows of {table} in {window} are left out"));
    }
}

async fn read<S: Source + ?Sized>(rule: Rule, source: &S, span: Span) -> Vec<Record> {
    let batches: crate::Result<Vec<Vec<Record>>> = source.records(span).try_collect().await;
    rule.works(batches).concat()
}

fn names(clocks: &[Clock]) -> Vec<&SourceId> {
    clocks.iter().map(|clock| &clock.source).collect()
}

/// Compares in any order, and names no text.
fn ensure_same(rule: Rule, mut found: Vec<Record>, expected: &[Record]) {
    let mut expected = expected.to_vec();
    found.sort();
    expected.sort();
    let surplus = surplus(&found, &expected);
    let missing = self::surplus(&expected, &found);
    let name = |records: &[&Record]| {
        let named: Vec<String> = records.iter().take(3).map(|record| format!("{} at {}", record.table(), record.sent())).collect();
        named.join(", ")
    };
    rule.ensure(missing.is_empty(), format_args!("{} of {} rows are missing: {}", missing.len(), expected.len(), name(&missing)));
    rule.ensure(surplus.is_empty(), format_args!("{} rows too many: {}", surplus.len(), name(&surplus)));
}

/// What the first of two sorted lists has beyond the second.
fn surplus<'a>(one: &'a [Record], other: &[Record]) -> Vec<&'a Record> {
    let mut other = other.iter().peekable();
    one.iter()
        .filter(|record| {
            while other.next_if(|next| next < record).is_some() {}
            other.next_if(|next| next == record).is_none()
        })
        .collect()
}

fn within(records: &[Record], span: Span) -> Vec<Record> {
    let presence = Span::new(span.start.before(PRESENCE_LOOKBACK), span.end);
    let wanted = |record: &&Record| if record.table() == Table::TcTimelog { presence } else { span }.contains(record.sent());
    records.iter().filter(wanted).cloned().collect()
}

fn extent(records: &[Record], now: Timestamp, indexed: bool) -> Extent {
    let messages = || records.iter().filter(|record| record.table() != Table::TcTimelog).map(Record::sent);
    let plausible = || messages().filter(|sent| (Timestamp::PLAUSIBLE..=now).contains(sent));
    Extent {
        first: plausible().min(),
        last: plausible().max(),
        undated: messages().filter(|sent| *sent < Timestamp::PLAUSIBLE).count() as u64,
        future: messages().filter(|sent| *sent > now).count() as u64,
        indexed,
    }
}

/// Everything that a `datetime` can say.
fn whole() -> Span {
    Span::new(Timestamp::MIN, Timestamp::MAX)
}

fn times(records: &[Record]) -> Vec<Timestamp> {
    records.iter().map(Record::sent).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The windows from the first plausible row to the last.
fn windows(records: &[Record], grid: &Grid) -> Vec<Window> {
    let plausible = || records.iter().map(Record::sent).filter(|sent| *sent >= Timestamp::PLAUSIBLE);
    let (Some(first), Some(last)) = (plausible().min(), plausible().max()) else { return Vec::new() };
    let dated: BTreeSet<Window> = plausible().map(|sent| grid.window_at(sent)).collect();
    // Years of empty windows between two rows would teach nothing.
    let near = grid.windows(Span::new(first, last.after(Duration::from_millis(1)))).take(400);
    near.chain(dated).collect::<BTreeSet<_>>().into_iter().collect()
}

fn grids() -> Vec<Grid> {
    let short = Grid::new(Duration::from_hours(1), Duration::ZERO);
    let anchored = Grid::new(Duration::from_hours(24), Duration::from_mins(22 * 60 + 30));
    [Ok(Grid::daily()), short, anchored].into_iter().flatten().collect()
}

/// At most so many, the first and the last among them.
fn sample<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    if all.len() <= most {
        return all.to_vec();
    }
    (0..most).map(|index| all[index * (all.len() - 1) / (most - 1)].clone()).collect()
}
