//! The suites of the contracts: what they accept, and what they find.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    FutureExt, StreamExt,
    executor::block_on,
    stream::{self, BoxStream},
};
use jabber_archive_core::{
    Appended, ArchiveFacts, BareJid, ByteStream, Capability, Clock, Digest, Entry, Extent, FileStore, Grid, HourlyRows, ItemKey, KeptKind,
    Ledger, Link, MailItem, Movement, ObjectKey, Opened, Record, Result, Rooms, Sink, Source, SourceId, Sources, Span, Spool, SpoolWriter,
    Stored, Table, Tally, Timestamp, Transfer, UndecodableRow, Window,
    testing::{
        conformance::{self, FileStoreSubject, LedgerSubject, Report, SourceSubject},
        faults::{Faults, FaultyFiles, FaultyLedger, FaultySink, FaultySource, FaultySpool},
        memory::{MemoryFiles, MemoryLedger, MemorySink, MemorySource, MemorySpool},
        rows::{Row, presence, rows},
    },
};
use proptest::prelude::*;

/// Runs a suite that must leave nothing out.
fn complete(suite: impl Future<Output = Report>) {
    let report = block_on(suite);
    println!("{report}");
    assert!(report.skipped().is_empty(), "{report}");
}

/// Runs a suite that must name this rule.
#[track_caller]
fn finds<T>(rule: &str, suite: impl Future<Output = T>) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| block_on(suite))) else { panic!("nobody noticed that not: {rule}") };
    let found = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(found.contains(rule), "found instead: {found}");
}

fn held() -> Vec<Record> {
    let mut records = Vec::new();
    for day in 10..30 {
        for hour in 0..day % 4 {
            let at = format!("2026-11-{day}T{hour:02}:59:59.997Z");
            records.push(Row::jm("alice@example.com/jabber_1", "bob@example.com").at(&at).id("m1").body("héllo").record());
            let room = format!("{}@conference.example.com", if day % 3 == 0 { "Room" } else { "other" });
            let archived = Row::archived(&room, "alice@example.com/jabber_1", "ali").at(&at).body("hi");
            records.push(if hour == 1 { archived } else { archived.number(day * 100 - hour) }.record());
        }
    }
    // Twice the same, and at the borders of windows.
    for at in
        ["2026-11-21T00:00:00Z", "2026-11-21T00:00:00Z", "2026-11-20T23:59:59.997Z", "1999-12-31T23:59:59.997Z", "2000-01-01T00:00:00Z"]
    {
        records.push(Row::jm("chen@example.com", "bob@example.com").at(at).body("border").record());
    }
    for at in ["1998-02-03T00:00:00Z", "2030-01-01T00:00:00.003Z"] {
        records.push(Row::jm("bob@example.com", "chen@example.com").at(at).body("what day is it").record());
    }
    for (at, movement) in [("2026-10-01T08:00:00Z", Movement::Entered), ("2026-11-20T08:00:00Z", Movement::Left)] {
        records.push(presence("room@conference.example.com", "ali", "alice@example.com/jabber_1", movement, at));
    }
    records.push(Record::Undecodable(UndecodableRow {
        table: Table::Jm,
        sent: "2026-11-21T12:00:00Z".parse().unwrap(),
        length: 17,
        reason: "direction: neither O nor I".into(),
        values: BTreeMap::from([("direction".into(), Some("X".into()))]),
    }));
    records
}

fn memory_source() -> Arc<MemorySource> {
    Arc::new(MemorySource::new(held(), "2026-11-25T12:00:00Z".parse().unwrap()).with_transfers(transfers()).batches_of(7))
}

fn transfers() -> Vec<Transfer> {
    let dates = ["2026-11-20T08:00:00Z", "2026-11-20T09:00:00Z", "2026-11-21T08:00:00Z", "1999-01-01T00:00:00Z", ""];
    let upload = |(index, date): (i64, &str)| {
        let mut transfer = Transfer::new(index, format!("resource{}", index % 4));
        transfer.sent = date.parse().ok();
        transfer
    };
    (0..).zip(dates).map(upload).chain([Transfer::new(77, "")]).collect()
}

fn memory_sink() -> Arc<MemorySink> {
    Arc::new(MemorySink::new(Capability::full(1 << 20)))
}

/// The second reading from now breaks: the first after `make` is told by the interruption itself.
fn interruptible() -> SourceSubject<Interruptible> {
    let source = Arc::new(Interruptible { inner: memory_source(), next: Arc::default() });
    let next = source.next.clone();
    SourceSubject::new(source, held()).with_transfers(transfers()).interrupted_by(move || {
        next.store(3, Ordering::Relaxed);
        ready(()).boxed()
    })
}

/// A source of which one reading ends with an error after some batches.
#[derive(Debug)]
struct Interruptible {
    inner: Arc<MemorySource>,
    next: Arc<AtomicU64>,
}

#[async_trait]
impl Source for Interruptible {
    fn id(&self) -> &SourceId {
        self.inner.id()
    }
    async fn clocks(&self) -> Result<Vec<Clock>> {
        self.inner.clocks().await
    }
    async fn extent(&self, now: Timestamp) -> Result<Extent> {
        self.inner.extent(now).await
    }
    async fn context(&self) -> Result<Rooms> {
        self.inner.context().await
    }
    async fn tally(&self, span: Span, grid: &Grid) -> Result<Vec<Tally>> {
        self.inner.tally(span, grid).await
    }
    fn records(&self, span: Span) -> BoxStream<'static, Result<Vec<Record>>> {
        match self.next.swap(0, Ordering::Relaxed) {
            0 => self.inner.records(span),
            call => FaultySource::new(self.inner.clone(), &Faults::killed_at(call)).records(span),
        }
    }
    async fn transfers(&self, span: Span, resources: &[String]) -> Result<Vec<Transfer>> {
        self.inner.transfers(span, resources).await
    }
    async fn room_numbers(&self, span: Span) -> Result<Option<BTreeMap<BareJid, i64>>> {
        self.inner.room_numbers(span).await
    }
}

/// A store of files with something of everything, made of one in memory.
fn files<F: FileStore + ?Sized>(store: impl Fn(Arc<MemoryFiles>) -> Arc<F>) -> FileStoreSubject<F> {
    let at = |index: i64, path: &str| {
        let mut transfer = Transfer::new(index, "x");
        transfer.path = Some(path.to_owned());
        transfer
    };
    let memory = Arc::new(MemoryFiles::new());
    let mut held = Vec::new();
    for (index, size) in (0..).zip([0, 1, 70_000, 3 << 20]) {
        let path = format!("/files/im/20261121/09/{index}.bin");
        let content: Bytes = (0..size).map(|byte: usize| (byte ^ (byte >> 8)) as u8).collect();
        memory.put(&path, content.clone());
        held.push((at(index, &path), content));
    }
    memory.put("/files/im/locked", "x");
    memory.unreadable("/files/im/locked", jabber_archive_core::ErrorClass::Item);
    let gone = Arc::new(MemoryFiles::new());
    gone.set_gone(true);
    FileStoreSubject::new(store(memory), held)
        .missing(vec![at(7, "/files/im/20261121/09/7.bin"), at(8, "/files/none/8.bin")])
        .refused(vec![at(9, "/etc/passwd"), at(10, "/filesystem/x"), at(11, "/files")])
        .unreadable(vec![at(12, "/files/im/locked")])
        .gone(store(gone))
}

/// So many sources that hold everything together, one of which breaks off.
fn several_sources_of(several: usize) -> SourceSubject<Sources> {
    let shares: Vec<Arc<MemorySource>> = (0..several)
        .map(|share| {
            let records = held().into_iter().skip(share).step_by(several).collect();
            let source = MemorySource::new(records, "2026-11-25T12:00:00Z".parse().unwrap());
            let transfers = transfers().into_iter().skip(share).step_by(several).collect();
            Arc::new(source.with_transfers(transfers).batches_of(3 + share).named(&format!("share {share}")))
        })
        .collect();
    let next = Arc::new(AtomicU64::new(0));
    let broken = Arc::new(Interruptible { inner: shares[several / 2].clone(), next: next.clone() });
    let whole = shares.into_iter().enumerate().filter(|(share, _)| *share != several / 2).map(|(_, share)| share as Arc<dyn Source>);
    let sources = Sources::new(whole.chain([broken as Arc<dyn Source>])).unwrap();
    SourceSubject::new(Arc::new(sources), held()).with_transfers(transfers()).interrupted_by(move || {
        next.store(3, Ordering::Relaxed);
        ready(()).boxed()
    })
}

fn memory_ledger() -> LedgerSubject<MemoryLedger> {
    let ledger = Arc::new(MemoryLedger::new());
    LedgerSubject::new(ledger.clone()).altered_by(move |path, content| {
        ledger.alter(&path, &content);
        ready(()).boxed()
    })
}

mod implementations_in_memory_keep_every_rule {
    use super::*;

    #[test]
    fn source() {
        complete(conformance::source(async || interruptible()));
    }

    #[test]
    fn several_sources() {
        for several in 1..5 {
            complete(conformance::source(async || several_sources_of(several)));
        }
    }

    #[test]
    fn sink() {
        complete(conformance::sink(async || memory_sink()));
    }

    #[test]
    fn ledger() {
        complete(conformance::ledger(async || memory_ledger()));
    }

    #[test]
    fn spool() {
        complete(conformance::spool(async || Arc::new(MemorySpool::new())));
    }

    #[test]
    fn file_store() {
        complete(conformance::file_store(async || files(|files| files)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn source_of_any_rows(rows in rows(3, 20, Duration::from_mins(5))) {
            let report = block_on(conformance::source(async || {
                SourceSubject::new(Arc::new(MemorySource::new(rows.clone(), Timestamp::PLAUSIBLE)), rows.clone())
            }));
            prop_assert!(report.skipped().iter().all(|(rule, reason)| {
                rule.contains("interrupted") || reason == "the caller names no uploads" || rows.is_empty()
            }), "{}", report);
        }
    }
}

mod wrappers_keep_every_rule_while_no_fault_is_due {
    use super::*;

    fn quiet() -> Faults {
        Faults::seeded(7).interleaved(40)
    }

    #[test]
    fn source() {
        let report = block_on(conformance::source(async || {
            SourceSubject::new(Arc::new(FaultySource::new(memory_source(), &quiet())), held()).with_transfers(transfers())
        }));
        assert_eq!(report.skipped().len(), 1, "{report}");
    }

    #[test]
    fn sink() {
        complete(conformance::sink(async || Arc::new(FaultySink::new(memory_sink(), &quiet()))));
    }

    #[test]
    fn spool() {
        complete(conformance::spool(async || Arc::new(FaultySpool::new(Arc::new(MemorySpool::new()), &quiet()))));
    }

    #[test]
    fn ledger() {
        complete(conformance::ledger(async || {
            let inner = Arc::new(MemoryLedger::new());
            LedgerSubject::new(Arc::new(FaultyLedger::new(inner.clone(), &quiet()))).altered_by(move |path, content| {
                inner.alter(&path, &content);
                ready(()).boxed()
            })
        }));
    }

    #[test]
    fn file_store() {
        complete(conformance::file_store(async || files(|files| Arc::new(FaultyFiles::new(files, &quiet())))));
    }

    #[test]
    fn objects_behind_a_pointer() {
        complete(conformance::file_store(async || files(|files| files as Arc<dyn FileStore>)));
        let sink = block_on(conformance::sink(async || memory_sink() as Arc<dyn Sink>));
        assert_eq!(sink.skipped(), []);
        block_on(conformance::source(async || SourceSubject::new(memory_source() as Arc<dyn Source>, held())));
        block_on(conformance::ledger(async || LedgerSubject::new(Arc::new(MemoryLedger::new()) as Arc<dyn Ledger>)));
        block_on(conformance::spool(async || Arc::new(MemorySpool::new()) as Arc<dyn Spool>));
    }
}

#[test]
fn what_a_sink_says_that_it_cannot_do_is_skipped_and_named() {
    let mut capability = Capability::full(u64::MAX);
    (capability.listable, capability.readable) = (false, false);
    let report = block_on(conformance::sink(async || Arc::new(MemorySink::new(capability))));
    let skipped: Vec<&str> = report.skipped().iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(
        skipped,
        ["it cannot be read", "it cannot be read", "its largest item is larger than those of this suite", "it cannot list"],
        "{report}"
    );
    assert!(report.to_string().contains("4 skipped"), "{report}");
}

/// What is wrong with a [`BadSink`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sin {
    Overwrites,
    CreatesTwice,
    CallsDifferentEqual,
    AltersWhatItReads,
    ForgetsInLists,
    ListsTwice,
    ListsOtherWindows,
    StoresTooLarge,
    RefusesTooLargeForEver,
    TrustsDigests,
    KeepsBrokenObjects,
    CommitsOnce,
    FindsWhatIsNotThere,
}

/// A sink with one fault.
struct BadSink {
    sin: Sin,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    items: BTreeMap<ItemKey, Bytes>,
    objects: BTreeMap<ObjectKey, Bytes>,
    commits: u64,
}

impl fmt::Debug for BadSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.sin)
    }
}

fn error(class: jabber_archive_core::ErrorClass) -> jabber_archive_core::Error {
    jabber_archive_core::Error::new(jabber_archive_core::ErrorKind::Sink, class, "test", "as it should be")
}

#[async_trait]
impl Sink for BadSink {
    fn capability(&self) -> Capability {
        Capability::full(1 << 20)
    }

    async fn put(&self, item: &MailItem) -> Result<Stored> {
        use jabber_archive_core::ErrorClass::{Item, Transient};
        if item.content.len() > 1 << 20 && self.sin != Sin::StoresTooLarge {
            return Err(error(if self.sin == Sin::RefusesTooLargeForEver { Transient } else { Item }));
        }
        if self.sin == Sin::CreatesTwice {
            let there = self.state.lock().unwrap().items.contains_key(&item.key);
            // Between looking and creating there is room for another.
            give_way().await;
            if !there {
                self.state.lock().unwrap().items.insert(item.key.clone(), item.content.clone());
                return Ok(Stored::Created);
            }
        }
        let mut state = self.state.lock().unwrap();
        let there = state.items.get(&item.key).cloned();
        match there {
            Some(there) if self.sin == Sin::Overwrites && there != item.content => {
                state.items.insert(item.key.clone(), item.content.clone());
                Ok(Stored::Different)
            }
            Some(there) if there == item.content || self.sin == Sin::CallsDifferentEqual => Ok(Stored::AlreadyPresent),
            Some(_) => Ok(Stored::Different),
            None => {
                state.items.insert(item.key.clone(), item.content.clone());
                Ok(Stored::Created)
            }
        }
    }

    async fn put_object(&self, key: &ObjectKey, mut content: ByteStream) -> Result<Stored> {
        let mut whole = Vec::new();
        while let Some(piece) = content.next().await {
            match piece {
                Ok(piece) => whole.extend_from_slice(&piece),
                Err(_) if self.sin == Sin::KeepsBrokenObjects => break,
                Err(error) => return Err(error),
            }
        }
        if Digest::of(&whole) != *key.digest() && self.sin != Sin::TrustsDigests {
            return Err(error(jabber_archive_core::ErrorClass::Item));
        }
        match self.state.lock().unwrap().objects.insert(*key, whole.into()) {
            Some(_) => Ok(Stored::AlreadyPresent),
            None => Ok(Stored::Created),
        }
    }

    async fn commit(&self, _: &Window) -> Result<()> {
        let mut state = self.state.lock().unwrap();
        state.commits += 1;
        if self.sin == Sin::CommitsOnce && state.commits > 1 { Err(error(jabber_archive_core::ErrorClass::Fatal)) } else { Ok(()) }
    }

    async fn read(&self, key: &ItemKey) -> Result<Bytes> {
        match self.state.lock().unwrap().items.get(key) {
            Some(there) if self.sin == Sin::AltersWhatItReads => Ok(String::from_utf8_lossy(there).into_owned().into()),
            Some(there) => Ok(there.clone()),
            None if self.sin == Sin::FindsWhatIsNotThere => Ok(Bytes::new()),
            None => Err(error(jabber_archive_core::ErrorClass::Fatal)),
        }
    }

    fn list(&self, window: &Window) -> BoxStream<'static, Result<ItemKey>> {
        let state = self.state.lock().unwrap();
        let here = |key: &&ItemKey| key.window == *window || self.sin == Sin::ListsOtherWindows;
        let mut keys: Vec<Result<ItemKey>> = state.items.keys().filter(here).cloned().map(Ok).collect();
        match self.sin {
            Sin::ForgetsInLists if keys.len() > 20 => drop(keys.pop()),
            Sin::ListsTwice => keys.extend(state.items.keys().find(here).cloned().map(Ok)),
            _ => {}
        }
        stream::iter(keys).boxed()
    }
}

/// Lets other futures of the task go first, once.
async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn every_fault_of_a_sink_is_found_by_the_name_of_its_rule() {
    for (sin, rule) in [
        (Sin::Overwrites, "what is there is left alone when something different is put"),
        (Sin::CreatesTwice, "of equal items put at the same time exactly one is created"),
        (Sin::CallsDifferentEqual, "what is there is left alone when something different is put"),
        (Sin::AltersWhatItReads, "what was put is read back byte for byte"),
        (Sin::ForgetsInLists, "a list names each item of its window once, and no other"),
        (Sin::ListsTwice, "a list names each item of its window once, and no other"),
        (Sin::ListsOtherWindows, "a list names each item of its window once, and no other"),
        (Sin::StoresTooLarge, "an item of the largest size is taken, a larger one is an error of class Item"),
        (Sin::RefusesTooLargeForEver, "an item of the largest size is taken, a larger one is an error of class Item"),
        (Sin::TrustsDigests, "an object whose content does not have its digest is an error"),
        (Sin::KeepsBrokenObjects, "an object whose stream breaks is an error"),
        (Sin::CommitsOnce, "committing again"),
        (Sin::FindsWhatIsNotThere, "reading what is not there is an error"),
    ] {
        finds(rule, conformance::sink(async || Arc::new(BadSink { sin, state: Mutex::default() })));
    }
}

/// What is wrong with a [`BadLedger`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LedgerSin {
    Overwrites,
    CallsEqualRaced,
    AltersWhatItLoads,
    LoadsDamage,
    TakesAnyFacts,
    HidesDifferences,
    MakesFactsTwice,
    HeadByName,
    KeepsBroken,
    ForgetsKind,
}

#[derive(Debug)]
struct BadLedger {
    sin: LedgerSin,
    inner: MemoryLedger,
    own: Mutex<BTreeMap<u64, Entry>>,
    raw: Mutex<BTreeMap<String, Bytes>>,
}

impl BadLedger {
    fn subject(sin: LedgerSin) -> LedgerSubject<Self> {
        let ledger = Arc::new(Self { sin, inner: MemoryLedger::new(), own: Mutex::default(), raw: Mutex::default() });
        LedgerSubject::new(ledger.clone()).altered_by(move |path, content| {
            ledger.inner.alter(&path, &content);
            if let Some(raw) = ledger.raw.lock().unwrap().get_mut(&path) {
                *raw = content;
            }
            ready(()).boxed()
        })
    }
}

#[async_trait]
impl Ledger for BadLedger {
    async fn open(&self, facts: &ArchiveFacts) -> Result<Digest> {
        match self.sin {
            LedgerSin::TakesAnyFacts => Ok(Digest::of(b"facts")),
            LedgerSin::MakesFactsTwice => {
                let stored = self.raw.lock().unwrap().get("archive.json").cloned();
                give_way().await;
                let ours = Bytes::from(facts.to_bytes());
                let stored = stored.unwrap_or_else(|| {
                    self.raw.lock().unwrap().insert("archive.json".into(), ours.clone());
                    ours
                });
                facts.compare(&serde_json::from_slice(&stored).unwrap())?;
                Ok(Digest::of(&stored))
            }
            LedgerSin::HidesDifferences => self.inner.open(facts).await.map_err(|_| error(jabber_archive_core::ErrorClass::Fatal)),
            _ => self.inner.open(facts).await,
        }
    }

    async fn head(&self) -> Result<Option<Link>> {
        match self.sin {
            LedgerSin::Overwrites => Ok(self.own.lock().unwrap().values().last().cloned().map(Link::new)),
            LedgerSin::HeadByName => {
                let entries = self.inner.entries();
                let last = entries.iter().max_by_key(|(number, _)| number.to_string());
                last.map(|(number, bytes)| Link::from_bytes(*number, bytes)).transpose()
            }
            _ => self.inner.head().await,
        }
    }

    async fn entry(&self, number: u64) -> Result<Link> {
        if self.sin == LedgerSin::Overwrites {
            let entry = self.own.lock().unwrap().get(&number).cloned();
            return entry.map(Link::new).ok_or_else(|| error(jabber_archive_core::ErrorClass::Fatal));
        }
        self.inner.entry(number).await
    }

    async fn keep(&self, kind: KeptKind, content: ByteStream) -> Result<Digest> {
        let content = if self.sin == LedgerSin::KeepsBroken { content.take_while(|piece| ready(piece.is_ok())).boxed() } else { content };
        let kind = if self.sin == LedgerSin::ForgetsKind { KeptKind::List } else { kind };
        let digest = self.inner.keep(kind, content).await?;
        let mut whole = Vec::new();
        let mut kept = self.inner.load(kind, &digest).await?;
        while let Some(piece) = kept.next().await {
            whole.extend_from_slice(&piece?);
        }
        self.raw.lock().unwrap().insert(kind.path(&digest), whole.into());
        Ok(digest)
    }

    async fn load(&self, kind: KeptKind, digest: &Digest) -> Result<ByteStream> {
        let kind = if self.sin == LedgerSin::ForgetsKind { KeptKind::List } else { kind };
        match (self.sin, self.raw.lock().unwrap().get(&kind.path(digest)).cloned()) {
            (LedgerSin::AltersWhatItLoads, Some(raw)) => return Ok(stream::iter([Ok(raw.to_ascii_uppercase().into())]).boxed()),
            (LedgerSin::LoadsDamage, Some(raw)) => return Ok(stream::iter([Ok(raw)]).boxed()),
            _ => {}
        }
        self.inner.load(kind, digest).await
    }

    async fn append(&self, entry: &Entry) -> Result<Appended> {
        match self.sin {
            LedgerSin::Overwrites => {
                self.own.lock().unwrap().insert(entry.number, entry.clone());
                Ok(Appended::Appended)
            }
            LedgerSin::CallsEqualRaced if self.inner.entries().contains_key(&entry.number) => Ok(Appended::Raced),
            _ => self.inner.append(entry).await,
        }
    }
}

#[test]
fn every_fault_of_a_ledger_is_found_by_the_name_of_its_rule() {
    for (sin, rule) in [
        (LedgerSin::Overwrites, "an entry that is there already with other bytes is not replaced"),
        (LedgerSin::CallsEqualRaced, "an entry that is there already with the same bytes counts as appended"),
        (LedgerSin::AltersWhatItLoads, "what is kept is given back under the digest of its content"),
        (LedgerSin::LoadsDamage, "content that does not have its digest is not loaded"),
        (LedgerSin::TakesAnyFacts, "opening with other facts is an error that names each difference"),
        (LedgerSin::HidesDifferences, "opening with other facts is an error that names each difference"),
        (LedgerSin::MakesFactsTwice, "of those who open it at the same time with different facts exactly one makes the archive"),
        (LedgerSin::HeadByName, "the head is the entry with the highest number"),
        (LedgerSin::KeepsBroken, "content whose stream breaks is an error, and not kept"),
        (LedgerSin::ForgetsKind, "what was not kept cannot be loaded, nor under another kind"),
    ] {
        finds(rule, conformance::ledger(async || BadLedger::subject(sin)));
    }
}

/// What is wrong with a [`BadSource`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SourceSin {
    DropsTheLastRow,
    DoublesARow,
    EndsEarly,
    GoesOnBehindAnError,
    IncludesTheEnd,
    ForgetsLookback,
    Miscounts,
    TalliesLengthsWrong,
    TalliesEmptyWindows,
    ForgetsUndated,
    MixesUpTheExtent,
    ClockGoesBack,
    ForgetsUploadsOutsideTheSpan,
    DoublesUploads,
    CountsHoursTwice,
    TellsTheLastNumber,
}

#[derive(Debug)]
struct BadSource {
    sin: SourceSin,
    inner: Arc<MemorySource>,
    interrupted: Arc<AtomicU64>,
}

impl BadSource {
    fn subject(sin: SourceSin) -> SourceSubject<Self> {
        let interrupted = Arc::new(AtomicU64::new(0));
        let flag = interrupted.clone();
        SourceSubject::new(Arc::new(Self { sin, inner: memory_source(), interrupted }), held()).with_transfers(transfers()).interrupted_by(
            move || {
                flag.store(1, Ordering::Relaxed);
                ready(()).boxed()
            },
        )
    }
}

#[async_trait]
impl Source for BadSource {
    fn id(&self) -> &SourceId {
        self.inner.id()
    }

    async fn clocks(&self) -> Result<Vec<Clock>> {
        let clocks = self.inner.clocks().await?;
        if self.sin == SourceSin::ClockGoesBack {
            self.inner.set_clock(clocks[0].time.before(Duration::from_secs(1)));
        }
        Ok(clocks)
    }

    async fn extent(&self, now: Timestamp) -> Result<Extent> {
        let mut extent = self.inner.extent(now).await?;
        if self.sin == SourceSin::MixesUpTheExtent {
            extent.last = extent.first;
        }
        Ok(extent)
    }

    async fn context(&self) -> Result<Rooms> {
        self.inner.context().await
    }

    async fn tally(&self, span: Span, grid: &Grid) -> Result<Vec<Tally>> {
        let mut tallies = self.inner.tally(span, grid).await?;
        let first = tallies.first_mut();
        match (self.sin, first) {
            (SourceSin::Miscounts, Some(first)) => first.rows += 1,
            (SourceSin::TalliesLengthsWrong, Some(first)) => first.length += 1,
            (SourceSin::TalliesEmptyWindows, _) => {
                let empty = grid.window_at("2026-11-10T00:00:00Z".parse().unwrap());
                if span.contains(empty.start()) && !tallies.iter().any(|tally| (tally.window, tally.table) == (empty, Table::TcTimelog)) {
                    tallies.push(Tally::new(empty, Table::TcTimelog, 0, 0));
                }
            }
            (SourceSin::ForgetsUndated, _) => tallies.retain(|tally| !tally.window.is_undated()),
            _ => {}
        }
        Ok(tallies)
    }

    fn records(&self, span: Span) -> BoxStream<'static, Result<Vec<Record>>> {
        let sin = self.sin;
        let span = if sin == SourceSin::IncludesTheEnd { Span::new(span.start, span.end.after(Duration::from_millis(1))) } else { span };
        let batches = self.inner.records(span);
        if self.interrupted.swap(0, Ordering::Relaxed) > 0 {
            let failure = || Err(error(jabber_archive_core::ErrorClass::Transient));
            return match sin {
                SourceSin::EndsEarly => batches.take(2).boxed(),
                SourceSin::GoesOnBehindAnError => {
                    stream::iter([failure(), failure()]).chain(batches).chain(stream::iter([failure()])).boxed()
                }
                _ => batches.take(2).chain(stream::iter([failure()])).boxed(),
            };
        }
        match sin {
            SourceSin::DropsTheLastRow | SourceSin::DoublesARow | SourceSin::ForgetsLookback => {
                let mut all = batches.map(Result::unwrap).collect::<Vec<_>>().now_or_never().unwrap().concat();
                match sin {
                    SourceSin::DropsTheLastRow => drop(all.pop()),
                    SourceSin::DoublesARow => all.extend(all.first().cloned()),
                    _ => all.retain(|record| span.contains(record.sent())),
                }
                stream::iter([Ok(all)]).boxed()
            }
            _ => batches,
        }
    }

    async fn hours(&self, spans: &[Span]) -> Result<HourlyRows> {
        let mut hours = self.inner.hours(spans).await?;
        if self.sin == SourceSin::CountsHoursTwice {
            hours.extend(hours.clone());
        }
        Ok(hours)
    }

    async fn room_numbers(&self, span: Span) -> Result<Option<BTreeMap<BareJid, i64>>> {
        let span = if self.sin == SourceSin::TellsTheLastNumber { Span::new(span.start, Timestamp::MAX) } else { span };
        self.inner.room_numbers(span).await
    }

    async fn transfers(&self, span: Span, resources: &[String]) -> Result<Vec<Transfer>> {
        let mut transfers = self.inner.transfers(span, resources).await?;
        match self.sin {
            SourceSin::ForgetsUploadsOutsideTheSpan => transfers.retain(|transfer| transfer.sent.is_some_and(|sent| span.contains(sent))),
            SourceSin::DoublesUploads => transfers.extend(transfers.first().cloned()),
            _ => {}
        }
        Ok(transfers)
    }
}

#[test]
fn every_fault_of_a_source_is_found_by_the_name_of_its_rule() {
    for (sin, rule) in [
        (SourceSin::DropsTheLastRow, "every row is given exactly once: 1 of"),
        (SourceSin::DoublesARow, "every row is given exactly once: 1 rows too many"),
        (SourceSin::EndsEarly, "a stream that is interrupted ends with an error"),
        (SourceSin::GoesOnBehindAnError, "a stream that is interrupted ends with an error"),
        (SourceSin::IncludesTheEnd, "a span gives the message rows dated in it"),
        (SourceSin::ForgetsLookback, "presence from the look-back before it on"),
        (SourceSin::Miscounts, "a tally counts rows and lengths by window and table"),
        (SourceSin::TalliesLengthsWrong, "a tally counts rows and lengths by window and table"),
        (SourceSin::TalliesEmptyWindows, "leaves out windows without rows"),
        (SourceSin::ForgetsUndated, "a tally of what is dated before 2000 is of that one window"),
        (SourceSin::MixesUpTheExtent, "the extent is that of the message rows from 2000 to now"),
        (SourceSin::ClockGoesBack, "there is a clock, and none goes back"),
        (SourceSin::ForgetsUploadsOutsideTheSpan, "every upload with one of the resource names"),
        (SourceSin::CountsHoursTwice, "the message rows of every hour of the spans are counted, of each table"),
        (SourceSin::TellsTheLastNumber, "the highest number of every room with rows in the span is told"),
        (SourceSin::DoublesUploads, "is given once"),
    ] {
        finds(rule, conformance::source(async || BadSource::subject(sin)));
    }
}

/// A spool with one fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BadSpool {
    Shared,
    Truncates,
    ReadsOnce,
}

static SHARED: Mutex<Vec<Bytes>> = Mutex::new(Vec::new());

#[async_trait]
impl Spool for BadSpool {
    async fn create(&self) -> Result<Box<dyn SpoolWriter>> {
        SHARED.lock().unwrap().clear();
        Ok(Box::new(BadWriter { sin: *self, own: Vec::new() }))
    }
}

#[derive(Debug)]
struct BadWriter {
    sin: BadSpool,
    own: Vec<Bytes>,
}

#[async_trait]
impl SpoolWriter for BadWriter {
    async fn append(&mut self, content: Bytes) -> Result<()> {
        match self.sin {
            BadSpool::Shared => SHARED.lock().unwrap().push(content),
            BadSpool::Truncates => self.own.push(content.slice(..content.len().min(1 << 20))),
            BadSpool::ReadsOnce => self.own.push(content),
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<ByteStream> {
        let pieces = match self.sin {
            BadSpool::Shared => SHARED.lock().unwrap().clone(),
            BadSpool::Truncates => self.own.clone(),
            BadSpool::ReadsOnce => std::mem::take(&mut self.own),
        };
        Ok(stream::iter(pieces.into_iter().map(Ok)).boxed())
    }
}

#[test]
fn every_fault_of_a_spool_is_found_by_the_name_of_its_rule() {
    finds("places know nothing of each other", conformance::spool(async || Arc::new(BadSpool::Shared)));
    finds("what was appended is given back in order and whole", conformance::spool(async || Arc::new(BadSpool::Truncates)));
    finds("a place is read as often as asked", conformance::spool(async || Arc::new(BadSpool::ReadsOnce)));
}

/// What is wrong with a [`BadFiles`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FilesSin {
    EndsEarly,
    TakesUnreadableForMissing,
    TakesGoneForMissing,
    TakesMissingForUnreadable,
    OpensOutside,
    ResolvesPaths,
    NeverChecks,
}

#[derive(Debug)]
struct BadFiles {
    sin: FilesSin,
    inner: Arc<MemoryFiles>,
}

#[async_trait]
impl FileStore for BadFiles {
    async fn check(&self) -> Result<()> {
        if self.sin == FilesSin::NeverChecks { Ok(()) } else { self.inner.check().await }
    }

    async fn open(&self, transfer: &Transfer) -> Result<Opened> {
        let mut transfer = transfer.clone();
        if self.sin == FilesSin::ResolvesPaths {
            transfer.path = transfer.path.map(|path| path.replace("//", "/").replace("/./", "/"));
        }
        let is_gone = self.inner.check().await.is_err();
        match (self.sin, self.inner.open(&transfer).await) {
            (FilesSin::EndsEarly, Ok(Opened::Content(content))) => Ok(Opened::Content(content.take(2).boxed())),
            (FilesSin::TakesUnreadableForMissing, Err(_)) if !is_gone => Ok(Opened::Missing),
            (FilesSin::TakesGoneForMissing, Err(_)) if is_gone => Ok(Opened::Missing),
            (FilesSin::TakesMissingForUnreadable, Ok(Opened::Missing)) => Err(error(jabber_archive_core::ErrorClass::Item)),
            (FilesSin::OpensOutside, Ok(Opened::Refused)) if transfer.path.is_some_and(|path| path == "/etc/passwd") => {
                Ok(Opened::Content(stream::empty().boxed()))
            }
            (_, opened) => opened,
        }
    }
}

#[test]
fn every_fault_of_a_file_store_is_found_by_the_name_of_its_rule() {
    for (sin, rule) in [
        (FilesSin::EndsEarly, "a file is given whole"),
        (FilesSin::TakesUnreadableForMissing, "what cannot be read is an error and not missing"),
        (FilesSin::TakesGoneForMissing, "of a store that is gone nothing is missing"),
        (FilesSin::NeverChecks, "of a store that is gone nothing is missing"),
        (FilesSin::TakesMissingForUnreadable, "what is not there is missing"),
        (FilesSin::OpensOutside, "links, folders and what lies outside the roots are refused"),
        (FilesSin::ResolvesPaths, "a path that is not written as it is resolved is refused"),
    ] {
        finds(rule, conformance::file_store(async || files(|inner| Arc::new(BadFiles { sin, inner }))));
    }
}

#[test]
fn equal_seeds_give_equal_faults() {
    let run = |seed| {
        let faults = Faults::seeded(seed).errors_before(20).errors_after(20);
        let sink = FaultySink::new(memory_sink(), &faults);
        let outcome: Vec<bool> = (0..60).map(|_| block_on(sink.commit(&Window::UNDATED)).is_ok()).collect();
        (outcome, faults.injected(), faults.calls())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
    let (outcome, injected, calls) = run(3);
    assert_eq!((outcome.iter().filter(|works| !**works).count() as u64, calls), (injected, 60));
}

#[test]
fn a_lost_reply_has_taken_effect_and_an_early_error_has_not() {
    let sink = memory_sink();
    let item = MailItem::new(
        ItemKey::new(Window::UNDATED, "a".repeat(26).parse().unwrap()),
        Digest::of(b"").short(),
        jabber_archive_core::Issue::FIRST,
        jabber_archive_core::Part::new(1, 1),
        Bytes::from_static(b"x"),
    );
    let before = FaultySink::new(sink.clone(), &Faults::seeded(1).errors_before(100));
    assert!(block_on(before.put(&item)).unwrap_err().class().is_retried());
    assert!(sink.items().is_empty());
    let after = FaultySink::new(sink.clone(), &Faults::seeded(1).errors_after(100));
    assert!(block_on(after.put(&item)).unwrap_err().class().is_retried());
    assert_eq!(sink.items().len(), 1);
}

#[test]
fn a_broken_stream_ends_with_its_error() {
    let faults = Faults::seeded(5).broken_streams(30);
    let source = FaultySource::new(memory_source(), &faults);
    let everything = Span::new(Timestamp::MIN, Timestamp::MAX);
    let readings: Vec<Vec<bool>> = (0..40).map(|_| block_on(source.records(everything).map(|batch| batch.is_ok()).collect())).collect();
    assert!(readings.iter().all(|reading| reading.iter().rev().skip(1).all(|works| *works)));
    let broken = readings.iter().filter(|reading| reading.last() == Some(&false)).count() as u64;
    assert!(broken > 5 && broken == faults.injected(), "{broken}");
}
