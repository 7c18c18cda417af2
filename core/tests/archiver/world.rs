//! A source, a sink and a ledger in memory, an archiver between them, and what must hold of the archive at any time.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, pending, ready},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::executor::block_on;
use jabber_archive_core::{
    Addendum, ArchiveFacts, Archiver, Converter, DeadLetter, Digest, Entry, EntryRecord, Event, Filter, Grid, ItemId, ItemKey, KeptKind,
    Ledger, Link, List, MemoryDirectory, Movement, ObjectKey, Observer, People, Record, Result, RunEntry, RunReport, RunSettings, Seal,
    Source, Table, Timestamp, Transcript, TranscriptSettings, UndecodableRow, Window,
    testing::{
        faults::{Faults, FaultyFiles, FaultyLedger, FaultySink, FaultySource, FaultySpool},
        memory::{MemoryFiles, MemoryLedger, MemorySink, MemorySource, MemorySpool},
        rows::{Row, presence},
    },
};

pub(crate) const ALICE: &str = "alice@example.com/jabber_1";
pub(crate) const BOB: &str = "bob@example.com/jabber_1";
pub(crate) const ROOM: &str = "planning@conference.example.com";

pub(crate) fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// An archive of windows of six hours, and the source that it is made of, on 2026-11-24.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) facts: ArchiveFacts,
    pub(crate) settings: RunSettings,
    pub(crate) filter: Filter,
    pub(crate) directory: Arc<MemoryDirectory>,
    pub(crate) converter: Arc<dyn Converter>,
    pub(crate) source: Arc<MemorySource>,
    pub(crate) sink: Arc<MemorySink>,
    pub(crate) ledger: Arc<MemoryLedger>,
    /// Where what outgrows memory goes, if anywhere.
    pub(crate) spool: Option<Arc<MemorySpool>>,
    pub(crate) files: Option<Arc<MemoryFiles>>,
    pub(crate) observer: Arc<Log>,
    pub(crate) now: Timestamp,
}

/// Everything that must be equal, however an archive came to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) seals: Vec<Seal>,
    pub(crate) addenda: Vec<Addendum>,
    pub(crate) items: BTreeMap<ItemKey, Bytes>,
}

impl World {
    pub(crate) fn new(records: Vec<Record>) -> Self {
        let now = at("2026-11-24T06:30:00Z");
        let mut facts = ArchiveFacts::new("test").unwrap();
        facts.grid = Grid::new(Duration::from_hours(6), Duration::ZERO).unwrap();
        let limit = TranscriptSettings::default().with_max_item_bytes(TranscriptSettings::LEAST_ITEM_BYTES);
        let converter = Arc::new(Transcript::new(&facts, limit).unwrap());
        Self {
            facts,
            settings: RunSettings::default(),
            filter: Filter::default(),
            directory: Arc::default(),
            converter,
            source: Arc::new(MemorySource::new(records, now).batches_of(5)),
            sink: Arc::default(),
            ledger: Arc::default(),
            spool: None,
            files: None,
            observer: Arc::default(),
            now,
        }
    }

    /// The same source, settings and time; nothing archived yet.
    pub(crate) fn anew(&self) -> Self {
        Self { sink: Arc::default(), ledger: Arc::default(), observer: Arc::default(), ..self.clone() }
    }

    pub(crate) fn archiver(&self, faults: &Faults) -> Archiver {
        self.archiver_of(self.source.clone(), faults)
    }

    pub(crate) fn archiver_of(&self, source: Arc<dyn Source>, faults: &Faults) -> Archiver {
        let source = Arc::new(FaultySource::new(source, faults));
        let sink = Arc::new(FaultySink::new(self.sink.clone(), faults));
        let ledger = Arc::new(FaultyLedger::new(self.ledger.clone(), faults));
        let (observer, log) = (self.observer.clone(), self.observer.clone());
        let pause = move |wait: Duration| {
            log.waits.lock().unwrap().push(wait);
            ready(())
        };
        let line = Archiver::new(self.facts.clone(), source, self.converter.clone(), sink, ledger, Arc::new(pause));
        // Files need a spool.
        let line = match (&self.spool, &self.files) {
            (Some(spool), _) => line.spool(Arc::new(FaultySpool::new(spool.clone(), faults))),
            (None, Some(_)) => line.spool(Arc::new(MemorySpool::new())),
            (None, None) => line,
        };
        let line = match &self.files {
            Some(files) => line.files(Arc::new(FaultyFiles::new(files.clone(), faults))),
            None => line,
        };
        line.people(People::new(self.directory.clone())).filter(self.filter.clone()).settings(self.settings.clone()).observer(observer)
    }

    pub(crate) fn run(&self) -> Result<RunReport> {
        self.run_with(&Faults::none())
    }

    pub(crate) fn retry(&self) -> Result<RunReport> {
        block_on(self.archiver(&Faults::none()).retry(self.now, pending()))
    }

    pub(crate) fn run_with(&self, faults: &Faults) -> Result<RunReport> {
        self.run_until(faults, pending())
    }

    pub(crate) fn run_until(&self, faults: &Faults, stop: impl Future<Output = ()> + Send) -> Result<RunReport> {
        block_on(self.archiver(faults).run(self.now, stop))
    }

    pub(crate) fn run_of(&self, source: impl Source + 'static) -> Result<RunReport> {
        block_on(self.archiver_of(Arc::new(source), &Faults::none()).run(self.now, pending()))
    }

    /// Every entry, each of which names the one before.
    pub(crate) fn chain(&self) -> Vec<Entry> {
        let mut previous = block_on(self.ledger.open(&self.facts)).unwrap();
        let mut entries = Vec::new();
        for (expected, (number, bytes)) in (1..).zip(self.ledger.entries()) {
            assert_eq!(number, expected);
            let link = Link::from_bytes(number, &bytes).unwrap();
            assert_eq!(link.entry.previous, previous, "entry {number}");
            previous = link.digest;
            entries.push(link.entry);
        }
        entries
    }

    pub(crate) fn seals(&self) -> Vec<Seal> {
        self.chain().into_iter().filter_map(|entry| if let EntryRecord::Seal(seal) = entry.record { Some(*seal) } else { None }).collect()
    }

    /// The seal of the window in which an instant lies.
    pub(crate) fn addenda(&self) -> Vec<Addendum> {
        self.chain()
            .into_iter()
            .filter_map(|entry| if let EntryRecord::Addendum(added) = entry.record { Some(*added) } else { None })
            .collect()
    }

    pub(crate) fn seal_at(&self, time: &str) -> Seal {
        let seals: Vec<Seal> = self.seals().into_iter().filter(|seal| seal.span.contains(at(time))).collect();
        let [seal] = &seals[..] else { panic!("{} seals at {time}", seals.len()) };
        seal.clone()
    }

    pub(crate) fn runs(&self) -> Vec<RunEntry> {
        self.chain().into_iter().filter_map(|entry| if let EntryRecord::Run(run) = entry.record { Some(*run) } else { None }).collect()
    }

    pub(crate) fn list(&self, seal: &Seal) -> List {
        let kept = self.ledger.kept(KeptKind::List);
        seal.list.map(|digest| List::from_bytes(&kept[&digest]).unwrap()).unwrap_or_default()
    }

    pub(crate) fn dead_letters(&self, seal: &Seal) -> Vec<DeadLetter> {
        let kept = self.ledger.kept(KeptKind::DeadLetter);
        seal.dead_letters.iter().map(|digest| serde_json::from_slice(&kept[digest]).unwrap()).collect()
    }

    /// Seals with something in them, and all items.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome { seals: self.seals(), addenda: self.addenda(), items: self.sink.items() }
    }

    /// Whether some mail of the archive has this text.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.sink.items().values().any(|content| String::from_utf8_lossy(content).contains(text))
    }

    /// What must hold at every moment, whoever died or raced: the chain is whole, sealed means durable, and every item is accounted for.
    pub(crate) fn check(&self) {
        let left = self.unaccounted();
        assert!(left.is_empty(), "in sealed windows, and accounted for nowhere: {left:?}");
    }

    /// The items of sealed windows that no entry names: none, unless somebody died while adding to a window. All else must hold all the same.
    pub(crate) fn unaccounted(&self) -> BTreeSet<ItemKey> {
        let (mut end, mut undated, mut last) = (None, false, None);
        let items = self.sink.items();
        let mut listed: BTreeSet<ItemId> = BTreeSet::new();
        let mut abandoned: BTreeSet<ItemId> = BTreeSet::new();
        for entry in self.chain() {
            match &entry.record {
                EntryRecord::Run(run) => abandoned.extend(run.abandoned.iter().cloned()),
                EntryRecord::Addendum(addendum) => {
                    let span = addendum.seal.span;
                    let sealed = if span == Window::UNDATED.span() { undated } else { end.is_some_and(|end| span.end <= end) };
                    assert!(sealed, "{span:?} is not sealed");
                    self.check_seal(&addendum.seal, &items, &mut listed);
                    abandoned.extend(addendum.seal.abandoned.iter().cloned());
                }
                EntryRecord::Seal(seal) => {
                    self.check_seal(seal, &items, &mut listed);
                    abandoned.extend(seal.abandoned.iter().cloned());
                    if seal.span == Window::UNDATED.span() {
                        assert!(!std::mem::replace(&mut undated, true), "sealed twice: what is undated");
                    } else {
                        assert!(end.is_none_or(|end| end == seal.span.start), "{end:?} is not where {:?} begins", seal.span);
                        (end, last) = (Some(seal.span.end), Some(entry.number));
                    }
                }
                other => panic!("{other:?}"),
            }
            assert_eq!((entry.frontier.end, entry.frontier.undated, entry.frontier.seal), (end, undated, last), "entry {}", entry.number);
        }
        assert_eq!(listed.intersection(&abandoned).count(), 0, "listed and abandoned");
        let is_sealed = |key: &ItemKey| if key.window.is_undated() { undated } else { end.is_some_and(|end| key.window.end() <= end) };
        items.into_keys().filter(|key| is_sealed(key) && !listed.contains(&key.id) && !abandoned.contains(&key.id)).collect()
    }

    fn check_seal(&self, seal: &Seal, items: &BTreeMap<ItemKey, Bytes>, listed: &mut BTreeSet<ItemId>) {
        assert!(seal.messages.closes(), "{:?}", seal.messages);
        assert!(seal.tables.values().all(jabber_archive_core::TableAccount::closes), "{:?}", seal.tables);
        let starts: u64 = seal.tables.values().map(|account| account.starts).sum();
        assert_eq!(starts, seal.messages.starts);
        let rows: u64 = seal.tables.values().map(|account| account.dead_letters).sum();
        assert_eq!(rows + seal.messages.dead_letters, self.dead_letters(seal).len() as u64);
        assert_eq!(seal.context.is_some(), seal.messages.starts > 0);
        let contexts = self.ledger.kept(KeptKind::Context);
        assert!(seal.context.is_none_or(|context| contexts.contains_key(&context)));
        assert_eq!(seal.filter.is_some(), seal.messages.starts > 0 && !self.filter.is_empty());
        assert!(seal.filter.is_none_or(|filter| contexts.contains_key(&filter)));
        let list = self.list(seal);
        assert_eq!(list.lines().len() as u64, seal.items);
        assert_eq!(list.lines().iter().map(|line| line.messages.len() as u64).sum::<u64>(), seal.messages.listed);
        for line in list.lines() {
            let window = self.facts.grid.window_at(seal.span.start);
            let content = items.get(&ItemKey::new(window, line.id.clone())).expect("a listed item is durable");
            assert_eq!((content.len() as u64, Digest::of(content)), (line.bytes, line.sha256));
            assert!(listed.insert(line.id.clone()), "{} is listed twice", line.id);
            for digest in &line.attachments {
                assert!(self.sink.objects().contains_key(&ObjectKey::new(*digest)), "an object that a listed item names is durable");
            }
        }
    }
}

/// Remembers what an archiver told.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) waits: Mutex<Vec<Duration>>,
    pub(crate) read_again: Mutex<u64>,
    pub(crate) raced: Mutex<u64>,
}

impl Observer for Log {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::ReadAgain { .. } => *self.read_again.lock().unwrap() += 1,
            Event::Raced { .. } => *self.raced.lock().unwrap() += 1,
            _ => {}
        }
    }
}

pub(crate) fn chat(time: &str, id: &str, body: &str) -> Record {
    Row::jm(ALICE, BOB).at(time).id(id).body(body).record()
}

/// `chat` from another pair of people.
pub(crate) fn other_chat(time: &str, id: &str, body: &str) -> Record {
    Row::jm("chen@example.com/x", BOB).at(time).id(id).body(body).record()
}

pub(crate) fn undecodable(time: &str) -> Record {
    let values = BTreeMap::from([("direction".to_owned(), Some("X".to_owned())), ("body_string".to_owned(), None)]);
    Record::Undecodable(UndecodableRow { table: Table::Jm, sent: at(time), length: 3, reason: "direction: neither O nor I".into(), values })
}

/// Several windows with something of everything: copies over borders, rooms, empty windows, dead letters, and what is undated.
pub(crate) fn company() -> Vec<Record> {
    vec![
        chat("1999-05-05T10:00:00Z", "old", "in the past"),
        chat("2026-11-20T09:00:00Z", "a1", "good morning"),
        Row::jm(ALICE, BOB).at("2026-11-20T09:00:01Z").outgoing().id("a1").body("good morning").record(),
        other_chat("2026-11-20T09:30:00Z", "c1", "and to you"),
        chat("2026-11-20T11:59:59Z", "a2", "over the border"),
        chat("2026-11-20T12:00:01Z", "a2", "over the border"),
        undecodable("2026-11-20T12:30:00Z"),
        undecodable("2026-11-20T12:30:00Z"),
        presence(ROOM, "ali", ALICE, Movement::Entered, "2026-11-20T12:40:00Z"),
        Row::archived(ROOM, ALICE, "ali").at("2026-11-20T12:45:00Z").id("r1").body("welcome").record(),
        Row::jm(&format!("{ROOM}/ali"), "dave@partner.example").groupchat().at("2026-11-20T12:45:01Z").id("r1").body("welcome").record(),
        chat("2026-11-22T19:00:00Z", "a3", "see you"),
        chat("2026-11-23T06:00:00Z", "a4", "back again"),
    ]
}

/// The same, and a conversation of several mails.
pub(crate) fn large_company() -> Vec<Record> {
    let long = |letter: char| std::iter::repeat_n(letter, 70_000).collect::<String>();
    let mut records = company();
    records.push(other_chat("2026-11-22T18:00:00Z", "l1", &long('a')));
    records.push(other_chat("2026-11-22T18:00:30Z", "l2", &long('b')));
    records.push(other_chat("2026-11-22T18:01:00Z", "l3", "short"));
    records
}
