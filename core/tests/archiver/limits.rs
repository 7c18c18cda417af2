//! What is too unlike what was sealed before ends a run before its seal, unless somebody accepts it.

use std::sync::Arc;

use jabber_archive_core::{
    BareJid, Capability, ErrorKind, Finding, Limit, MemoryDirectory, Person, Record, Result, RunReport,
    testing::{memory::MemorySink, rows::Row},
};

use super::world::*;

/// So many people, and as many more who never say anything.
fn directory(people: usize, others: usize) -> Arc<MemoryDirectory> {
    let mut directory = MemoryDirectory::new();
    let known = (0..people).map(|number| format!("p{number}")).chain((0..others).map(|number| format!("other{number}")));
    for name in known {
        directory.add(BareJid::new(&format!("{name}@example.com")).unwrap(), Person::new(format!("{name}@mail.example"), None));
    }
    Arc::new(directory)
}

/// Each of these people, all but the first, writes to the first at a time.
fn talk(people: usize, time: &str) -> Vec<Record> {
    let talk = |number: usize| Row::jm(&format!("p{number}@example.com/x"), "p0@example.com/x").at(time).id(&format!("i{number}"));
    (1..people).map(|number| talk(number).body("hello").record()).collect()
}

/// Two windows in which these people talk; the first of them is sealed with everybody in the directory.
fn first_sealed(people: usize, others: usize) -> World {
    let mut records = talk(people, "2026-11-23T19:00:00Z");
    records.extend(talk(people, "2026-11-24T01:00:00Z"));
    let mut world = World::new(records);
    world.directory = directory(people, others);
    set_now(&mut world, "2026-11-24T01:30:00Z");
    world.run().unwrap();
    set_now(&mut world, "2026-11-24T07:30:00Z");
    world
}

fn set_now(world: &mut World, now: &str) {
    world.now = at(now);
    world.source.set_clock(world.now);
}

/// A window with so many dead letters, and one message that can be archived.
fn with_dead_letters(number: usize) -> World {
    let mut records = vec![undecodable("2026-11-20T09:00:00Z"); number];
    records.push(chat("2026-11-20T09:30:00Z", "a1", "readable"));
    World::new(records)
}

fn is_over(ended: Result<RunReport>, words: &[&str]) {
    let error = ended.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    for word in words.iter().chain(&["--accept REASON"]) {
        assert!(error.to_string().contains(word), "`{word}` is not in {error}");
    }
}

#[test]
fn a_window_with_more_dead_letters_than_a_few_and_a_share_of_its_rows_is_not_sealed() {
    let world = with_dead_letters(10);
    world.run().unwrap();
    world.check();
    assert_eq!(world.seal_at("2026-11-20T09:00:00Z").dead_letters.len(), 10);

    let world = with_dead_letters(11);
    is_over(world.run(), &["11 of 12 rows and 0 of 1 messages could not be archived", "2026-11-20T06:00"]);
    world.check();
    assert!(world.seals().iter().all(|seal| seal.tables.is_empty()), "nothing that has rows is sealed");
    // Once it is mended, the next run goes on.
    world.source.edit(|records| records.retain(|record| record.sent() != at("2026-11-20T09:00:00Z")));
    world.run().unwrap();
    world.check();
    let seal = world.seal_at("2026-11-20T09:00:00Z");
    assert_eq!((seal.messages.listed, seal.abandoned.len(), seal.dead_letters.len()), (1, 0, 0));
    assert!(world.runs().iter().all(|run| run.accepted.is_none()));
}

#[test]
fn more_than_a_hundred_dead_letters_are_too_many_whatever_their_share_is() {
    for (number, sealed) in [(100, true), (101, false)] {
        let mut world = with_dead_letters(number);
        world.settings.limits.dead_letters_per_mille = 1_000;
        match world.run() {
            Ok(report) => assert!(sealed && report.dead_letters == 100, "{number}"),
            ended if sealed => panic!("{ended:?}"),
            ended => is_over(ended, &["101 of 102 rows"]),
        }
        world.check();
    }
}

#[test]
fn messages_that_cannot_be_archived_count_as_rows_do() {
    for (messages, sealed) in [(10, true), (11, false)] {
        let mut world = World::new(talk(messages + 1, "2026-11-20T09:00:00Z"));
        world.sink = Arc::new(MemorySink::new(Capability::full(10)));
        match world.run() {
            Ok(report) => assert!(sealed && report.dead_letters == 10, "{messages}"),
            ended if sealed => panic!("{ended:?}"),
            ended => is_over(ended, &["0 of 11 rows and 11 of 11 messages"]),
        }
        world.check();
    }
}

#[test]
fn what_is_accepted_is_sealed_and_recorded_and_does_not_count_again() {
    let mut world = with_dead_letters(11);
    world.settings.accept = Some("broken client, ticket 4711".into());
    let report = world.run().unwrap();
    world.check();
    let over = Finding::OverLimit { limit: Limit::DeadLetters };
    assert!(report.findings.contains(&over) && world.seal_at("2026-11-20T09:00:00Z").findings.contains(&over));
    let accepted = |world: &World| world.runs().into_iter().map(|run| run.accepted).collect::<Vec<_>>();
    assert_eq!(accepted(&world), [Some("broken client, ticket 4711".to_owned())]);

    world.settings.accept = None;
    world.settings.late_windows = 100;
    world.source.edit(|records| records.push(other_chat("2026-11-20T09:31:00Z", "c1", "late")));
    assert_eq!(world.run().unwrap().added, 1);
    world.source.edit(|records| records.extend(vec![undecodable("2026-11-20T09:02:00Z"); 11]));
    is_over(world.run(), &["11 of 24 rows"]);
    world.check();
    assert_eq!((world.addenda().len(), accepted(&world).len()), (1, 2));
}

#[test]
fn a_reason_that_says_nothing_is_none() {
    let mut world = with_dead_letters(11);
    world.settings.accept = Some(" \n".into());
    assert_eq!(world.run().unwrap_err().kind(), ErrorKind::Config);
    assert!(world.chain().is_empty());
}

#[test]
fn a_window_in_which_fewer_people_have_an_address_than_in_the_last_is_not_sealed() {
    let mut world = first_sealed(100, 1_000);
    let census = world.seal_at("2026-11-23T19:00:00Z").people.unwrap();
    assert_eq!((census.asked, census.mapped, census.directory), (100, 100, Some(1_100)));
    let mut fallen = first_sealed(100, 1_000);
    fallen.directory = directory(90, 1_000);
    fallen.run().unwrap();
    fallen.check();
    assert_eq!(fallen.seal_at("2026-11-24T01:00:00Z").people.unwrap().mapped, 90);

    world.directory = directory(89, 1_000);
    is_over(world.run(), &["2026-11-24T00:00", "89 of 100 people", "and 100 of 100 had", "whether the directory is complete"]);
    world.check();
    assert!(!world.seals().iter().any(|seal| seal.span.contains(at("2026-11-24T01:00:00Z"))));
    let put = world.sink.items().len();
    assert!(put > 99, "its mails are put by then");

    // Mails with other addresses are issued anew, and the first abandoned; all others are as they were.
    world.directory = directory(100, 1_000);
    world.run().unwrap();
    world.check();
    let seal = world.seal_at("2026-11-24T01:00:00Z");
    assert_eq!((seal.items, seal.messages.listed, seal.abandoned.len()), (99, 99, 11));
    assert_eq!(world.sink.items().len(), put + 11);
    assert!(!seal.findings.iter().any(|finding| matches!(finding, Finding::OverLimit { .. } | Finding::UnmappedPeople { .. })));
}

#[test]
fn shares_of_few_people_say_nothing_and_a_small_window_is_no_measure_for_later_ones() {
    let mut world = first_sealed(99, 1_000);
    world.directory = directory(0, 1_099);
    world.run().unwrap();
    world.check();
    assert_eq!(world.seal_at("2026-11-24T01:00:00Z").people.unwrap().mapped, 0);

    let mut world = first_sealed(100, 1_000);
    world.source.edit(|records| {
        records.retain(|record| record.sent() < at("2026-11-24T00:00:00Z"));
        records.push(chat("2026-11-24T01:00:00Z", "a1", "nobody else is awake"));
        records.extend(talk(100, "2026-11-24T07:00:00Z"));
    });
    world.run().unwrap();
    assert_eq!(world.seal_at("2026-11-24T01:00:00Z").people.unwrap().mapped, 0);
    set_now(&mut world, "2026-11-24T13:30:00Z");
    world.directory = directory(50, 1_000);
    is_over(world.run(), &["50 of 100 people", "and 100 of 100 had"]);
}

#[test]
fn people_without_an_address_who_are_accepted_are_the_measure_from_then_on() {
    let mut world = first_sealed(100, 1_000);
    world.source.edit(|records| records.extend(talk(100, "2026-11-24T07:00:00Z")));
    world.directory = directory(50, 1_000);
    world.settings.accept = Some("half of the company was sold".into());
    world.run().unwrap();
    let over = Finding::OverLimit { limit: Limit::MappedPeople };
    assert!(world.seal_at("2026-11-24T01:00:00Z").findings.contains(&over));
    world.settings.accept = None;
    set_now(&mut world, "2026-11-24T13:30:00Z");
    world.run().unwrap();
    world.check();
    assert!(!world.seal_at("2026-11-24T07:00:00Z").findings.contains(&over));
}

#[test]
fn a_directory_that_has_shrunk_ends_the_run_before_anything_is_written() {
    let mut world = first_sealed(10, 190);
    let (items, entries) = (world.sink.items(), world.chain().len());
    world.directory = directory(10, 169);
    is_over(world.run(), &["knows 179 JIDs, and knew 200", "whether it is complete"]);
    assert!(world.sink.items() == items && world.chain().len() == entries);
    let mut accepting = world.clone();
    accepting.settings.accept = Some("contractors are gone".into());
    let report = accepting.run().unwrap();
    let over = Finding::OverLimit { limit: Limit::Directory };
    assert!(report.findings.contains(&over));
    let last = accepting.runs().pop().unwrap();
    assert_eq!((last.accepted.as_deref(), last.findings), (Some("contractors are gone"), vec![over]));
    accepting.check();

    let mut world = first_sealed(10, 190);
    world.directory = directory(10, 170);
    world.run().unwrap();
    world.check();
    // Small ones change as they like.
    let mut world = first_sealed(10, 89);
    world.directory = directory(0, 0);
    world.run().unwrap();
    world.check();
}

#[test]
fn a_run_with_nothing_to_do_does_not_ask_how_large_the_directory_is() {
    let mut world = first_sealed(10, 190);
    world.run().unwrap();
    world.directory = directory(0, 0);
    world.run().unwrap();
}
