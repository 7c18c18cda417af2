//! Rows that come after their window was sealed.

use std::{collections::BTreeMap, sync::Arc, thread, time::Duration};

use jabber_archive_core::{
    Cause, Finding, Record, ShortDigest, Table, Timestamp,
    testing::{
        faults::Faults,
        memory::MemorySource,
        rows::{Row, rows},
    },
};
use proptest::prelude::*;

use super::{changing::Changing, world::*};

fn late() -> Vec<Record> {
    vec![
        chat("2026-11-22T19:05:00Z", "late1", "this came late"),
        other_chat("2026-11-22T20:00:00Z", "late2", "so did this"),
        chat("2026-11-23T06:00:30Z", "late3", "and this"),
    ]
}

#[test]
fn messages_that_come_late_go_out_as_addenda_of_the_same_thread_and_hold_nothing_else() {
    let world = World::new(company());
    world.run().unwrap();
    let before = world.sink.items();
    world.source.edit(|records| records.extend(late()));
    let report = world.run().unwrap();
    world.check();
    assert_eq!((report.seals, report.addenda, report.added, report.messages), (0, 2, 3, 3));
    // The run begins at 06:30 on the 24th.
    let late: Vec<_> = report.late.iter().map(|late| (late.window, late.rows, late.messages, late.seconds)).collect();
    let hour = 3_600;
    assert_eq!(
        late,
        [(at("2026-11-22T18:00:00Z"), 2, 2, 35 * hour + 25 * 60), (at("2026-11-23T06:00:00Z"), 1, 1, 24 * hour + 30 * 60 - 30)]
    );
    let [first, second] = &world.addenda()[..] else { panic!("{:?}", world.addenda()) };
    assert_eq!(
        (first.cause, first.seal.span.start, second.seal.span.start),
        (Cause::LateRows, at("2026-11-22T18:00:00Z"), at("2026-11-23T06:00:00Z"),)
    );
    assert_eq!((first.seal.messages.starts, first.seal.messages.elsewhere, first.seal.messages.listed), (3, 1, 2));
    assert!(world.list(&first.seal).lines().iter().all(|line| line.edition == 2));
    let added: Vec<String> = world
        .sink
        .items()
        .into_iter()
        .filter(|(key, _)| !before.contains_key(key))
        .map(|(_, content)| String::from_utf8_lossy(&content).into_owned())
        .collect();
    assert_eq!(added.len(), 3);
    let this = added.iter().find(|mail| mail.contains("this came late")).unwrap();
    assert!(!this.contains("see you") && this.contains("(addendum)"), "{this}");
    let first_issue = before.values().map(|content| String::from_utf8_lossy(content)).find(|mail| mail.contains("see you")).unwrap();
    let references = |mail: &str| mail.lines().find(|line| line.starts_with("References: ")).unwrap().to_owned();
    assert_eq!(references(this), references(&first_issue));
    assert!(before.iter().all(|(key, content)| world.sink.items()[key] == *content), "what is sealed stays as it is");
    assert_eq!((world.run().unwrap().addenda, world.chain().len()), (0, world.chain().len()));
    let entries = world.chain().len();
    world.run().unwrap();
    assert_eq!(world.chain().len(), entries, "nothing is late any more");
}

#[test]
fn the_chain_is_read_a_few_times_however_many_windows_are_read_again() {
    let each = |minute: u32, id: &str| (0..20).map(|day| chat(&format!("2026-11-{:02}T09:{minute:02}:00Z", 1 + day), id, id)).collect();
    let mut world = World::new(each(0, "in time"));
    world.settings.late_windows = 100;
    world.run().unwrap();
    let entries = world.chain().len() as u64;
    world.source.edit(|records| records.extend::<Vec<_>>(each(1, "late")));
    let faults = Faults::none();
    assert_eq!(world.run_with(&faults).unwrap().addenda, 20);
    let read = faults.calls_of("entry");
    assert!(read <= 4 * entries, "{read} entries were read of a chain of {entries}");
}

#[test]
fn what_comes_late_into_an_empty_window_is_added_to_it() {
    let world = World::new(company());
    world.run().unwrap();
    world.source.edit(|records| records.push(chat("2026-11-23T13:00:00Z", "late", "into the silence")));
    assert_eq!(world.run().unwrap().addenda, 1);
    world.check();
    assert!(world.has("into the silence"));
    assert_eq!(world.run().unwrap().addenda, 0);
}

#[test]
fn what_a_node_with_a_dead_clock_writes_later_is_added_to_what_is_undated() {
    let world = World::new(company());
    world.run().unwrap();
    world.source.edit(|records| records.push(chat("1980-01-01T00:00:00Z", "late", "my clock is dead")));
    assert_eq!((world.run().unwrap().added, world.run().unwrap().addenda), (1, 0));
    world.check();
    assert!(world.has("my clock is dead"));
}

#[test]
fn what_clocks_that_were_ahead_have_sealed_is_counted_again_until_its_day_comes() {
    let mut world = World::new(company());
    let today = world.now;
    world.now = at("2026-12-24T06:30:00Z");
    world.source.set_clock(world.now);
    world.run().unwrap();
    world.now = today;
    world.source.set_clock(today);
    world.source.edit(|records| records.push(chat("2026-11-24T03:00:00Z", "a9", "after all")));
    assert_eq!(world.run().unwrap().added, 1);
    world.check();
    assert!(world.has("after all"));
}

#[test]
fn only_so_many_windows_are_counted_again_as_the_settings_say() {
    let mut world = World::new(company());
    world.settings.late_windows = 2;
    world.run().unwrap();
    world.source.edit(|records| {
        records.push(chat("2026-11-23T11:00:00Z", "old", "too late"));
        records.push(chat("2026-11-23T18:00:00Z", "late", "just in time"));
    });
    assert_eq!(world.run().unwrap().added, 1);
    assert!(world.has("just in time") && !world.has("too late"));
    world.settings.late_windows = 0;
    world.source.edit(|records| records.push(chat("2026-11-24T05:00:00Z", "later", "nobody looks")));
    assert_eq!(world.run().unwrap().addenda, 0);
}

#[test]
fn rows_that_are_gone_since_are_found_purged_and_nothing_is_issued_again() {
    let world = World::new(company());
    world.run().unwrap();
    let before = world.sink.items();
    world.source.edit(|records| records.retain(|record| record.sent() < at("2026-11-23T00:00:00Z")));
    let report = world.run().unwrap();
    world.check();
    let purged = Finding::PurgedSealed { window: at("2026-11-23T06:00:00Z"), table: Table::Jm, rows: 1 };
    assert_eq!((report.addenda, report.findings, world.sink.items() == before), (0, vec![purged], true));
}

#[test]
fn a_row_that_was_altered_is_added_and_what_was_sealed_stays() {
    let world = World::new(company());
    world.run().unwrap();
    world.source.edit(|records| {
        records.retain(|record| record.sent() != at("2026-11-22T19:00:00Z"));
        records.push(chat("2026-11-22T19:00:00Z", "a3", "I never said see you"));
    });
    let report = world.run().unwrap();
    world.check();
    assert_eq!((report.addenda, report.added, report.late.len()), (1, 1, 0), "nothing came");
    assert!(world.has("see you\r\n") && world.has("I never said"));
    assert_eq!(world.run().unwrap().addenda, 0);
}

#[test]
fn a_late_copy_of_a_message_that_a_neighbour_lists_is_no_message() {
    let world = World::new(vec![
        other_chat("2026-11-22T07:00:00Z", "c0", "the archive begins"),
        chat("2026-11-23T06:00:01Z", "a1", "over the border"),
        chat("2026-11-23T17:59:59Z", "a2", "over the other border"),
        other_chat("2026-11-23T07:00:00Z", "c1", "x"),
    ]);
    world.run().unwrap();
    let before = world.sink.items();
    world.source.edit(|records| {
        records.push(chat("2026-11-23T05:59:59Z", "a1", "over the border"));
        records.push(chat("2026-11-23T18:00:01Z", "a2", "over the other border"));
    });
    let report = world.run().unwrap();
    world.check();
    assert_eq!((report.addenda, report.added), (2, 0));
    let late: Vec<_> = report.late.iter().map(|late| (late.rows, late.messages, late.seconds)).collect();
    assert_eq!(
        late,
        [(1, 0, 30 * 3_600 + 1_800), (1, 0, 12 * 3_600 + 1_800)],
        "since the window began: when the copy is dated nobody asks"
    );
    assert!(world.sink.items() == before);
    let elsewhere: Vec<u64> = world.addenda().iter().map(|added| added.seal.messages.elsewhere).collect();
    assert_eq!(elsewhere, [1, 0], "listed by the window behind, and folded into one of the window before");
}

#[test]
fn a_message_whose_copies_before_the_border_are_gone_does_not_go_out_again_behind_it() {
    let mut world = World::new(company());
    world.settings.late_windows = 100;
    world.run().unwrap();
    world.source.edit(|records| {
        let first = records.iter().position(|record| record.sent() == at("2026-11-20T11:59:59Z")).unwrap();
        records.remove(first);
        records.push(chat("2026-11-20T12:10:00Z", "late", "the reason to read again"));
    });
    let report = world.run().unwrap();
    world.check();
    assert_eq!((report.addenda, report.added), (1, 1), "{report:?}");
    assert_eq!(world.addenda()[0].seal.messages.elsewhere, 2, "one of the window's own, and the one from before");
}

/// A message of which one row is sealed; then that row is gone, another one has come, and there is a reason to read the window again.
fn replaced(before: Record, now: Record) -> World {
    let world = World::new(vec![before]);
    world.run().unwrap();
    world.source.edit(|records| *records = vec![now, chat("2026-11-23T09:00:00Z", "late", "the reason")]);
    world.run().unwrap();
    world.check();
    world
}

#[test]
fn a_copy_that_comes_once_all_that_were_listed_are_gone_is_no_message() {
    for later in ["2026-11-23T06:30:01Z", "2026-11-23T06:35:00Z", "2026-11-23T06:25:00Z"] {
        let world = replaced(chat("2026-11-23T06:30:00Z", "a1", "once"), chat(later, "a1", "once"));
        assert_eq!(listed(&world).values().map(Vec::len).collect::<Vec<_>>(), [1, 1], "{later}");
    }
    let world = replaced(chat("2026-11-23T06:30:00Z", "a1", "twice"), chat("2026-11-23T06:35:01Z", "a1", "twice"));
    assert_eq!(listed(&world).values().map(Vec::len).sum::<usize>(), 3, "clients use ids again: beyond the margin it is another message");
}

#[test]
fn what_is_said_again_without_an_id_is_archived_though_the_row_of_the_first_time_is_gone() {
    let said = |time: &str| Row::jm(ALICE, BOB).at(time).body("ok").record();
    let world = replaced(said("2026-11-23T06:30:00Z"), said("2026-11-23T06:30:01Z"));
    assert_eq!(listed(&world).values().map(Vec::len).sum::<usize>(), 3);
}

#[test]
fn a_copy_behind_the_border_begins_no_message_once_the_row_that_was_listed_before_it_is_gone() {
    let before = chat("2026-11-23T05:59:59Z", "a1", "over the border");
    let behind = chat("2026-11-23T06:00:01Z", "a1", "over the border");
    // Where the copy was in sight when the window before was sealed, and where it came afterwards.
    for seen in [vec![before.clone(), behind.clone()], vec![before]] {
        let mut world = World::new(seen);
        world.now = at("2026-11-23T07:30:00Z");
        world.source.set_clock(world.now);
        world.run().unwrap();
        world.now = at("2026-11-23T13:30:00Z");
        world.source.set_clock(world.now);
        world.source.edit(|records| *records = vec![behind.clone()]);
        world.run().unwrap();
        world.check();
        assert_eq!(listed(&world).values().map(Vec::len).collect::<Vec<_>>(), [1]);
        assert_eq!(world.seal_at("2026-11-23T06:00:00Z").messages.elsewhere, 1);
    }
}

#[test]
fn what_came_late_near_a_border_counts_for_the_next_window_too() {
    let mut world = World::new(vec![chat("2026-11-23T19:00:00Z", "c1", "x")]);
    world.run().unwrap();
    world.source.edit(|records| {
        records.push(chat("2026-11-23T23:59:59Z", "a1", "over the border"));
        records.push(chat("2026-11-24T00:00:01Z", "a1", "over the border"));
    });
    world.now = at("2026-11-24T07:30:00Z");
    world.source.set_clock(world.now);
    let report = world.run().unwrap();
    world.check();
    assert_eq!((report.added, report.seals, report.messages), (1, 1, 1), "{report:?}");
}

#[test]
fn a_run_that_is_killed_while_it_adds_is_completed_by_the_next_to_the_same_bytes() {
    let sealed = || {
        let world = World::new(company());
        world.run().unwrap();
        world.source.edit(|records| records.extend(late()));
        world
    };
    let undisturbed = sealed();
    undisturbed.run().unwrap();
    for call in 1.. {
        let world = sealed();
        let died = world.run_with(&Faults::killed_at(call)).is_err();
        world.run().unwrap();
        world.check();
        assert!(world.outcome() == undisturbed.outcome(), "killed at call {call}");
        if !died {
            assert!(call > 30, "only {call} calls");
            break;
        }
    }
}

/// How often each message is listed, by identity, whatever issue it is in.
fn listed(world: &World) -> BTreeMap<ShortDigest, Vec<Timestamp>> {
    let mut listed: BTreeMap<ShortDigest, Vec<Timestamp>> = BTreeMap::new();
    for seal in world.chain().iter().filter_map(|entry| entry.record.seal()) {
        for message in world.list(seal).lines().iter().flat_map(|line| &line.messages) {
            listed.entry(message.identity).or_default().push(message.start);
        }
    }
    listed
}

#[test]
fn how_far_copies_are_apart_is_told_of_the_windows_that_are_sealed() {
    let world = World::new(company());
    let report = world.run().unwrap();
    let spread = |report: &jabber_archive_core::RunReport| serde_json::to_value(&report.spread).unwrap();
    let expected = serde_json::json!({ "messages": 3, "p99_ms": 2_000, "largest_ms": 2_000 });
    assert_eq!(spread(&report), expected, "two copies a second apart, two over a border, and two of a room in two tables");
    world.source.edit(|records| records.extend([late(), vec![chat("2026-11-22T19:06:00Z", "late1", "this came late")]].concat()));
    let report = world.run().unwrap();
    assert_eq!((report.late.len(), spread(&report)), (2, serde_json::json!({ "messages": 0 })), "windows that are read again count once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_comes_late_every_message_is_listed_and_none_twice(
        records in rows(1, 30, Duration::from_mins(6)),
        late in prop::collection::vec(any::<bool>(), 30),
        indexed in any::<bool>(),
    ) {
        let is_late = |index: usize| late.get(index).copied().unwrap_or_default();
        let early = records.iter().enumerate().filter(|(index, _)| !is_late(*index)).map(|(_, record)| record.clone());
        let mut world = World::new(Vec::new());
        world.source = Arc::new(MemorySource::new(early.collect(), world.now).indexed(indexed));
        world.settings.late_windows = 100;
        world.settings.start = Some(at("2026-11-19T00:00:00Z"));
        world.run().unwrap();
        world.source.edit(|all| all.clone_from(&records));
        world.run().unwrap();
        world.check();
        prop_assert_eq!(world.run().unwrap().addenda, 0);

        let at_once = World::new(records);
        at_once.run().unwrap();
        let (expected, listed) = (listed(&at_once), listed(&world));
        for (identity, starts) in expected {
            // A late copy may show the sender's device, which is part of the identity: then what was listed without it is another message.
            let found = listed.get(&identity).cloned().unwrap_or_default();
            prop_assert!(found.len() >= starts.len(), "{found:?} of {starts:?}");
            let times = |of: &[Timestamp], start: &Timestamp| of.iter().filter(|one| *one == start).count();
            prop_assert!(starts.iter().all(|start| times(&found, start) <= times(&starts, start)), "{found:?} of {starts:?}");
        }
    }
}

#[test]
fn what_another_program_adds_to_the_window_before_while_the_next_is_written_is_not_archived_again_there() {
    let rows = || vec![other_chat("2026-11-23T07:00:00Z", "c1", "x"), chat("2026-11-23T12:00:01Z", "a1", "over the border")];
    let late = || chat("2026-11-23T11:59:59Z", "a1", "over the border");
    let come = |world: &World, now: &str| {
        let world = World { now: at(now), ..world.clone() };
        world.source.set_clock(world.now);
        world
    };
    let world = World::new(rows());
    come(&world, "2026-11-23T13:30:00Z").run().unwrap();
    let more = MemorySource::new(rows().into_iter().chain([late()]).collect(), world.now);
    let other = come(&World { source: Arc::new(more), ..world.clone() }, "2026-11-23T14:00:00Z");
    let world = come(&world, "2026-11-23T19:30:00Z");
    // After the next window was read, and before it is sealed.
    let source = Changing::new(&world, move |count, rows| {
        if count == 2 {
            assert_eq!(thread::scope(|scope| scope.spawn(|| other.run().unwrap()).join().unwrap()).added, 1);
            rows.push(late());
        }
    });
    world.run_of(source).unwrap();
    world.check();
    assert_eq!(listed(&world).values().map(Vec::len).sum::<usize>(), 2, "{:?}", listed(&world));
}
