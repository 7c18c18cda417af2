//! Drives the line from source to ledger.

mod observer;
mod reading;
mod report;
mod retry;
mod sealing;
mod settings;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    future::Future,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures::{
    FutureExt,
    future::{Either, select},
};

pub use self::{
    observer::{Event, Observer},
    report::RunReport,
    retry::Pause,
    settings::{RetryPolicy, RunIdentity, RunSettings},
};
use self::{
    reading::{Chunk, Reading},
    retry::{Patience, Stop, stopped},
    sealing::Written,
};
use crate::{
    Accounts, Appended, ArchiveFacts, Converter, Digest, Entry, EntryRecord, Error, ErrorClass, ErrorKind, Extent, Finding, Frontier,
    ItemId, KeptKind, Ledger, Link, List, Neighbour, People, Result, Rooms, RunEntry, Seal, Sink, Source, Span, Timestamp, Window,
};

/// Clocks further apart than this are a finding.
const CLOCK_SKEW: Duration = Duration::from_mins(5);

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
    people: People,
    settings: RunSettings,
    identity: RunIdentity,
    observer: Arc<dyn Observer>,
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

/// How far a run has come.
struct Progress {
    facts: Digest,
    head: Option<Link>,
    /// What the last window sealed in order has listed.
    list: List,
    first_entry: Option<u64>,
    report: RunReport,
    /// What was put into windows whose sealing was lost to another program.
    lost: BTreeMap<Window, BTreeSet<ItemId>>,
}

impl Progress {
    fn frontier(&self) -> Frontier {
        self.head.as_ref().map(|head| head.entry.frontier).unwrap_or_default()
    }
}

/// What came of writing a chunk.
enum Outcome {
    Sealed,
    /// Another program was faster: plan anew.
    Raced,
}

impl Archiver {
    /// An archiver of this archive, with nobody in the directory and the default settings.
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
            people: People::new(Arc::new(crate::MemoryDirectory::new())),
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
    /// What was sealed before an error stays sealed; the next run goes on from there.
    pub async fn run(&self, now: Timestamp, stop: impl Future<Output = ()> + Send) -> Result<RunReport> {
        let stop: Stop<'_> = stop.boxed().shared();
        self.check_settings()?;
        let facts = self.patience(&stop).attempt(|| self.ledger.open(&self.facts)).await?;
        let head = self.patience(&stop).attempt(|| self.ledger.head()).await?;
        let mut progress =
            Progress { facts, head, list: List::default(), first_entry: None, report: RunReport::default(), lost: BTreeMap::new() };
        let result = self.advance(now, &mut progress, &stop).await;
        if let Err(error) = &result
            && error.kind() == ErrorKind::Cancelled
        {
            progress.report.cancelled = true;
        }
        let recorded = self.record_run(now, &mut progress).await;
        match &result {
            Err(error) if error.kind() != ErrorKind::Cancelled => {}
            _ => recorded?,
        }
        match result {
            Err(error) if error.kind() != ErrorKind::Cancelled => Err(error),
            _ => {
                progress.report.frontier = progress.frontier().end;
                progress.report.head = progress.head.as_ref().map(|head| head.digest);
                Ok(progress.report)
            }
        }
    }

    fn check_settings(&self) -> Result<()> {
        let refuse = |what: &str, advice: &str| Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "run", what).advise(advice));
        if self.settings.settle < self.facts.margin() {
            return refuse(
                "`settle` is shorter than `margin`",
                "copies of a message may come a margin after its window's end: raise `settle`",
            );
        }
        if !self.sink.capability().create_only {
            return refuse("the sink overwrites", "an archive needs a sink that only creates");
        }
        Ok(())
    }

    fn patience<'a, 's>(&'a self, stop: &'a Stop<'s>) -> Patience<'a, 's> {
        Patience::new(self.settings.retry, &*self.pause, &*self.observer, stop)
    }

    /// Seals window after window until all that are closed are sealed.
    async fn advance(&self, now: Timestamp, progress: &mut Progress, stop: &Stop<'_>) -> Result<()> {
        let server = self.patience(stop).attempt(|| self.source.clock()).await?;
        self.compare_clocks(now, server, &mut progress.report)?;
        let now = now.min(server);
        // Rows are written while this begins, and by clocks that are a little ahead: those are not from the future.
        let latest = now.after(self.settings.settle);
        let extent = self.patience(stop).attempt(|| self.source.extent(latest)).await?;
        if extent.future > 0 {
            progress.report.findings.push(Finding::FutureDate { rows: extent.future });
        }
        let mut rooms: Option<Arc<Rooms>> = None;
        loop {
            let plan = self.plan(now, &extent, progress, stop).await?;
            if plan.chunks.is_empty() && plan.end.is_none() {
                return Ok(());
            }
            let rooms = match &rooms {
                Some(rooms) => rooms.clone(),
                None => rooms.insert(Arc::new(self.patience(stop).attempt(|| self.source.context()).await?)).clone(),
            };
            match self.follow(plan, rooms, progress, stop).await? {
                Outcome::Sealed => return Ok(()),
                Outcome::Raced => progress.list = List::default(),
            }
        }
    }

    fn compare_clocks(&self, ours: Timestamp, server: Timestamp, report: &mut RunReport) -> Result<()> {
        let apart = ours.distance(server);
        if apart > self.settings.settle {
            let what = format!("our clock and the server's are {} s apart, more than `settle`", apart.as_secs());
            return Err(Error::new(ErrorKind::Source, ErrorClass::Fatal, "compare clocks", what)
                .about(self.source.id())
                .advise("set the clocks: windows would be sealed before their rows have come"));
        }
        if apart > CLOCK_SKEW {
            report.findings.push(Finding::ClockSkew { seconds: (ours.millis() - server.millis()) / 1_000 });
        }
        Ok(())
    }

    /// What is to be read, in order.
    async fn plan(&self, now: Timestamp, extent: &Extent, progress: &Progress, stop: &Stop<'_>) -> Result<Plan> {
        let frontier = progress.frontier();
        let grid = &self.facts.grid;
        let mut plan = Plan::default();
        let mut rows = 0;
        if !frontier.undated {
            // Sealed by the first run whether or not there are such rows.
            plan.undated = true;
            let tallies = self.patience(stop).attempt(|| self.source.tally(Window::UNDATED.span(), grid)).await?;
            if !tallies.is_empty() {
                plan.chunks.push_back(vec![Window::UNDATED]);
                rows += tallies.iter().map(|tally| tally.rows).sum::<u64>();
            }
        }
        let first = || self.settings.start.or(extent.first).map(|start| grid.window_at(start.max(Timestamp::PLAUSIBLE)).start());
        let end = grid.window_at(now.before(self.settings.settle)).start();
        if let Some(start) = frontier.end.or_else(first)
            && start < end
        {
            let span = Span::new(start, end);
            plan.start = Some(start);
            plan.end = Some(end);
            let tallies = self.patience(stop).attempt(|| self.source.tally(span, grid)).await?;
            rows += tallies.iter().map(|tally| tally.rows).sum::<u64>();
            let windows: BTreeSet<Window> = tallies.into_iter().filter(|tally| tally.rows > 0).map(|tally| tally.window).collect();
            let windows: Vec<Window> = windows.into_iter().collect();
            let size = if extent.indexed { 1 } else { self.settings.chunk_windows.max(1) };
            plan.chunks.extend(windows.chunks(size).map(<[Window]>::to_vec));
        }
        if let Some(span) = plan.span() {
            let windows = plan.chunks.iter().map(|chunk| chunk.len() as u64).sum();
            self.observer.observe(&Event::Planned { span, windows, rows });
        }
        Ok(plan)
    }

    /// Writes chunk after chunk; the next one is read while one is written.
    async fn follow(&self, mut plan: Plan, rooms: Arc<Rooms>, progress: &mut Progress, stop: &Stop<'_>) -> Result<Outcome> {
        if plan.undated && plan.chunks.front().is_none_or(|chunk| !chunk[0].is_undated()) {
            let seal = self.empty_seal(Window::UNDATED.span());
            if let Outcome::Raced = self.append_seal(seal, progress).await? {
                return Ok(Outcome::Raced);
            }
        }
        let mut next = match plan.chunks.pop_front() {
            Some(windows) => Some(self.read(windows, rooms.clone(), stop).await?),
            None => None,
        };
        while let Some(reading) = next.take() {
            let chunk = match reading {
                Reading::Read(chunk) => *chunk,
                Reading::TooLarge(windows) => {
                    for window in windows.into_iter().rev() {
                        plan.chunks.push_front(vec![window]);
                    }
                    if let Some(windows) = plan.chunks.pop_front() {
                        next = Some(self.read(windows, rooms.clone(), stop).await?);
                    }
                    continue;
                }
            };
            let writing = self.write_chunk(chunk, plan.start, progress, stop);
            let (outcome, read) = match plan.chunks.pop_front() {
                None => (writing.await?, None),
                Some(windows) => match select(pin!(writing), pin!(self.read(windows, rooms.clone(), stop))).await {
                    Either::Left((outcome, reading)) => {
                        let outcome = outcome?;
                        (outcome, Some(reading.await))
                    }
                    Either::Right((read, writing)) => (writing.await?, Some(read)),
                },
            };
            if let Outcome::Raced = outcome {
                return Ok(Outcome::Raced);
            }
            next = read.transpose()?;
        }
        match plan.end {
            Some(end) => self.seal_empty(plan.start, end, progress).await,
            None => Ok(Outcome::Sealed),
        }
    }

    async fn write_chunk(&self, chunk: Chunk, start: Option<Timestamp>, progress: &mut Progress, stop: &Stop<'_>) -> Result<Outcome> {
        let Chunk { mut assembler, windows, mut tallies, mut findings } = chunk;
        for window in windows {
            if stopped(stop) {
                return Err(retry::cancelled());
            }
            if !window.is_undated()
                && let Outcome::Raced = self.seal_empty(start, window.start(), progress).await?
            {
                return Ok(Outcome::Raced);
            }
            let earlier = self.neighbour(&window, progress, stop).await?;
            let assembly = assembler.assemble(&window, &earlier);
            let tallies = tallies.remove(&window).unwrap_or_default();
            let findings = findings.remove(&window).unwrap_or_default();
            let Written { seal, list, unmapped } = self.write(window, assembly, &tallies, findings, stop).await?;
            let ours: Vec<ItemId> = list.lines().iter().map(|line| &line.id).chain(&seal.abandoned).cloned().collect();
            if let Outcome::Raced = self.append_seal(seal, progress).await? {
                self.observer.observe(&Event::Raced { window });
                progress.lost.entry(window).or_default().extend(ours);
                return Ok(Outcome::Raced);
            }
            if !window.is_undated() {
                progress.list = list;
            }
            for (party, conversations) in unmapped {
                *progress.report.unmapped.entry(party).or_default() += conversations;
            }
        }
        Ok(Outcome::Sealed)
    }

    /// What the window before has listed near its end.
    async fn neighbour(&self, window: &Window, progress: &mut Progress, stop: &Stop<'_>) -> Result<Neighbour> {
        let frontier = progress.frontier();
        if window.is_undated() || frontier.end != Some(window.start()) {
            return Ok(Neighbour::default());
        }
        if progress.report.seals == 0 || progress.list.lines().is_empty() {
            progress.list = match frontier.seal {
                Some(number) => self.list_of(number, stop).await?,
                None => List::default(),
            };
        }
        Ok(Neighbour::of(&progress.list, window, self.facts.margin()))
    }

    /// The list of a seal.
    async fn list_of(&self, number: u64, stop: &Stop<'_>) -> Result<List> {
        let link = self.patience(stop).attempt(|| self.ledger.entry(number)).await?;
        let EntryRecord::Seal(seal) = link.entry.record else { return Ok(List::default()) };
        let Some(digest) = seal.list else { return Ok(List::default()) };
        let bytes = self
            .patience(stop)
            .attempt(|| async {
                use futures::TryStreamExt;
                let pieces: Vec<bytes::Bytes> = self.ledger.load(KeptKind::List, &digest).await?.try_collect().await?;
                Ok(pieces.concat())
            })
            .await?;
        List::from_bytes(&bytes)
    }

    /// Those of our items that no seal accounts for. A window that nobody has sealed yet is not asked about: whoever seals it lists what is there, or abandons it.
    async fn lost(&self, progress: &Progress) -> Result<BTreeSet<ItemId>> {
        let never: Stop<'_> = std::future::pending().boxed().shared();
        let mut lost = BTreeSet::new();
        for (window, ours) in &progress.lost {
            let mut ours = ours.clone();
            match self.seal_of(window, progress, &never).await? {
                Some((number, seal)) => {
                    for line in self.list_of(number, &never).await?.lines() {
                        ours.remove(&line.id);
                    }
                    ours.retain(|id| !seal.abandoned.contains(id));
                }
                // The faster program has begun the archive behind this window: nobody will seal it.
                None if !window.is_undated() && progress.frontier().end.is_some_and(|end| window.end() <= end) => {}
                None => continue,
            }
            lost.extend(ours);
        }
        Ok(lost)
    }

    /// The seal that a window lies in, and its number.
    async fn seal_of(&self, window: &Window, progress: &Progress, stop: &Stop<'_>) -> Result<Option<(u64, Seal)>> {
        let head = progress.head.as_ref().map_or(0, |head| head.entry.number);
        for number in (1..=head).rev() {
            let link = self.patience(stop).attempt(|| self.ledger.entry(number)).await?;
            if let EntryRecord::Seal(seal) = link.entry.record
                && seal.span.contains(window.start())
            {
                return Ok(Some((number, *seal)));
            }
        }
        Ok(None)
    }

    fn empty_seal(&self, span: Span) -> Seal {
        Seal {
            span,
            recipe: self.converter.recipe(),
            context: None,
            tables: BTreeMap::new(),
            messages: Accounts::default(),
            items: 0,
            bytes: 0,
            list: None,
            abandoned: BTreeSet::new(),
            dead_letters: BTreeSet::new(),
            late_copies: BTreeSet::new(),
            findings: Vec::new(),
        }
    }

    /// One seal over the windows without rows from the frontier to `end`.
    async fn seal_empty(&self, start: Option<Timestamp>, end: Timestamp, progress: &mut Progress) -> Result<Outcome> {
        match progress.frontier().end.or(start) {
            Some(start) if start < end => {
                let outcome = self.append_seal(self.empty_seal(Span::new(start, end)), progress).await?;
                progress.list = List::default();
                Ok(outcome)
            }
            _ => Ok(Outcome::Sealed),
        }
    }

    /// Appends a seal, unless another program has sealed the window since.
    async fn append_seal(&self, seal: Seal, progress: &mut Progress) -> Result<Outcome> {
        let before = progress.frontier();
        let undated = seal.span == Window::UNDATED.span();
        loop {
            let mut frontier = progress.frontier();
            let number = progress.head.as_ref().map_or(0, |head| head.entry.number) + 1;
            if undated {
                frontier.undated = true;
            } else {
                frontier.end = Some(seal.span.end);
                frontier.seal = Some(number);
            }
            match self.append(frontier, EntryRecord::Seal(Box::new(seal.clone())), progress).await? {
                Appended::Appended => break,
                Appended::Raced => {
                    let now = progress.frontier();
                    let theirs = if undated { now.undated } else { now.end != before.end };
                    if theirs {
                        return Ok(Outcome::Raced);
                    }
                }
            }
        }
        let entry = progress.head.as_ref().map_or(0, |head| head.entry.number);
        progress.first_entry.get_or_insert(entry);
        progress.report.add(&seal);
        self.observer.observe(&Event::Sealed {
            span: seal.span,
            entry,
            messages: seal.messages.listed,
            items: seal.items,
            bytes: seal.bytes,
            rows: seal.tables.values().map(|account| account.rows).sum(),
        });
        Ok(Outcome::Sealed)
    }

    /// Appends behind the head; if that has moved, reads it again. Not stopped half-way: an entry is there or not.
    async fn append(&self, frontier: Frontier, record: EntryRecord, progress: &mut Progress) -> Result<Appended> {
        let never: Stop<'_> = std::future::pending().boxed().shared();
        let entry = Entry::after(progress.head.as_ref(), &progress.facts, frontier, record);
        let appended = self.patience(&never).attempt(|| self.ledger.append(&entry)).await?;
        progress.head = match appended {
            Appended::Appended => Some(Link::new(entry)),
            Appended::Raced => self.patience(&never).attempt(|| self.ledger.head()).await?,
        };
        Ok(appended)
    }

    /// Records what the run did, if it did something.
    async fn record_run(&self, now: Timestamp, progress: &mut Progress) -> Result<()> {
        let lost = self.lost(progress).await?;
        if !progress.report.did_something() && lost.is_empty() {
            return Ok(());
        }
        let head = progress.head.as_ref().map_or(0, |head| head.entry.number);
        let mut findings: Vec<Finding> = progress.report.findings.iter().filter(|finding| finding.is_of_a_run()).cloned().collect();
        findings.sort();
        let entry = RunEntry {
            started: now,
            host: self.identity.host.clone(),
            account: self.identity.account.clone(),
            version: self.identity.version.clone(),
            configuration: self.identity.configuration,
            seals: progress.first_entry.map(|first| (first, head)),
            abandoned: lost.clone(),
            findings,
        };
        progress.report.abandoned.extend(lost);
        loop {
            let record = EntryRecord::Run(Box::new(entry.clone()));
            if self.append(progress.frontier(), record, progress).await? == Appended::Appended {
                return Ok(());
            }
        }
    }
}

/// The windows that are to be sealed.
#[derive(Debug, Default)]
struct Plan {
    /// Whether [`Window::UNDATED`] is.
    undated: bool,
    /// Where those in order begin.
    start: Option<Timestamp>,
    /// Where those in order end.
    end: Option<Timestamp>,
    /// Those with rows, in order, as they are read together.
    chunks: VecDeque<Vec<Window>>,
}

impl Plan {
    fn span(&self) -> Option<Span> {
        let start =
            if self.undated && !self.chunks.is_empty() { Some(Timestamp::MIN).filter(|_| self.chunks[0][0].is_undated()) } else { None };
        match (start.or(self.start), self.end) {
            (Some(start), Some(end)) => Some(Span::new(start, end)),
            (Some(start), None) => Some(Span::new(start, Window::UNDATED.end())),
            _ => None,
        }
    }
}
