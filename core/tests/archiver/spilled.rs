//! What does not fit into memory goes to a spool and comes back to the same bytes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use jabber_archive_core::{
    Conversation, Converter, Digest, Error, ErrorClass, ErrorKind, Finding, Issue, ItemId, ItemKey, KeptKind, MailItem, MessageLine,
    Movement, Part, Recipe, Record, Result, Spool, SpoolWriter, Table,
    testing::{
        faults::Faults,
        memory::{MemorySource, MemorySpool},
        rows::{Row, presence, rows},
    },
};
use proptest::prelude::*;

use super::world::*;

/// The same rows, with so much memory and a spool.
fn spilling(world: &World, memory: usize) -> World {
    let mut other = world.anew();
    other.settings.memory = memory;
    other.spool = Some(Arc::new(MemorySpool::new()));
    other
}

/// Everything that is stored, byte for byte.
fn stored(world: &World) -> impl PartialEq {
    let kept = [KeptKind::List, KeptKind::Context, KeptKind::DeadLetter].map(|kind| world.ledger.kept(kind));
    (world.ledger.entries(), world.sink.items(), kept)
}

fn unindexed(world: &mut World, records: Vec<Record>, chunk: usize) {
    world.source = Arc::new(MemorySource::new(records, world.now).batches_of(3).indexed(false));
    world.settings.chunk_windows = chunk;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn however_little_memory_there_is_the_bytes_are_the_same(
        (records, shuffled) in rows(3, 40, Duration::from_mins(6)).prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        memory in prop_oneof![Just(0_usize), 1_000_usize..200_000],
        chunk in prop::option::of(1_usize..14),
        unreadable in prop::collection::vec(prop::sample::select(vec!["2026-11-20T09:00:00Z", "2026-11-20T12:30:00Z", "2026-11-21T23:59:59Z"]), 0..6),
    ) {
        let unreadable_rows: Vec<Record> = unreadable.into_iter().map(undecodable).collect();
        let one = World::new(records.into_iter().chain(unreadable_rows.clone()).collect());
        one.run().unwrap();
        one.check();
        let mut other = spilling(&one, memory);
        let shuffled: Vec<Record> = unreadable_rows.into_iter().chain(shuffled).collect();
        match chunk {
            Some(chunk) => unindexed(&mut other, shuffled, chunk),
            None => other.source = Arc::new(MemorySource::new(shuffled, one.now).batches_of(7)),
        }
        other.run().unwrap();
        other.check();
        prop_assert!(stored(&one) == stored(&other));
    }

    #[test]
    fn a_spool_that_fails_loses_nothing_and_doubles_nothing(
        records in rows(2, 30, Duration::from_mins(6)),
        seed in any::<u64>(),
        chunk in 1_usize..9,
        (before, after, broken) in (0_u8..4, 0_u8..4, 0_u8..2),
    ) {
        let one = World::new(records.clone());
        one.run().unwrap();
        let mut other = spilling(&one, 8_000);
        unindexed(&mut other, records, chunk);
        let faults = Faults::seeded(seed).errors_before(before).errors_after(after).broken_streams(broken).interleaved(20);
        let ended = (0..200).find(|_| other.run_with(&faults).is_ok());
        prop_assert!(ended.is_some(), "{} faults", faults.injected());
        other.check();
        prop_assert_eq!(other.outcome(), one.outcome());
    }
}

#[test]
fn a_run_killed_at_any_call_while_rows_are_spooled_is_completed_by_the_next_to_the_same_bytes() {
    let undisturbed = World::new(large_company());
    undisturbed.run().unwrap();
    let expected = undisturbed.outcome();
    for call in 1.. {
        let mut world = spilling(&undisturbed, 20_000);
        unindexed(&mut world, large_company(), 4);
        let faults = Faults::killed_at(call);
        let died = world.run_with(&faults).is_err();
        world.check();
        world.run().unwrap();
        world.check();
        assert!(world.outcome() == expected, "killed at call {call}");
        if !died {
            assert!(faults.calls_of("append to spool") > 5 && faults.calls_of("read spool") > 5, "{faults:?}");
            break;
        }
    }
}

#[test]
fn with_a_spool_one_scan_serves_its_windows_undivided_however_little_memory_there_is() {
    let one = World::new(large_company());
    let mut other = spilling(&one, 40_000);
    unindexed(&mut other, large_company(), 99);
    let faults = Faults::none();
    other.run_with(&faults).unwrap();
    one.run().unwrap();
    assert!(other.outcome() == one.outcome());
    // What is undated, and all else: each read once, in batches of three and an end.
    let batches = |rows: usize| rows.div_ceil(3) as u64 + 1;
    let dated = large_company().len() - 1;
    assert_eq!(faults.calls_of("records"), batches(1) + batches(dated));
}

#[test]
fn rows_that_come_while_a_spooled_chunk_is_read_are_read_again_too() {
    use super::changing::Changing;
    let world =
        spilling(&World::new(vec![chat("2026-11-23T06:00:00Z", "a1", "first"), other_chat("2026-11-23T06:00:00Z", "c1", "too")]), 0);
    let source = Changing::new(&world, |count, rows| {
        if count == 3 {
            rows.push(chat("2026-11-23T07:00:00Z", "a2", "late"));
        }
        if count == 4 {
            rows.push(chat("2026-11-23T07:30:00Z", "a3", "later"));
        }
    });
    world.run_of(source).unwrap();
    world.check();
    let seal = world.seal_at("2026-11-23T06:00:00Z");
    assert_eq!((seal.messages.listed, seal.tables[&Table::Jm].rows), (4, 4));
    assert!(!seal.findings.iter().any(|finding| matches!(finding, Finding::Late { .. })), "{:?}", seal.findings);
    assert_eq!(*world.observer.read_again.lock().unwrap(), 2);
}

#[test]
fn who_is_inside_a_room_is_handed_on_from_window_to_window_through_the_spool() {
    let mut records: Vec<Record> = Vec::new();
    let person = |number: u32| format!("user{number}@example.com/x");
    for number in 0..40 {
        // Some enter long before, some of them leave again, and some enter in a window without messages.
        let entered = ["2026-11-02T08:00:00Z", "2026-10-15T08:00:00Z", "2026-11-20T13:00:00Z"][number as usize % 3];
        records.push(presence(ROOM, &format!("n{number}"), &person(number), Movement::Entered, entered));
        if number % 4 == 0 {
            records.push(presence(ROOM, &format!("n{number}"), &person(number), Movement::Left, "2026-11-20T20:00:00Z"));
        }
        records.push(presence(ROOM, &format!("n{number}"), &person(number), Movement::Left, "2026-10-10T08:00:00Z"));
    }
    for time in ["2026-11-20T07:00:00Z", "2026-11-21T07:00:00Z", "2026-11-22T07:00:00Z"] {
        records.push(Row::archived(ROOM, ALICE, "ali").at(time).id(time).body("welcome").record());
    }
    let one = World::new(records.clone());
    one.run().unwrap();
    records.reverse();
    let mut other = spilling(&one, 3_000);
    unindexed(&mut other, records, 30);
    other.run().unwrap();
    assert!(stored(&one) == stored(&other));
    let texts: Vec<String> = one.sink.items().values().map(|content| String::from_utf8_lossy(content).into_owned()).collect();
    let inside = |number: u32| texts.iter().filter(|text| text.contains(&format!("user{number}@example.com"))).count();
    assert_eq!(
        [inside(0), inside(3), inside(1), inside(2)],
        [1, 3, 0, 2],
        "left on the 20th, inside all the time, entered too long ago, entered on the 20th"
    );
}

/// One mail of each conversation: the texts of its messages, one a line.
#[derive(Debug)]
struct Texts;

impl Converter for Texts {
    fn recipe(&self) -> Recipe {
        Recipe::new("texts", 1, Digest::of(b""))
    }
    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        let id = ItemId::new("test", "texts", &conversation.key, None, &conversation.window, 1, issue.edition);
        let content: String = conversation.messages.iter().flat_map(|message| [&message.body, "\n"]).collect();
        let mut mail =
            MailItem::new(ItemKey::new(conversation.window, id), conversation.key.digest(), issue, Part::new(1, 1), content.into());
        mail.messages = conversation.messages.iter().map(MessageLine::of).collect();
        emit(mail)
    }
}

#[test]
fn a_row_of_50_mb_and_a_conversation_many_times_larger_than_memory_come_out_whole() {
    let huge: String = "0123456789abcdef".repeat(50_000_000 / 16);
    let mut records = vec![other_chat("2026-11-22T07:30:00Z", "h1", &huge), other_chat("2026-11-22T07:31:00Z", "h2", "and on")];
    let long = |number: u32| format!("{number} {}", "the figures of the third quarter ".repeat(300));
    let time = |number: u32| at("2026-11-22T07:00:00Z").after(Duration::from_secs(u64::from(number)));
    records
        .extend((0..2_000).map(|number| Row::jm(ALICE, BOB).at_time(time(number)).id(&format!("l{number}")).body(&long(number)).record()));
    records.extend(
        (0..500).map(|number| Row::jm(&format!("u{number}@example.com"), BOB).at_time(time(number)).id("s").body("short").record()),
    );
    let mut world = World::new(records);
    world.converter = Arc::new(Texts);
    let mut world = spilling(&world, 1 << 20);
    world.settings.in_flight = 1;
    let faults = Faults::none();
    world.run_with(&faults).unwrap();
    world.check();
    assert!(faults.calls_of("append to spool") > 400, "{}", faults.calls_of("append to spool"));
    let mails = world.sink.items();
    assert_eq!(mails.len(), 502);
    let whole: String = (0..2_000).flat_map(|number| [long(number), "\n".to_owned()]).collect();
    let with = |begin: &str| mails.values().filter(|content| content.starts_with(begin.as_bytes())).cloned().collect::<Vec<Bytes>>();
    assert!(with("0 the") == [Bytes::from(whole)]);
    assert!(with("0123") == [Bytes::from(format!("{huge}\nand on\n"))]);
    assert_eq!(with("short\n").len(), 500);
}

#[test]
fn a_list_that_outgrows_memory_is_spooled_and_read_line_by_line_by_the_next_run() {
    let records: Vec<Record> = (0..300_u32)
        .map(|number| {
            let time = at("2026-11-22T11:00:00Z").after(Duration::from_secs(u64::from(number) * 15));
            Row::jm(&format!("u{number}@example.com"), BOB).at_time(time).id(&format!("m{}", number % 7)).body("hi").record()
        })
        .collect();
    let one = World::new(records);
    one.run().unwrap();
    let spilled = spilling(&one, 64 << 10);
    let mut first = spilled.clone();
    (first.now, first.ledger) = (at("2026-11-22T13:30:00Z"), spilled.ledger.clone());
    first.source.set_clock(first.now);
    let faults = Faults::seeded(3).errors_before(3).errors_after(3).broken_streams(1);
    assert!((0..200).any(|_| first.run_with(&faults).is_ok()));
    assert!(faults.injected() > 10);
    spilled.source.set_clock(spilled.now);
    spilled.run().unwrap();
    spilled.check();
    assert_eq!(spilled.outcome().items, one.outcome().items);
    assert_eq!(
        spilled.seals().iter().filter_map(|seal| seal.list).collect::<Vec<_>>(),
        one.seals().iter().filter_map(|seal| seal.list).collect::<Vec<_>>()
    );
    assert!(one.ledger.kept(KeptKind::List).values().any(|list| list.len() > 30_000), "lists larger than a 32nd of memory");
}

/// A spool that has no space left behind so many bytes.
#[derive(Debug)]
struct Full {
    left: Arc<AtomicU64>,
}

#[derive(Debug)]
struct FullPlace(Box<dyn SpoolWriter>, Arc<AtomicU64>);

#[async_trait]
impl Spool for Full {
    async fn create(&self) -> Result<Box<dyn SpoolWriter>> {
        Ok(Box::new(FullPlace(MemorySpool::new().create().await?, self.left.clone())))
    }
}

#[async_trait]
impl SpoolWriter for FullPlace {
    async fn append(&mut self, content: Bytes) -> Result<()> {
        let taken = self.1.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(content.len() as u64));
        if taken.is_err() {
            return Err(Error::new(ErrorKind::Spool, ErrorClass::Fatal, "write", "no space is left"));
        }
        self.0.append(content).await
    }
    async fn read(&mut self) -> Result<jabber_archive_core::ByteStream> {
        self.0.read().await
    }
}

#[test]
fn a_spool_without_space_ends_the_run_and_what_was_sealed_before_stays() {
    let one = World::new(large_company());
    one.run().unwrap();
    for space in [0, 5_000, 100_000] {
        let mut world = one.anew();
        world.settings.memory = 20_000;
        let line = world.archiver(&Faults::none()).spool(Arc::new(Full { left: Arc::new(AtomicU64::new(space)) }));
        let error = futures::executor::block_on(line.run(world.now, std::future::pending())).unwrap_err();
        assert_eq!((error.kind(), error.class()), (ErrorKind::Spool, ErrorClass::Fatal), "{error}");
        world.check();
        assert!(world.observer.waits.lock().unwrap().is_empty(), "nothing is tried again");
        world.settings.memory = one.settings.memory;
        world.run().unwrap();
        assert!(world.outcome() == one.outcome(), "{space}");
    }
}

#[test]
fn movements_of_a_month_in_large_rooms_fit_where_those_who_are_inside_fit() {
    let mut records: Vec<Record> = vec![Row::archived(ROOM, ALICE, "ali").at("2026-11-22T07:00:00Z").id("r1").body("welcome").record()];
    let movement = |number: u32, day: u64| {
        let Record::Presence(mut row) =
            presence(ROOM, &format!("n{number}"), &format!("user{number}@example.com/x"), Movement::Entered, "2026-10-25T08:00:00Z")
        else {
            unreachable!()
        };
        row.stamp = row.stamp.after(Duration::from_hours(24 * day));
        row.movement = if day % 2 == 1 { Movement::Left } else { Movement::Entered };
        Record::Presence(row)
    };
    let days = 27_u64;
    records.extend((0..days).rev().flat_map(|day| (0..50).map(move |number| movement(number, day))));
    let world = World::new(records);
    let mut narrow = world.anew();
    // Without a spool: a movement takes some 300 bytes, there are 1,350, and a quarter of memory is for them.
    narrow.settings.memory = 4 * 40_000;
    narrow.settings.start = Some(at("2026-11-22T06:00:00Z"));
    narrow.run().unwrap();
    let mail = narrow.sink.items().into_values().next().unwrap();
    let text = String::from_utf8_lossy(&mail).into_owned();
    assert!((0..50).all(|number| text.contains(&format!("user{number}@"))), "all entered on the last day");
}
