use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use futures::{
    StreamExt,
    future::try_join_all,
    stream::{self, BoxStream},
};

use crate::{
    BareJid, Clock, Error, ErrorClass, ErrorKind, Extent, Grid, HourlyRows, Record, Result, Rooms, Source, SourceId, Span, Table, Tally,
    Timestamp, Transfer, Window,
};

/// Several sources as one: the tables of a cluster lie in databases of their own, on servers of their own, several of each.
///
/// Their rows count as if they stood together in one database: however rows are spread over sources, the archive is the same to the bit. All are asked at the
/// same time, an error of one is an error of the whole, and it names the source.
///
/// A row that two of them give is counted twice: of a database and its replica, or its copy, only one may be among them.
///
/// ```
/// use std::sync::Arc;
/// use futures::executor::block_on;
/// use jabber_archive_core::{Source, Sources, testing::memory::MemorySource};
///
/// let now = "2026-11-21T12:00:00Z".parse()?;
/// let sources = Sources::new([
///     Arc::new(MemorySource::new(Vec::new(), now).named("sql01/jm")) as Arc<dyn Source>,
///     Arc::new(MemorySource::new(Vec::new(), now).named("sql02/muc")),
/// ])?;
/// assert_eq!(sources.id().to_string(), "sql01/jm, sql02/muc");
/// assert_eq!(block_on(sources.clocks())?.len(), 2);
/// # Ok::<(), jabber_archive_core::Error>(())
/// ```
pub struct Sources {
    id: SourceId,
    all: Vec<Arc<dyn Source>>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sources").field(&self.all).finish()
    }
}

impl Sources {
    /// These sources together; their order does not matter.
    ///
    /// # Errors
    ///
    /// If there is none, or if two have the same name: one that is listed twice would give its rows twice.
    pub fn new(sources: impl IntoIterator<Item = Arc<dyn Source>>) -> Result<Self> {
        let mut all: Vec<Arc<dyn Source>> = sources.into_iter().collect();
        all.sort_by(|a, b| a.id().cmp(b.id()));
        let refuse = |what: &str| Error::new(ErrorKind::Config, ErrorClass::Fatal, "join sources", what);
        if let Some(pair) = all.windows(2).find(|pair| pair[0].id() == pair[1].id()) {
            return Err(refuse("it is there twice: its rows would be counted twice").about(pair[0].id()).advise("leave one out"));
        }
        let names: Vec<String> = all.iter().map(|source| source.id().to_string()).collect();
        if names.is_empty() {
            return Err(refuse("there is none"));
        }
        Ok(Self { id: SourceId::new(names.join(", ")), all })
    }

    /// Asks all of them at the same time.
    async fn each<'a, T, F>(&'a self, ask: impl Fn(&'a dyn Source) -> F) -> Result<Vec<T>>
    where
        F: Future<Output = Result<T>>,
    {
        let answers = self.all.iter().map(|source| {
            let answer = ask(&**source);
            async move { answer.await.map_err(|error| of(source.id(), error)) }
        });
        try_join_all(answers).await
    }
}

/// The error, naming the source.
fn of(id: &SourceId, error: Error) -> Error {
    let id = id.to_string();
    let subject = match error.subject() {
        Some(subject) if subject.strip_prefix(&id).is_some_and(|rest| rest.is_empty() || rest.starts_with(',')) => return error,
        Some(subject) => format!("{id}, {subject}"),
        None => id,
    };
    error.about(subject)
}

#[async_trait]
impl Source for Sources {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn clocks(&self) -> Result<Vec<Clock>> {
        Ok(self.each(Source::clocks).await?.concat())
    }

    async fn extent(&self, now: Timestamp) -> Result<Extent> {
        let extents = self.each(|source| source.extent(now)).await?;
        let mut whole = Extent { indexed: true, ..Extent::default() };
        for extent in extents {
            whole.first = [whole.first, extent.first].into_iter().flatten().min();
            whole.last = [whole.last, extent.last].into_iter().flatten().max();
            whole.undated += extent.undated;
            whole.future += extent.future;
            whole.indexed &= extent.indexed;
        }
        Ok(whole)
    }

    async fn context(&self) -> Result<Rooms> {
        let mut whole = Rooms::new();
        for rooms in self.each(Source::context).await? {
            whole.extend(rooms);
        }
        Ok(whole)
    }

    async fn tally(&self, span: Span, grid: &Grid) -> Result<Vec<Tally>> {
        let mut whole: BTreeMap<(Window, Table), (u64, u64)> = BTreeMap::new();
        for tally in self.each(|source| source.tally(span, grid)).await?.into_iter().flatten() {
            let (rows, length) = whole.entry((tally.window, tally.table)).or_default();
            *rows += tally.rows;
            *length += tally.length;
        }
        Ok(whole.into_iter().map(|((window, table), (rows, length))| Tally::new(window, table, rows, length)).collect())
    }

    fn records(&self, span: Span) -> BoxStream<'static, Result<Vec<Record>>> {
        let each = self.all.iter().map(|source| {
            let id = source.id().clone();
            source.records(span).map(move |batch| batch.map_err(|error| of(&id, error))).boxed()
        });
        let all = stream::select_all(each.collect::<Vec<_>>());
        // Behind an error nothing counts, and the others need not go on.
        let until_error = stream::unfold(Some(all), async |all| {
            let mut all = all?;
            let batch = all.next().await?;
            let rest = batch.is_ok().then_some(all);
            Some((batch, rest))
        });
        until_error.boxed()
    }

    async fn transfers(&self, span: Span, resources: &[String]) -> Result<Vec<Transfer>> {
        Ok(self.each(|source| source.transfers(span, resources)).await?.concat())
    }

    async fn hours(&self, spans: &[Span]) -> Result<HourlyRows> {
        let mut whole = HourlyRows::default();
        for hours in self.each(|source| source.hours(spans)).await? {
            whole.extend(hours);
        }
        Ok(whole)
    }

    async fn room_numbers(&self, span: Span) -> Result<Option<BTreeMap<BareJid, i64>>> {
        let mut whole: BTreeMap<BareJid, i64> = BTreeMap::new();
        for numbers in self.each(|source| source.room_numbers(span)).await? {
            // A room may be missing where it is not told.
            let Some(numbers) = numbers else { return Ok(None) };
            for (room, number) in numbers {
                whole.entry(room).and_modify(|highest| *highest = number.max(*highest)).or_insert(number);
            }
        }
        Ok(Some(whole))
    }
}
