//! Drives the line from source to ledger.

mod amending;
mod audit;
mod chain;
mod files;
mod issuing;
mod lateness;
mod letters;
mod limits;
mod listed;
mod listing;
mod observer;
mod plan;
mod reading;
mod recorded;
mod report;
mod retry;
mod rows;
mod sealing;
mod settings;
mod standing;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    mem,
    sync::Arc,
};

use futures::{
    FutureExt,
    future::{OptionFuture, try_join},
};

use self::{
    amending::Again,
    chain::{Outcome, Progress},
    plan::Plan,
    reading::{Chunk, Reading},
    recorded::Recorded,
    retry::{Patience, Stop, stopped, unless_stopped},
    sealing::{Writing, Written},
};
pub use self::{
    audit::{AuditReport, Discrepancy},
    lateness::{LateRows, Spread},
    limits::Limits,
    observer::{Event, Observer},
    report::RunReport,
    retry::Pause,
    settings::{RetryPolicy, RunIdentity, RunSettings},
};
use crate::{
    ArchiveFacts, Clock, Converter, Encryptor, Error, ErrorClass, ErrorKind, FileStore, Filter, Finding, Ledger, People, Result, Rooms,
    Sink, Source, Spool, Timestamp,
};

/// Reads the source, folds its rows into conversations, stores them as mails and seals each window in the ledger.
///
/// It needs no runtime: it waits through a [`Pause`], is told the time, and stops when it is told to. One program may run several archivers; two that work on
/// one archive at the same time end in one correct chain.
pub struct Archiver {
    facts: ArchiveFacts,
    source: Arc<dyn Source>,
    converter: Arc<dyn Converter>,
    sink: Arc<dyn Sink>,
    ledger: Arc<dyn Ledger>,
    pause: Arc<dyn Pause>,
    spool: Option<Arc<dyn Spool>>,
    people: People,
    filter: Filter,
    files: Option<Arc<dyn FileStore>>,
    encryptor: Option<Arc<dyn Encryptor>>,
    settings: RunSettings,
    identity: RunIdentity,
    observer: Arc<dyn Observer>,
}

/// What an archiver is asked to do.
#[derive(Debug, Clone, Copy)]
enum Task {
    Run,
    Retry,
}

impl fmt::Debug for Archiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archiver")
            .field("facts", &self.facts)
            .field("source", &self.source)
            .field("converter", &self.converter)
            .field("sink", &self.sink)
            .field("ledger", &self.ledger)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Archiver {
    /// An archiver of this archive, of all conversations, with nobody in the directory and the default settings.
    pub fn new(
        facts: ArchiveFacts,
        source: Arc<dyn Source>,
        converter: Arc<dyn Converter>,
        sink: Arc<dyn Sink>,
        ledger: Arc<dyn Ledger>,
        pause: Arc<dyn Pause>,
    ) -> Self {
        Self {
            facts,
            source,
            converter,
            sink,
            ledger,
            pause,
            spool: None,
            people: People::new(Arc::new(crate::MemoryDirectory::new())),
            filter: Filter::default(),
            files: None,
            encryptor: None,
            settings: RunSettings::default(),
            identity: RunIdentity::default(),
            observer: Arc::new(observer::Silence),
        }
    }

    /// Who the people are.
    #[must_use]
    pub fn people(self, people: People) -> Self {
        Self { people, ..self }
    }

    /// Which conversations are archived. Another filter from one run to the next is fine: it decides the windows that are sealed from then on, and each seal
    /// names the one that decided it.
    #[must_use]
    pub fn filter(self, filter: Filter) -> Self {
        Self { filter, ..self }
    }

    /// Where the files are that were sent; without it mails name files and hold none.
    ///
    /// The files of a conversation are read before its mails are made. One of up to 4 MiB is kept in memory for the converter, as long as those of one conversation
    /// have up to 16 MiB together; every other goes through the [`spool`](Self::spool) into an object of its own, `attachments/<sha256>`, whatever its size. Which is
    /// which follows from the conversation alone.
    #[must_use]
    pub fn files(self, files: Arc<dyn FileStore>) -> Self {
        Self { files: Some(files), ..self }
    }

    /// Who is to read dead letters; without it, whoever can read the archive.
    #[must_use]
    pub fn dead_letters_to(self, encryptor: Arc<dyn Encryptor>) -> Self {
        Self { encryptor: Some(encryptor), ..self }
    }

    /// Where what outgrows memory goes. Without a spool, windows whose rows outgrow it are refused.
    #[must_use]
    pub fn spool(self, spool: Arc<dyn Spool>) -> Self {
        Self { spool: Some(spool), ..self }
    }

    /// Other settings.
    #[must_use]
    pub fn settings(self, settings: RunSettings) -> Self {
        Self { settings, ..self }
    }

    /// Who runs it.
    #[must_use]
    pub fn identity(self, identity: RunIdentity) -> Self {
        Self { identity, ..self }
    }

    /// Who is told what it does.
    #[must_use]
    pub fn observer(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer, ..self }
    }

    /// Seals every window that is closed, in order; does and writes nothing if there is none.
    ///
    /// `now` is the time by our clock. When `stop` completes, the run ends at the next place where nothing is half done, with a report that says so;
    /// [`future::pending`](std::future::pending) never stops it.
    ///
    /// # Errors
    ///
    /// What was sealed before an error stays sealed; the next run goes on from there. What that is, the observer is told by [`Event::Ended`].
    pub async fn run(&self, now: Timestamp, stop: impl Future<Output = ()> + Send) -> Result<RunReport> {
        self.perform(Task::Run, now, stop).await
    }

    /// Reads every sealed window again that has dead letters, once what was wrong with them is mended: what can be archived now is added. Nothing is sealed.
    ///
    /// Rows that the source no longer has stay dead letters of the seal that names them.
    ///
    /// # Errors
    ///
    /// As of [`run`](Self::run).
    pub async fn retry(&self, now: Timestamp, stop: impl Future<Output = ()> + Send) -> Result<RunReport> {
        self.perform(Task::Retry, now, stop).await
    }

    async fn perform(&self, task: Task, now: Timestamp, stop: impl Future<Output = ()> + Send) -> Result<RunReport> {
        let stop: Stop<'_> = stop.boxed().shared();
        let mut report = RunReport::default();
        // On the heap, because it is large; and fit to move from thread to thread, as the tasks of most runtimes do.
        let ended = match self.work(task, now, &mut report, &stop).boxed().await {
            Err(error) if error.kind() == ErrorKind::Cancelled => {
                report.cancelled = true;
                Ok(())
            }
            ended => ended,
        };
        self.observer.observe(&Event::Ended { report: &report });
        ended.map(|()| report)
    }

    /// Seals what is to be sealed and records that; the report says what was done also where that ends in an error.
    async fn work(&self, task: Task, now: Timestamp, report: &mut RunReport, stop: &Stop<'_>) -> Result<()> {
        self.check_settings()?;
        let mut progress = self.open(now, stop).await?;
        let result = self.advance(task, now, &mut progress, stop).await;
        let recorded = self.record_run(now, &mut progress).await;
        progress.report.frontier = progress.frontier().end;
        progress.report.head = progress.head.as_ref().map(|head| head.digest);
        *report = progress.report;
        match result {
            Err(error) if error.kind() == ErrorKind::Cancelled => recorded.and(Err(error)),
            result => result.and(recorded),
        }
    }

    /// Where the archive stands.
    async fn open(&self, begun: Timestamp, stop: &Stop<'_>) -> Result<Progress> {
        let facts = self.patience(stop).attempt(|| self.ledger.open(&self.facts)).await?;
        let head = self.patience(stop).attempt(|| self.ledger.head()).await?;
        Ok(Progress {
            begun,
            facts,
            head,
            near: None,
            first_entry: None,
            report: RunReport::default(),
            lost: BTreeMap::new(),
            retried: BTreeSet::new(),
            recorded: Recorded::default(),
            standard: None,
        })
    }

    fn check_settings(&self) -> Result<()> {
        self.settings.check(&self.facts)?;
        self.filter.check()?;
        if self.files.is_some() && self.spool.is_none() {
            return Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "run", "there is no spool for files that outgrow memory")
                .advise("give the archiver a spool too"));
        }
        if !self.sink.capability().create_only {
            return Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "run", "the sink overwrites")
                .advise("an archive needs a sink that only creates"));
        }
        Ok(())
    }

    fn patience<'a, 's>(&'a self, stop: &'a Stop<'s>) -> Patience<'a, 's> {
        Patience::new(self.settings.retry, &*self.pause, &*self.observer, stop)
    }

    /// Reads and writes window after window until all is done.
    async fn advance(&self, task: Task, now: Timestamp, progress: &mut Progress, stop: &Stop<'_>) -> Result<()> {
        let clocks = self.patience(stop).attempt(|| self.source.clocks()).await?;
        self.compare_clocks(now, &clocks, &mut progress.report)?;
        let now = clocks.iter().map(|clock| clock.time).fold(now, Timestamp::min);
        // Rows are written while this begins, and by clocks that are a little ahead: those are not from the future.
        let latest = now.after(self.settings.settle);
        let extent = self.patience(stop).attempt(|| self.source.extent(latest)).await?;
        if extent.future > 0 {
            progress.report.findings.push(Finding::FutureDate { rows: extent.future });
        }
        let mut rooms: Option<Arc<Rooms>> = None;
        let (mut patience, mut failed_at) = (self.patience(stop), None);
        loop {
            let plan = match task {
                Task::Run => self.plan(now, &extent, progress, stop).await?,
                Task::Retry => self.plan_retry(progress, stop).await?,
            };
            if plan.chunks.is_empty() && plan.end.is_none() && plan.again.is_empty() {
                return Ok(());
            }
            self.check_directory(progress, stop).await?;
            self.look_back(&plan, &extent, now, progress, stop).await?;
            let rooms = match &rooms {
                Some(rooms) => rooms.clone(),
                None => rooms.insert(Arc::new(self.patience(stop).attempt(|| self.source.context()).await?)).clone(),
            };
            match self.follow(plan, extent.indexed, rooms, progress, stop).await {
                Ok(Outcome::Sealed) => return Ok(()),
                Ok(Outcome::Raced) => progress.recorded.forget(),
                // The rows of the chunk are gone: they are read again.
                Err(error) if error.kind() == ErrorKind::Spool => {
                    let here = Some(progress.frontier());
                    if failed_at != here {
                        (patience, failed_at) = (self.patience(stop), here);
                    }
                    patience.after(error).await?;
                }
                Err(error) => return Err(error),
            }
            (progress.near, progress.standard) = (None, None);
        }
    }

    fn compare_clocks(&self, ours: Timestamp, clocks: &[Clock], report: &mut RunReport) -> Result<()> {
        let mut skewed = BTreeSet::new();
        for Clock { source, time } in clocks {
            let apart = ours.distance(*time);
            if apart > self.settings.settle {
                let what = format!("our clock and the server's are {} s apart, more than `settle`", apart.as_secs());
                return Err(Error::new(ErrorKind::Source, ErrorClass::Fatal, "compare clocks", what)
                    .about(source)
                    .advise("set the clocks: windows would be sealed before their rows have come"));
            }
            if apart > RunSettings::CLOCK_SKEW {
                skewed.insert((ours.millis() - time.millis()) / 1_000);
            }
        }
        report.findings.extend(skewed.into_iter().map(|seconds| Finding::ClockSkew { seconds }));
        Ok(())
    }

    /// Writes chunk after chunk; the next one is read while one is written.
    async fn follow(&self, mut plan: Plan, indexed: bool, rooms: Arc<Rooms>, progress: &mut Progress, stop: &Stop<'_>) -> Result<Outcome> {
        let again = Again { windows: mem::take(&mut plan.again), cause: plan.cause, repairs: BTreeMap::new() };
        if !again.windows.is_empty() {
            let mut standings = self.standings_around(&again.windows, progress, stop).await?;
            if let Outcome::Raced = self.amend(again, &mut standings, indexed, &rooms, progress, stop).await? {
                return Ok(Outcome::Raced);
            }
        }
        if plan.undated
            && !plan.begins_undated()
            && let Outcome::Raced = self.seal_empty_undated(progress, stop).await?
        {
            return Ok(Outcome::Raced);
        }
        let mut ahead = None;
        loop {
            let reading = match ahead.take() {
                Some(reading) => reading,
                None => match plan.chunks.pop_front() {
                    Some(windows) => self.read(windows, rooms.clone(), stop).await?,
                    None => break,
                },
            };
            let chunk = match reading {
                Reading::Read(chunk) => *chunk,
                Reading::TooLarge(windows) => {
                    plan.divide(windows);
                    continue;
                }
            };
            // What ends the plan ends reading at once; an error of reading waits until what is in hand is sealed.
            let writing = self.write_chunk(chunk, plan.start, progress, stop).map(|written| match written {
                Ok(Outcome::Sealed) => Ok(()),
                ended => Err(ended),
            });
            let next = plan.chunks.pop_front().map(|windows| self.read(windows, rooms.clone(), stop));
            match try_join(writing, OptionFuture::from(next).map(Ok)).await {
                Ok(((), read)) => ahead = read.transpose()?,
                Err(ended) => return ended,
            }
        }
        match plan.end {
            Some(end) => self.seal_empty(plan.start, end, progress, stop).await,
            None => Ok(Outcome::Sealed),
        }
    }

    async fn write_chunk(&self, chunk: Chunk, start: Option<Timestamp>, progress: &mut Progress, stop: &Stop<'_>) -> Result<Outcome> {
        let Chunk { mut rows, windows, mut tallies, mut findings } = chunk;
        let next = windows.iter().skip(1).copied().map(Some).chain([None]);
        for (window, next) in windows.iter().copied().zip(next) {
            if stopped(stop) {
                return Err(retry::cancelled());
            }
            if !window.is_undated()
                && let Outcome::Raced = self.seal_empty(start, window.start(), progress, stop).await?
            {
                return Ok(Outcome::Raced);
            }
            let earlier = self.neighbour(&window, progress, stop).await?;
            let parts = unless_stopped(stop, rows.window(window, next, earlier)).await??;
            let mut writing = Writing::new(self, window, findings.remove(&window).unwrap_or_default());
            self.write(&mut writing, parts, stop).await?;
            let Written { mut seal, ids, near, unmapped, traces, spread, .. } =
                self.finish(writing, &tallies.remove(&window).unwrap_or_default(), stop).await?;
            self.check_limits(&mut seal, &window, None, progress, stop).await?;
            self.note_recorded(&mut seal, &traces, progress, stop).await?;
            let near = (!window.is_undated()).then(|| self.near(&seal, &near, &self.facts.grid.next(&window)));
            let abandoned = seal.abandoned.clone();
            if let Outcome::Raced = self.append_seal(seal, progress).await? {
                self.observer.observe(&Event::Raced { window });
                progress.lost.entry(window).or_default().extend(ids.into_iter().chain(abandoned));
                return Ok(Outcome::Raced);
            }
            if near.is_some() {
                progress.near = near;
            }
            progress.report.unmapped.extend(unmapped);
            progress.report.spread.extend(&spread);
        }
        Ok(Outcome::Sealed)
    }
}
