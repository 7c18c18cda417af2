//! Was it recorded at all? What an archiver finds of rows that are not there, and what it does not take for such.

use std::{future::pending, sync::Arc, thread, time::Duration};

use futures::{executor::block_on, future::join};
use jabber_archive_core::{
    BareJid, Filter, Finding, Grid, Record, Room, RoomKind, Rooms, RunReport, Source, Sources, Table, Timestamp,
    testing::{faults::Faults, memory::MemorySource, rows::Row},
};

use super::{changing::Changing, world::*};

/// A message in [`ROOM`] with a number, as the room archive has it.
fn archived(time: &str, number: i64) -> Record {
    Row::archived(ROOM, ALICE, "ali").at(time).id(&format!("r{number}")).body("hi").number(number).record()
}

/// A copy of a message in [`ROOM`] for Bob.
fn copied(time: &str, id: &str) -> Row {
    Row::jm(&format!("{ROOM}/ali"), BOB).groupchat().at(time).body(&format!("text of {id}")).id(id)
}

/// Bob enters [`ROOM`] and is shown what was said there.
fn replayed(time: &str, id: &str, said: &str) -> Record {
    let delay = format!("<delay xmlns='urn:xmpp:delay' from='{ROOM}' stamp='{said}'/>");
    let stanza = format!("<message id='{id}'><body>text of {id}</body>{delay}</message>");
    copied(time, id).replay().stanza(&stanza).record()
}

fn room() -> BareJid {
    BareJid::new(ROOM).unwrap()
}

/// What is found of rows that are not there.
fn found(report: &RunReport) -> Vec<Finding> {
    let others = |finding: &&Finding| {
        !matches!(finding, Finding::UnmappedPeople { .. } | Finding::UnresolvedNick { .. } | Finding::FutureDate { .. })
    };
    report.findings.iter().filter(others).cloned().collect()
}

fn missing(numbers: u64, first: i64, last: i64) -> (u64, u64, i64, i64) {
    (1, numbers, first, last)
}

/// Rooms, numbers, and the first and last of the worst room of each such finding.
fn gaps(findings: &[Finding]) -> Vec<(u64, u64, i64, i64)> {
    let gap = |finding: &Finding| match finding {
        Finding::MissingNumbers { rooms, numbers, worst } => {
            assert_eq!((worst[0].room.clone(), worst[0].numbers), (room(), *numbers));
            Some((*rooms, *numbers, worst[0].first, worst[0].last))
        }
        _ => None,
    };
    findings.iter().filter_map(gap).collect()
}

fn persistent(world: &World, records: Vec<Record>) -> World {
    let mut rooms = Rooms::new();
    rooms.add_room(room(), Room::new(RoomKind::Persistent, None));
    World { source: Arc::new(MemorySource::new(records, world.now).with_rooms(rooms)), ..world.anew() }
}

#[test]
fn numbers_that_no_row_has_are_found_in_a_window_and_between_two() {
    let within =
        World::new(vec![archived("2026-11-20T07:00:00Z", 4), archived("2026-11-20T08:00:00Z", 9), archived("2026-11-20T09:00:00Z", 6)]);
    let report = within.run().unwrap();
    assert_eq!(gaps(&report.findings), [missing(3, 5, 8)]);
    assert_eq!(gaps(&within.seal_at("2026-11-20T07:00:00Z").findings), [missing(3, 5, 8)]);

    // Empty windows lie between; another run goes on where the first ended.
    let rows = || vec![archived("2026-11-20T07:00:00Z", 4), archived("2026-11-22T08:00:00Z", 7), archived("2026-11-23T08:00:00Z", 8)];
    let between = World::new(rows());
    assert_eq!(gaps(&between.anew().run().unwrap().findings), [missing(2, 5, 6)]);
    for now in ["2026-11-21T07:00:00Z", "2026-11-24T06:30:00Z"] {
        let expected = if now.contains("21T") { Vec::new() } else { vec![missing(2, 5, 6)] };
        assert_eq!(gaps(&later(&between, now).run().unwrap().findings), expected);
    }
    assert_eq!(gaps(&between.seal_at("2026-11-22T08:00:00Z").findings), [missing(2, 5, 6)]);
}

#[test]
fn numbers_that_come_out_of_order_over_a_border_are_no_hole() {
    let world = World::new(vec![
        archived("2026-11-20T11:58:00Z", 4),
        archived("2026-11-20T11:59:59Z", 6),
        archived("2026-11-20T12:00:01Z", 5),
        archived("2026-11-20T12:00:02Z", 7),
    ]);
    assert_eq!(found(&world.run().unwrap()), []);
}

#[test]
fn a_room_that_begins_to_count_anew_has_no_hole() {
    let world =
        World::new(vec![archived("2026-11-20T07:00:00Z", 400), archived("2026-11-20T14:00:00Z", 1), archived("2026-11-21T07:00:00Z", 2)]);
    assert_eq!(found(&world.run().unwrap()), []);
}

#[test]
fn numbers_in_windows_that_another_program_has_sealed_meanwhile_are_no_hole() {
    let rows = || {
        let rows = [4, 5, 6].into_iter().zip(["20T07", "20T14", "21T07"]);
        rows.map(|(number, at)| archived(&format!("2026-11-{at}:00:00Z"), number)).collect::<Vec<_>>()
    };
    let mut world = World::new(rows());
    // That it is gone here is another matter.
    world.settings.late_windows = 0;
    // When the first window is read, two are sealed by somebody else, who has seen a row more.
    let more = rows().into_iter().chain([chat("2026-11-20T07:30:00Z", "a1", "hi")]).collect();
    let other = later(&World { source: Arc::new(MemorySource::new(more, world.now)), ..world.clone() }, "2026-11-20T20:00:00Z");
    let source = Changing::new(&world, move |count, _| {
        if count == 3 {
            thread::scope(|scope| scope.spawn(|| other.run().unwrap()).join().unwrap());
        }
    });
    assert_eq!(found(&world.run_of(source).unwrap()), []);
    world.check();
    assert_eq!(*world.observer.raced.lock().unwrap(), 1);
    assert_eq!(world.seals().iter().map(|seal| seal.messages.listed).sum::<u64>(), 4);
}

#[test]
fn two_archivers_find_what_one_would_have_found() {
    let rows = [4, 5, 8, 9, 12].into_iter().zip(["20T07", "20T14", "21T07", "22T14", "23T07"]);
    let alone = World::new(rows.map(|(number, at)| archived(&format!("2026-11-{at}:00:00Z"), number)).collect());
    let report = alone.run().unwrap();
    assert_eq!(gaps(&report.findings), [missing(2, 6, 7), missing(2, 10, 11)]);
    for seed in 0..40 {
        let world = alone.anew();
        let faults = [seed, seed ^ 0xffff].map(|seed| Faults::seeded(seed).interleaved(60));
        let [one, other] = [0, 1].map(|index| world.archiver(&faults[index]));
        let (one, other) = block_on(join(one.run(world.now, pending()), other.run(world.now, pending())));
        one.unwrap();
        other.unwrap();
        assert!(world.outcome() == alone.outcome(), "{seed}");
    }
}

/// Something of everything that is found in a window.
fn odd_days() -> Vec<Record> {
    let chats = (0..120).map(|id| chat("2026-11-21T08:00:00Z", &format!("i{id}"), "hi"));
    let mut records: Vec<Record> = chats.collect();
    records.extend(
        [4, 5, 8, 20]
            .into_iter()
            .zip(["20T07", "20T14", "21T07", "22T08"])
            .map(|(number, at)| archived(&format!("2026-11-{at}:00:00Z"), number)),
    );
    let other = "other@conference.example.com";
    records.push(Row::jm(&format!("{other}/ali"), BOB).groupchat().at("2026-11-21T09:00:00Z").id("x").body("hi").record());
    records.push(replayed("2026-11-22T09:00:00Z", "a", "2026-11-21T10:00:00Z"));
    records.push(replayed("2026-11-22T09:00:00Z", "b", "2026-11-22T07:00:00Z"));
    records.push(copied("2026-11-22T07:00:00Z", "b").record());
    records
}

fn odd_rooms() -> Rooms {
    let mut rooms = Rooms::new();
    for jid in [ROOM, "other@conference.example.com"] {
        rooms.add_room(BareJid::new(jid).unwrap(), Room::new(RoomKind::Persistent, None));
    }
    rooms
}

fn odd_findings(findings: &[Finding]) {
    assert_eq!(gaps(findings), [missing(2, 6, 7), missing(11, 9, 19)]);
    let others: Vec<&Finding> = findings.iter().filter(|finding| !matches!(finding, Finding::MissingNumbers { .. })).collect();
    let named = vec![BareJid::new("other@conference.example.com").unwrap()];
    let expected = [Finding::NoOutgoing { rows: 121 }, Finding::UnarchivedRooms { rooms: 1, messages: 1, named }, UNRECORDED[0].clone()];
    assert_eq!(others, expected.iter().collect::<Vec<_>>());
}

#[test]
fn what_is_found_does_not_depend_on_memory() {
    let whole = World::new(Vec::new());
    let whole = World { source: Arc::new(MemorySource::new(odd_days(), whole.now).with_rooms(odd_rooms())), ..whole };
    odd_findings(&found(&whole.run().unwrap()));
    let mut spilled = whole.anew();
    spilled.settings.memory = 2_000;
    assert!(spilled.anew().run().unwrap_err().to_string().contains("memory"), "rows have to be spooled");
    spilled.spool = Some(Arc::default());
    odd_findings(&found(&spilled.run().unwrap()));
    assert!(spilled.outcome() == whole.outcome());
}

#[test]
fn what_is_found_does_not_depend_on_the_databases_in_which_rows_lie() {
    let world = World::new(Vec::new());
    for divide in [2, 3] {
        let mut shares = vec![Vec::new(); divide];
        odd_days().into_iter().enumerate().for_each(|(index, record)| shares[index % divide].push(record));
        let sources = shares.into_iter().enumerate().map(|(index, share)| {
            let source = MemorySource::new(share, world.now).named(&format!("share {index}"));
            let rooms = if index == 0 { odd_rooms() } else { Rooms::new() };
            Arc::new(source.with_rooms(rooms)) as Arc<dyn Source>
        });
        let report = world.anew().run_of(Sources::new(sources).unwrap()).unwrap();
        odd_findings(&found(&report));
    }
}

#[test]
fn a_persistent_room_without_rows_in_the_room_archive_is_named() {
    let rows = || vec![copied("2026-11-20T07:00:00Z", "a").record(), copied("2026-11-21T07:00:00Z", "b").record()];
    let world = persistent(&World::new(Vec::new()), rows());
    let unarchived = Finding::UnarchivedRooms { rooms: 1, messages: 1, named: vec![room()] };
    assert_eq!(found(&world.run().unwrap()), [unarchived.clone(), unarchived.clone()]);

    // A row in the same window, or before, shows that the room is archived; one that comes later does not.
    for (sent, expected) in [("2026-11-20T08:00:00Z", 0), ("2026-11-20T14:00:00Z", 1), ("2026-11-21T08:00:00Z", 1)] {
        let mut records = rows();
        records.push(archived(sent, 1));
        let world = persistent(&World::new(Vec::new()), records);
        assert_eq!(found(&world.run().unwrap()), vec![unarchived.clone(); expected], "{sent}");
    }
    // A room that is not known to be persistent may be ad hoc: these are not archived there.
    assert_eq!(found(&World::new(rows()).run().unwrap()), []);
}

#[test]
fn many_incoming_rows_and_no_outgoing_one_are_a_finding_of_their_window() {
    let rows = |number: u32, sent: &str| -> Vec<Record> { (0..number).map(|id| chat(sent, &format!("i{id}"), "hi")).collect() };
    let world = World::new([rows(100, "2026-11-20T07:00:00Z"), rows(99, "2026-11-21T07:00:00Z")].concat());
    assert_eq!(found(&world.run().unwrap()), [Finding::NoOutgoing { rows: 100 }]);
    assert!(world.seal_at("2026-11-20T07:00:00Z").findings.contains(&Finding::NoOutgoing { rows: 100 }));

    let mut records = rows(500, "2026-11-20T07:00:00Z");
    records.push(Row::jm(ALICE, BOB).at("2026-11-20T09:00:01Z").outgoing().id("o").body("hi").record());
    assert_eq!(found(&World::new(records).run().unwrap()), []);
}

const SAID: &str = "2026-11-20T13:00:00Z";
const UNRECORDED: [Finding; 1] = [Finding::UnrecordedOriginal { messages: 1 }];

#[test]
fn a_replay_whose_original_is_neither_in_its_window_nor_in_that_of_its_time_is_found() {
    // A window before, so that the archive has begun, and one with the row of another message.
    let early = || copied("2026-11-20T01:00:00Z", "first").record();
    let original = || copied(SAID, "a").record();
    for shown in ["2026-11-20T14:00:00Z", "2026-11-20T19:00:00Z", "2026-11-21T19:00:00Z"] {
        let replay = || replayed(shown, "a", SAID);
        let world = World::new(vec![early(), original(), replay(), replay()]);
        assert_eq!(found(&world.run().unwrap()), [], "{shown}");
        let world = World::new(vec![early(), copied(SAID, "b").record(), replay(), replay()]);
        assert_eq!(found(&world.run().unwrap()), UNRECORDED, "{shown}");
        assert!(world.seal_at(shown).findings.contains(&UNRECORDED[0]), "{shown}");
        // Nothing at all is dated in the window in which it was said.
        assert_eq!(found(&World::new(vec![early(), replay()]).run().unwrap()), UNRECORDED, "{shown}");
    }
}

#[test]
fn the_original_of_a_replay_is_found_in_the_room_archive_and_over_a_border() {
    let early = || copied("2026-11-20T01:00:00Z", "first").record();
    let text = Row::archived(ROOM, ALICE, "ali").at("2026-11-20T17:59:59Z").id("a").body("text of a").record();
    let replay = replayed("2026-11-21T14:00:00Z", "a", "2026-11-20T18:00:01Z");
    assert_eq!(found(&World::new(vec![early(), text, replay]).run().unwrap()), []);
    // A later run looks it up in the ledger as the same run does.
    let rows =
        vec![early(), copied(SAID, "b").record(), replayed("2026-11-21T14:00:00Z", "a", SAID), replayed("2026-11-21T14:00:00Z", "b", SAID)];
    let world = World::new(rows);
    for now in ["2026-11-21T07:00:00Z", "2026-11-24T06:30:00Z"] {
        let expected = if now.contains("21T") { Vec::new() } else { UNRECORDED.to_vec() };
        assert_eq!(found(&later(&world, now).run().unwrap()), expected);
    }
}

#[test]
fn nothing_is_said_of_a_replay_where_its_original_cannot_be_told_to_be_nowhere() {
    let early = || copied("2026-11-20T01:00:00Z", "first").record();
    let shown = "2026-11-22T14:00:00Z";
    // Said before the archive begins; longer ago than is looked back; in the future of its own row.
    for said in ["2026-11-19T23:00:00Z", "2026-11-20T01:00:00Z", "2026-11-22T15:00:00Z"] {
        assert_eq!(found(&World::new(vec![early(), replayed(shown, "a", said)]).run().unwrap()), [], "{said}");
    }
    // Without a time, or without text.
    let timeless = copied(shown, "a").replay().record();
    let empty = Row::jm(&format!("{ROOM}/ali"), BOB).groupchat().at(shown).replay().record();
    assert_eq!(found(&World::new(vec![early(), timeless, empty]).run().unwrap()), []);

    // In a window with a dead letter, which may be it: an earlier one, or its own.
    for (dead, said) in [("2026-11-22T07:00:00Z", "2026-11-22T08:00:00Z"), ("2026-11-22T13:00:00Z", "2026-11-22T13:30:00Z")] {
        let report = World::new(vec![early(), undecodable(dead), replayed(shown, "a", said)]).run().unwrap();
        assert_eq!((found(&report), report.dead_letters), (Vec::new(), 1), "{said}");
        let report = World::new(vec![early(), replayed(shown, "a", said)]).run().unwrap();
        assert_eq!((found(&report), report.dead_letters), (UNRECORDED.to_vec(), 0), "{said}");
    }

    // In a window of which messages were filtered.
    let mut filtered =
        World::new(vec![early(), copied("2026-11-22T07:00:00Z", "a").record(), replayed(shown, "a", "2026-11-22T07:00:00Z")]);
    let mut filter = Filter::default();
    filter.exclude_rooms.insert(ROOM.parse().unwrap());
    filtered.filter = filter;
    let report = filtered.run().unwrap();
    assert_eq!((found(&report), report.filtered.values().sum::<u64>()), (Vec::new(), 2));
}

/// Chats of an office: in each hour from 7 to 17 of working days, from Monday 2026-08-03 on.
fn office(days: u64) -> Vec<Record> {
    let hours = (0..days).filter(|day| day % 7 < 5).flat_map(|day| (7..17).map(move |hour| day * 24 + hour));
    hours.flat_map(|hour| (0..110).map(move |id| hour_row(hour, id))).collect()
}

fn monday() -> Timestamp {
    at("2026-08-03T00:00:00Z")
}

fn hour_row(hour: u64, id: u64) -> Record {
    let sent = monday().after(Duration::from_hours(hour) + Duration::from_secs(id * 30));
    let row = Row::jm(ALICE, BOB).at_time(sent).id(&format!("{hour}-{id}")).body("hi");
    if id == 0 { row.outgoing().record() } else { row.record() }
}

fn daily(records: Vec<Record>, days: u64) -> World {
    let mut world = World::new(records);
    world.facts.grid = Grid::daily();
    world.now = monday().after(Duration::from_hours(24 * days + 2));
    world.source.set_clock(world.now);
    world
}

#[test]
fn hours_and_days_without_rows_are_found_once_by_the_run_that_seals_them() {
    let silent = |record: &Record| {
        let hour = monday().distance(record.sent()).as_secs() / 3_600;
        (hour / 24 == 22 && hour % 24 > 9 && hour % 24 < 12) || hour / 24 == 24
    };
    let gone = office(28).into_iter().filter(|record| !silent(record)).collect();
    let world = daily(gone, 28);
    assert_eq!(found(&later(&world, "2026-08-24T02:00:00Z").run().unwrap()), [], "before the silence");
    let world = later(&world, "2026-08-31T02:00:00Z");
    let report = world.run().unwrap();
    let silence = |from: u64, until: u64, usual: u64| {
        let [start, end] = [from, until].map(|hour| monday().after(Duration::from_hours(hour)));
        Finding::Silence { table: Table::Jm, start, end, usual }
    };
    let expected = [silence(22 * 24 + 10, 22 * 24 + 12, 220), silence(24 * 24, 25 * 24, 1_100)];
    assert_eq!(found(&report), expected);
    assert_eq!(world.runs().last().unwrap().findings, expected);
    world.check();
    assert_eq!(found(&world.run().unwrap()), [], "nothing to seal, nothing to find");
}

#[test]
fn an_office_of_weeks_that_is_recorded_has_no_findings() {
    assert_eq!(found(&daily(office(33), 33).run().unwrap()), []);
}

/// A world that has come to this time.
fn later(world: &World, now: &str) -> World {
    let world = World { now: at(now), ..world.clone() };
    world.source.set_clock(world.now);
    world
}

#[test]
fn a_source_that_begins_behind_what_was_sealed_is_found() {
    let until = at("2026-11-20T18:00:00Z");
    let kept = |kept: &[&str]| {
        let mut world = World::new(vec![chat("2026-11-20T09:00:00Z", "a1", "hi"), chat("2026-11-20T15:00:00Z", "a2", "ho")]);
        // What is gone of each window is another matter.
        world.settings.late_windows = 0;
        later(&world, "2026-11-20T20:00:00Z").run().unwrap();
        world.source.edit(|records| *records = kept.iter().map(|sent| chat(sent, "a3", "left")).collect());
        found(&later(&world, "2026-11-24T06:30:00Z").run().unwrap())
    };
    let (sealed, behind) = ("2026-11-20T15:00:00Z", "2026-11-22T09:00:00Z");
    assert_eq!(kept(&[sealed, behind]), []);
    assert_eq!(kept(&[behind]), [Finding::StartsLater { first: Some(at(behind)), archived_until: until }]);
    assert_eq!(kept(&[]), [Finding::StartsLater { first: None, archived_until: until }]);
}

#[test]
fn a_source_that_begins_before_the_first_window_is_found_unless_that_was_asked_for() {
    let archived_from = at("2026-11-20T06:00:00Z");
    let early = at("2026-11-20T05:00:00Z");
    for (start, expected) in
        [(None, vec![Finding::StartsEarlier { first: early, archived_from }]), (Some(at("2026-11-20T09:00:00Z")), Vec::new())]
    {
        let mut world = World::new(vec![chat("2026-11-20T09:00:00Z", "a1", "hi"), chat("2026-11-20T15:00:00Z", "a2", "ho")]);
        world.settings.start = start;
        assert_eq!(found(&later(&world, "2026-11-20T14:00:00Z").run().unwrap()), []);
        world.source.edit(|records| records.push(chat("2026-11-20T05:00:00Z", "a0", "early")));
        assert_eq!(found(&later(&world, "2026-11-24T06:30:00Z").run().unwrap()), expected);
        world.check();
    }
}

#[test]
fn a_source_whose_first_row_comes_after_sealed_windows_without_rows_begins_no_later() {
    let mut world = World::new(Vec::new());
    world.settings.start = Some(at("2026-11-19T00:00:00Z"));
    later(&world, "2026-11-20T08:00:00Z").run().unwrap();
    assert_eq!(world.seals().len(), 2);
    world.source.edit(|records| records.push(chat("2026-11-22T09:00:00Z", "a1", "hi")));
    assert_eq!(found(&later(&world, "2026-11-24T06:30:00Z").run().unwrap()), []);
}

#[test]
fn a_run_that_comes_late_for_the_purge_says_how_late() {
    let unsealed = at("2026-11-21T18:00:00Z");
    let near = |days| vec![Finding::PurgeNear { unsealed, days }];
    for (now, expected) in [("2026-11-23T17:00:00Z", Vec::new()), ("2026-11-23T18:00:00Z", near(2)), ("2026-11-25T20:00:00Z", near(-1))] {
        let mut world = World::new(vec![chat("2026-11-20T09:00:00Z", "a1", "hi")]);
        world.settings.purge_after_days = Some(4);
        // The first run comes as early as it can.
        let report = later(&world, "2026-11-22T00:00:00Z").run().unwrap();
        assert_eq!((report.frontier, found(&report)), (Some(unsealed), Vec::new()));
        assert_eq!(found(&later(&world, now).run().unwrap()), expected, "{now}");
    }
}
