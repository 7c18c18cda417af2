//! The source changes while it is read, or something else stands in the archive.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jabber_archive_core::{
    BareJid, Clock, Extent, Finding, Grid, HourlyRows, Record, Result, Rooms, Source, SourceId, Span, Table, Tally, Timestamp, Transfer,
    testing::memory::MemorySource,
};

use super::world::*;

/// A source that changes before it counts: `change` is told which count it is, from 1. The first two are those of a new archive's plan.
pub(super) struct Changing<F> {
    inner: Arc<MemorySource>,
    counts: AtomicU64,
    change: F,
}

impl<F> std::fmt::Debug for Changing<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Changing")
    }
}

impl<F: Fn(u64, &mut Vec<Record>) + Send + Sync> Changing<F> {
    pub(super) fn new(world: &World, change: F) -> Self {
        Self { inner: world.source.clone(), counts: AtomicU64::new(0), change }
    }
}

#[async_trait]
impl<F: Fn(u64, &mut Vec<Record>) + Send + Sync> Source for Changing<F> {
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
        let count = self.counts.fetch_add(1, Ordering::Relaxed) + 1;
        self.inner.edit(|rows| (self.change)(count, rows));
        self.inner.tally(span, grid).await
    }
    fn records(&self, span: Span) -> BoxStream<'static, Result<Vec<Record>>> {
        self.inner.records(span)
    }
    async fn transfers(&self, span: Span, resources: &[String]) -> Result<Vec<Transfer>> {
        self.inner.transfers(span, resources).await
    }
    async fn hours(&self, spans: &[Span]) -> Result<HourlyRows> {
        self.inner.hours(spans).await
    }
    async fn room_numbers(&self, span: Span) -> Result<Option<BTreeMap<BareJid, i64>>> {
        self.inner.room_numbers(span).await
    }
}

fn one_chat() -> World {
    World::new(vec![chat("2026-11-23T06:00:00Z", "a1", "first")])
}

#[test]
fn rows_that_come_while_a_window_is_read_are_read_too() {
    let world = one_chat();
    let source = Changing::new(&world, |count, rows| {
        if count == 3 {
            rows.push(chat("2026-11-23T07:00:00Z", "a2", "late"));
        }
    });
    world.run_of(source).unwrap();
    world.check();
    let seal = world.seal_at("2026-11-23T06:00:00Z");
    assert_eq!((seal.messages.listed, seal.findings.contains(&Finding::UnmappedPeople { people: 2 }), seal.findings.len()), (2, true, 1));
    assert_eq!(*world.observer.read_again.lock().unwrap(), 1);
}

#[test]
fn rows_that_keep_coming_are_found_late_and_the_window_is_sealed() {
    let world = one_chat();
    let source = Changing::new(&world, |count, rows| {
        if count >= 3 {
            rows.push(chat("2026-11-23T07:00:00Z", &format!("b{count}"), "late"));
        }
    });
    world.run_of(source).unwrap();
    world.check();
    let seal = world.seal_at("2026-11-23T06:00:00Z");
    assert_eq!(*world.observer.read_again.lock().unwrap(), 3);
    assert!(seal.findings.contains(&Finding::Late { table: Table::Jm, rows: 1 }), "{:?}", seal.findings);
    assert_eq!((seal.messages.listed, seal.tables[&Table::Jm].rows, seal.tables[&Table::Jm].tally_rows), (4, 4, 5));
}

#[test]
fn rows_that_come_into_an_empty_window_between_those_of_a_chunk_are_read_too() {
    let mut world = World::new(vec![chat("2026-11-22T06:00:00Z", "a1", "first"), chat("2026-11-23T06:00:00Z", "a2", "second")]);
    world.source = Arc::new(
        MemorySource::new(vec![chat("2026-11-22T06:00:00Z", "a1", "first"), chat("2026-11-23T06:00:00Z", "a2", "second")], world.now)
            .indexed(false),
    );
    let source = Changing::new(&world, |count, rows| {
        if count == 3 {
            rows.push(chat("2026-11-22T13:00:00Z", "a3", "between"));
        }
    });
    world.run_of(source).unwrap();
    world.check();
    assert_eq!(world.seal_at("2026-11-22T13:00:00Z").messages.listed, 1);
}

#[test]
fn rows_that_were_purged_after_reading_are_archived_and_found_purged() {
    let world = World::new(vec![chat("2026-11-23T06:00:00Z", "a1", "kept by us"), chat("2026-11-23T06:10:00Z", "a2", "too")]);
    let source = Changing::new(&world, |count, rows| {
        if count == 3 {
            rows.clear();
        }
    });
    world.run_of(source).unwrap();
    world.check();
    let seal = world.seal_at("2026-11-23T06:00:00Z");
    assert!(seal.findings.contains(&Finding::Purged { table: Table::Jm, rows: 2 }), "{:?}", seal.findings);
    assert!(seal.messages.listed == 2 && world.has("kept by us"));
    assert_eq!(*world.observer.read_again.lock().unwrap(), 0);
}

#[test]
fn rows_whose_lengths_changed_after_reading_are_found_changed() {
    let world = one_chat();
    let source = Changing::new(&world, |count, rows| {
        if count == 3 {
            *rows = vec![chat("2026-11-23T06:00:00Z", "a1", "another first")];
        }
    });
    world.run_of(source).unwrap();
    let seal = world.seal_at("2026-11-23T06:00:00Z");
    assert!(seal.findings.contains(&Finding::Changed { table: Table::Jm }), "{:?}", seal.findings);
}

#[test]
fn where_the_place_of_one_part_is_taken_all_parts_of_the_conversation_go_to_the_next_edition_and_what_is_left_is_abandoned() {
    let undisturbed = World::new(large_company());
    undisturbed.run().unwrap();
    let long = undisturbed.seal_at("2026-11-22T18:00:00Z");
    let lines = undisturbed.list(&long);
    let parts: Vec<_> =
        lines.lines().iter().filter(|line| lines.lines().iter().any(|other| other.key == line.key && other.part == 2)).collect();
    assert!(parts.len() >= 2, "{}", parts.len());
    let window = undisturbed.facts.grid.window_at(long.span.start);
    for taken in &parts {
        let world = undisturbed.anew();
        let key = jabber_archive_core::ItemKey::new(window, taken.id.clone());
        world.sink.place(key.clone(), Bytes::from_static(b"something else"));
        world.run().unwrap();
        world.check();
        let seal = world.seal_at("2026-11-22T18:00:00Z");
        let list = world.list(&seal);
        let editions = |moved: bool| {
            list.lines().iter().filter(|line| (line.key == taken.key) == moved).map(|line| (line.edition, line.part)).collect::<Vec<_>>()
        };
        let expected: Vec<_> = (1..=parts.len() as u32).map(|part| (2, part)).collect();
        assert_eq!(editions(true), expected, "every part is of edition 2");
        assert!(editions(false).iter().all(|(edition, _)| *edition == 1), "others are not");
        // What was put before the taken place was met is left over, and so is what stood there; what came after was never put.
        let left: Vec<_> = parts.iter().filter(|part| part.part <= taken.part).map(|part| part.id.clone()).collect();
        assert_eq!(seal.abandoned, left.into_iter().collect());
        assert_eq!(world.sink.items()[&key], Bytes::from_static(b"something else"));
        assert_eq!(seal.messages, long.messages);
    }
}

#[test]
fn rows_that_look_encrypted_are_counted_in_the_seal_of_their_window_and_found() {
    let mut sealed = chat("2026-11-23T06:30:00Z", "a2", "c2VhbGVk");
    if let Record::Message(row) = &mut sealed {
        row.encrypted = true;
    }
    let world = World::new(vec![chat("2026-11-23T06:00:00Z", "a1", "plain"), sealed]);
    world.run_of(Changing::new(&world, |_, _| {})).unwrap();
    world.check();
    let seal = world.seal_at("2026-11-23T06:00:00Z");
    assert!(seal.findings.contains(&Finding::Encrypted { table: Table::Jm, rows: 1 }), "{:?}", seal.findings);
    assert_eq!((seal.messages.listed, seal.tables[&Table::Jm].encrypted), (2, 1));
    let json = serde_json::to_value(&seal).unwrap();
    assert_eq!(json["tables"]["jm"]["encrypted"], 1);
    // A seal without such rows has the bytes that it always had.
    let plain = one_chat();
    plain.run_of(Changing::new(&plain, |_, _| {})).unwrap();
    let json = serde_json::to_value(plain.seal_at("2026-11-23T06:00:00Z")).unwrap();
    assert_eq!(json["tables"]["jm"].get("encrypted"), None);
}
