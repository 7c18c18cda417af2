//! What an audit finds, message by message, and what a repair adds.

use std::{
    collections::BTreeMap,
    future::{pending, poll_fn},
    sync::Arc,
    task::Poll,
    thread,
    time::Duration,
};

use futures::{executor::block_on, future::join};
use jabber_archive_core::{
    AuditReport, Cause, ConversationKey, Discrepancy, DiscrepancyKind, ErrorKind, Filter, Finding, KeptKind, Record, Result, Span,
    Timestamp,
    testing::{
        faults::Faults,
        memory::MemorySource,
        rows::{Row, rows},
    },
};
use proptest::prelude::*;

use super::{changing::Changing, world::*};

const ALL: Span = Span { start: Timestamp::MIN, end: Timestamp::MAX };
const RENAMED: &str = "planning@conference.new.example.com";

impl World {
    fn audit(&self) -> AuditReport {
        self.audit_of(ALL)
    }

    fn audit_of(&self, span: Span) -> AuditReport {
        let before = (self.sink.items(), self.ledger.entries(), KeptKind::ALL.map(|kind| self.ledger.kept(kind)));
        let report = block_on(self.archiver(&Faults::none()).audit(span, self.now, pending())).unwrap();
        let after = (self.sink.items(), self.ledger.entries(), KeptKind::ALL.map(|kind| self.ledger.kept(kind)));
        assert!(after == before, "an audit writes nothing");
        report
    }

    fn repair(&self) -> Result<AuditReport> {
        block_on(self.archiver(&Faults::none()).repair(ALL, self.now, pending()))
    }

    fn accepting(&self, reason: &str) -> Self {
        let mut world = self.clone();
        world.settings.accept = Some(reason.to_owned());
        world
    }

    /// Repairs however much is missing.
    fn repair_accepting(&self, reason: &str) -> AuditReport {
        block_on(self.accepting(reason).archiver(&Faults::none()).repair(ALL, self.now, pending())).unwrap()
    }

    /// Everything is sealed, then the source is changed, and nobody counts it again.
    fn changed(records: Vec<Record>, change: impl FnOnce(&mut Vec<Record>)) -> Self {
        let mut world = Self::new(records);
        world.settings.late_windows = 0;
        world.run().unwrap();
        world.source.edit(change);
        world
    }
}

fn kinds(report: &AuditReport) -> Vec<(DiscrepancyKind, u64)> {
    report.found.iter().map(|(kind, messages)| (*kind, *messages)).collect()
}

fn one(report: &AuditReport) -> Discrepancy {
    let [discrepancy] = &report.discrepancies[..] else { panic!("{:?}", report.discrepancies) };
    discrepancy.clone()
}

/// Lets others of the same task go on so often.
async fn give_way(mut times: u64) {
    poll_fn(|context| {
        if times == 0 {
            return Poll::Ready(());
        }
        times -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A room with these messages.
fn room(name: &str) -> Vec<Record> {
    let copy =
        |to: &str, time: &str, id: &str, body: &str| Row::jm(&format!("{name}/ali"), to).groupchat().at(time).id(id).body(body).record();
    let mut records = Vec::new();
    for (number, body) in ["welcome", "to the plan", "of this quarter"].iter().enumerate() {
        let (time, id) = (format!("2026-11-21T09:0{number}:00Z"), format!("r{number}"));
        records.push(copy(BOB, &time, &id, body));
        records.push(copy("chen@example.com/x", &time, &id, body));
    }
    records
}

/// Messages enough that a few more are less than one of a hundred.
fn many() -> Vec<Record> {
    let minute = |number: u32| format!("2026-11-20T{:02}:{:02}:00Z", 6 + number / 60, number % 60);
    let mut records: Vec<Record> = (0..700).map(|number| chat(&minute(number), &format!("m{number}"), "one of many")).collect();
    records.extend(company());
    records
}

#[test]
fn an_archive_of_what_the_source_has_is_clean() {
    let world = World::changed(large_company(), |_| {});
    let report = world.audit();
    assert!(report.is_clean() && report.discrepancies.is_empty(), "{report:?}");
    assert_eq!((report.messages, report.archived, report.gone, report.not_sealed), (10, 10, 0, 2));
    assert_eq!(report.windows, 1 + 15, "what is undated, and the quarters of days from the first row to the last that is closed");
    assert_eq!(report.head, Some(jabber_archive_core::Digest::of(world.ledger.entries().values().last().unwrap())));
}

#[test]
fn nothing_can_be_compared_before_the_first_run() {
    let world = World::new(company());
    let error = block_on(world.archiver(&Faults::none()).audit(ALL, world.now, pending())).unwrap_err();
    assert!(error.to_string().contains("the chain has no entry yet"), "{error}");
    assert!(world.ledger.entries().is_empty());
}

#[test]
fn a_message_that_came_late_is_missing_and_named_by_conversation_and_time() {
    let world = World::changed(many(), |records| records.push(other_chat("2026-11-22T20:00:00Z", "late", "nobody saw this")));
    let report = world.audit();
    assert_eq!((kinds(&report), report.addable), (vec![(DiscrepancyKind::Missing, 1)], 1));
    let missing = one(&report);
    let ConversationKey::Pair(one, other) = missing.conversation.as_ref().unwrap() else { panic!("{missing:?}") };
    assert_eq!((one.to_string(), other.to_string()), ("bob@example.com".to_owned(), "chen@example.com".to_owned()));
    assert_eq!((missing.start, missing.item), (at("2026-11-22T20:00:00Z"), None));
    assert!(missing.window.contains(missing.start));

    let repaired = world.repair().unwrap();
    world.check();
    assert_eq!((repaired.found, repaired.repair.unwrap().added), (report.found, 1));
    assert!(world.has("nobody saw this"));
    let [addendum] = &world.addenda()[..] else { panic!() };
    let finding = Finding::Repaired { found: BTreeMap::from([(DiscrepancyKind::Missing, 1)]), left: None };
    assert_eq!((addendum.cause, addendum.seal.findings.last()), (Cause::Repair, Some(&finding)));
    assert!(world.audit().is_clean());
    let entries = world.chain().len();
    assert_eq!(world.repair().unwrap().repair, None);
    assert_eq!(world.chain().len(), entries, "with nothing to repair nothing is written");
}

#[test]
fn a_message_with_copies_on_both_sides_of_a_border_is_missing_once_and_added_once() {
    for indexed in [true, false] {
        let mut world = World::new(many());
        world.source = Arc::new(MemorySource::new(many(), world.now).indexed(indexed));
        world.settings.late_windows = 0;
        world.run().unwrap();
        world.source.edit(|records| {
            records.push(other_chat("2026-11-21T17:59:59Z", "late", "over the border"));
            records.push(other_chat("2026-11-21T18:00:01Z", "late", "over the border"));
        });
        let report = world.audit();
        assert_eq!((kinds(&report), report.addable), (vec![(DiscrepancyKind::Missing, 1)], 1), "indexed: {indexed}");
        assert_eq!(one(&report).start, at("2026-11-21T17:59:59Z"));
        world.repair().unwrap();
        world.check();
        let added: Vec<_> = world.addenda().iter().map(|addendum| (addendum.seal.span.start, addendum.seal.messages.listed)).collect();
        assert_eq!(added, [(at("2026-11-21T12:00:00Z"), 1)], "indexed: {indexed}");
        assert!(world.audit().is_clean());
    }
}

#[test]
fn a_message_of_another_text_is_changed_and_goes_out_as_one_of_its_own() {
    let world = World::changed(many(), |records| {
        records.retain(|record| record.sent() != at("2026-11-22T19:00:00Z"));
        records.push(chat("2026-11-22T19:00:00Z", "a3", "I never said see you"));
    });
    let report = world.audit();
    assert_eq!((kinds(&report), report.addable), (vec![(DiscrepancyKind::Changed, 1)], 1));
    let changed = one(&report);
    let mail = world.sink.items().into_iter().find(|(key, _)| Some(key.path()) == changed.item).unwrap().1;
    assert!(String::from_utf8_lossy(&mail).contains("see you"), "the mail that has it as it was");
    world.repair().unwrap();
    world.check();
    assert!(world.has("see you\r\n") && world.has("I never said"));
    let again = world.audit();
    assert!(again.is_clean(), "{again:?}");
    assert_eq!(again.known, 1, "that the old text is archived still is known");
}

#[test]
fn a_message_whose_time_was_altered_is_changed() {
    let world = World::changed(many(), |records| {
        records.retain(|record| record.sent() != at("2026-11-22T19:00:00Z"));
        records.push(chat("2026-11-22T22:00:00Z", "a3", "see you"));
    });
    assert_eq!(kinds(&world.audit()), [(DiscrepancyKind::Changed, 1)]);
}

#[test]
fn a_change_that_a_run_has_added_is_told_once() {
    let world = World::new(many());
    world.run().unwrap();
    world.source.edit(|records| {
        records.retain(|record| record.sent() != at("2026-11-22T19:00:00Z"));
        records.push(chat("2026-11-22T19:00:00Z", "a3", "I never said see you"));
    });
    assert_eq!(world.run().unwrap().added, 1);
    let report = world.audit();
    assert_eq!((kinds(&report), report.addable), (vec![(DiscrepancyKind::Changed, 1)], 0));
    assert_eq!(world.repair().unwrap().repair.unwrap().added, 0);
    world.check();
    assert!(world.audit().is_clean());
}

#[test]
fn a_message_whose_rows_are_gone_is_purged_and_never_issued_again() {
    let world = World::changed([many(), vec![other_chat("2026-11-22T20:00:00Z", "c9", "and you")]].concat(), |records| {
        records.retain(|record| record.sent() != at("2026-11-22T19:00:00Z"));
    });
    let report = world.audit();
    assert_eq!((kinds(&report), report.addable), (vec![(DiscrepancyKind::Purged, 1)], 0));
    let purged = one(&report);
    assert_eq!((purged.conversation, purged.start), (None, at("2026-11-22T19:00:00Z")));
    let path = purged.item.unwrap();
    assert!(world.sink.items().keys().any(|key| key.path() == path), "{path}");
    let before = world.sink.items();
    assert_eq!(world.repair().unwrap().repair.unwrap().added, 0);
    world.check();
    assert!(world.sink.items() == before);
    let again = world.audit();
    assert!(again.is_clean() && again.known == 1, "{again:?}");

    world.source.edit(|records| records.retain(|record| record.sent() != at("2026-11-22T20:00:00Z")));
    let report = world.audit();
    assert_eq!((kinds(&report), report.known), (vec![(DiscrepancyKind::Purged, 2)], 0), "what is left is another than was recorded");
}

#[test]
fn what_the_source_has_purged_from_its_beginning_on_is_counted_and_no_discrepancy() {
    let world = World::changed(many(), |records| records.retain(|record| record.sent() >= at("2026-11-20T12:44:00Z")));
    let report = world.audit();
    let before = many().iter().filter(|record| record.sent() < at("2026-11-20T12:44:00Z")).count() as u64;
    assert!(report.is_clean(), "{report:?}");
    // A copy and two dead letters among the rows are no messages; one message lies over the first row.
    assert!((before - 6..before).contains(&report.gone), "{} of {before}", report.gone);
    world.source.edit(Vec::clear);
    let report = world.audit();
    assert!(report.found.is_empty() && !report.is_clean(), "an empty source agrees with nothing: {report:?}");
}

#[test]
fn a_message_that_is_archived_twice_as_often_as_it_was_said_is_extra() {
    // Without ids, two lanes of rows within two seconds are two messages; one row more bridges chains of rows with an id.
    let first = Row::jm(ALICE, BOB).at("2026-11-22T19:00:00Z").id("x").body("twice").record();
    let second = Row::jm(ALICE, BOB).at("2026-11-22T19:08:00Z").id("x").body("twice").record();
    let bridge = Row::jm(ALICE, BOB).at("2026-11-22T19:04:00Z").outgoing().id("x").body("twice").record();
    let world = World::changed([many(), vec![first, second]].concat(), |records| records.push(bridge));
    let report = world.audit();
    assert_eq!((kinds(&report), report.addable), (vec![(DiscrepancyKind::Extra, 1)], 0), "{:?}", report.discrepancies);
    assert!(one(&report).item.is_some());
    world.repair().unwrap();
    world.check();
    assert!(world.audit().is_clean());
}

#[test]
fn a_copy_that_is_gone_leaves_a_message_to_other_recipients() {
    let world = World::changed([many(), room(ROOM)].concat(), |records| {
        let gone = records.iter().position(|record| record.sent() == at("2026-11-21T09:01:00Z")).unwrap();
        records.remove(gone);
    });
    let report = world.audit();
    assert_eq!((kinds(&report), report.addable), (vec![(DiscrepancyKind::Recipients, 1)], 0));
    let other = one(&report);
    assert_eq!((other.start, other.item.is_some()), (at("2026-11-21T09:01:00Z"), true));
    world.repair().unwrap();
    world.check();
    assert!(world.audit().is_clean());
}

#[test]
fn a_room_of_another_name_is_known_again_and_nothing_of_it_goes_out() {
    let world = World::changed([many(), room(ROOM)].concat(), |records| {
        records.retain(|record| !(at("2026-11-21T09:00:00Z")..at("2026-11-21T10:00:00Z")).contains(&record.sent()));
        records.extend(room(RENAMED));
        let late = Row::jm(&format!("{RENAMED}/ali"), BOB).groupchat().at("2026-11-21T09:30:00Z").id("late").body("said late").record();
        records.push(late);
    });
    let report = world.audit();
    assert_eq!(kinds(&report), [(DiscrepancyKind::Missing, 1), (DiscrepancyKind::Renamed, 3)], "{:?}", report.discrepancies);
    for renamed in report.discrepancies.iter().filter(|discrepancy| discrepancy.kind == DiscrepancyKind::Renamed) {
        let Some(ConversationKey::Room(room)) = &renamed.conversation else { panic!("{renamed:?}") };
        assert_eq!((room.to_string().as_str(), renamed.item.is_some()), (RENAMED, true));
    }
    assert_eq!(world.repair().unwrap().repair.unwrap().added, 1);
    world.check();
    assert!(world.has("said late"));
    let mails = world.sink.items();
    assert_eq!(mails.values().filter(|mail| String::from_utf8_lossy(mail).contains("to the plan")).count(), 1);
    assert!(world.audit().is_clean());
}

#[test]
fn a_room_of_which_something_is_left_is_not_renamed() {
    let world = World::changed([many(), room(ROOM)].concat(), |records| {
        records.retain(|record| !(at("2026-11-21T09:00:00Z")..at("2026-11-21T09:02:00Z")).contains(&record.sent()));
        let elsewhere = room(RENAMED).into_iter().filter(|record| record.sent() == at("2026-11-21T09:00:00Z"));
        records.extend(elsewhere);
    });
    let report = world.audit();
    assert_eq!(kinds(&report), [(DiscrepancyKind::Missing, 1), (DiscrepancyKind::Purged, 2)], "{:?}", report.discrepancies);
}

#[test]
fn what_is_filtered_or_a_dead_letter_is_known_and_not_missing() {
    let mut world = World::new([company(), vec![chat("2026-11-22T10:00:00Z", "x", "to be left out")]].concat());
    world.filter.exclude = ["alice@example.com", "bob@example.com"].iter().map(|term| term.parse().unwrap()).collect();
    world.run().unwrap();
    let report = world.audit();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.filtered, report.messages, report.archived), (6, 8, 2), "{report:?}");
    world.filter = Filter::default();
    let report = world.audit();
    assert!(report.is_clean() && report.filtered == 6, "what left it out at the time counts: {report:?}");
}

#[test]
fn a_row_that_can_be_read_now_is_a_dead_letter_that_retry_adds() {
    let world = World::changed(many(), |records| {
        let letter = records.iter().position(|record| matches!(record, Record::Undecodable(_))).unwrap();
        records[letter] = chat("2026-11-20T12:30:00Z", "readable", "can be read now");
    });
    let report = world.audit();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.dead_letters, 1);
    assert_eq!(world.retry().unwrap().added, 1);
    assert_eq!(world.audit().dead_letters, 0);
}

#[test]
fn only_windows_of_the_time_that_is_asked_for_are_compared() {
    let world = World::changed(many(), |records| {
        records.push(chat("2026-11-20T20:00:00Z", "late1", "x"));
        records.push(chat("2026-11-22T20:00:00Z", "late2", "y"));
    });
    let until = |from: &str, until: &str| world.audit_of(Span::new(at(from), at(until)));
    assert_eq!(one(&until("2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z")).start, at("2026-11-22T20:00:00Z"));
    assert_eq!(until("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z").windows, 4);
    assert_eq!(until("2026-11-22T19:00:00Z", "2026-11-22T19:30:00Z").found.len(), 1, "the whole window is compared");
    let before = until("2026-11-01T00:00:00Z", "2026-11-20T00:00:00Z");
    assert_eq!((before.windows, before.not_sealed), (0, 0));
    assert_eq!(until("2026-11-23T18:00:00Z", "2026-12-24T00:00:00Z").windows, 1, "what is to come is no window");
}

#[test]
fn a_repair_of_more_than_one_of_a_hundred_stops_unless_somebody_accepts_it_with_a_reason() {
    let world = World::changed(company(), |records| records.push(chat("2026-11-22T20:00:00Z", "late", "one of seven")));
    let before = world.chain().len();
    let error = world.repair().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ledger);
    assert!(error.to_string().contains("1 of 8 messages would be added, more than one of a hundred"), "{error}");
    assert_eq!(world.chain().len(), before, "nothing was written");
    assert_eq!(world.repair_accepting("restored from tape").repair.unwrap().added, 1);
    world.check();
    assert_eq!(world.runs().last().unwrap().accepted.as_deref(), Some("restored from tape"));
    assert!(world.runs()[0].accepted.is_none());
    assert!(world.audit().is_clean());
}

#[test]
fn a_copy_on_the_other_side_of_a_border_is_no_message_of_its_own() {
    // Of "over the border" the copy before the border is gone, the one behind it is there.
    let world = World::changed(many(), |records| {
        let first = records.iter().position(|record| record.sent() == at("2026-11-20T11:59:59Z")).unwrap();
        records.remove(first);
    });
    let report = world.audit();
    assert_eq!((kinds(&report), report.addable), (vec![(DiscrepancyKind::Purged, 1)], 0), "{:?}", report.discrepancies);
}

#[test]
fn a_run_that_adds_while_the_source_is_compared_is_seen_and_nothing_goes_out_twice() {
    let late = || [chat("2026-11-22T19:05:00Z", "late1", "came late"), other_chat("2026-11-22T20:00:00Z", "late2", "so did this")];
    let alone = World::new(company());
    alone.run().unwrap();
    alone.source.edit(|records| records.extend(late()));
    alone.run().unwrap();
    let (mut repaired, mut raced) = (0, 0);
    for seed in 0..60 {
        let world = World::new(company());
        world.run().unwrap();
        world.source.edit(|records| records.extend(late()));
        let faults = [seed, seed ^ 0xffff].map(|seed| Faults::seeded(seed).interleaved(60));
        let (one, other) = (world.archiver(&faults[0]), world.accepting("a test").archiver(&faults[1]));
        let later = async {
            give_way(seed * 3).await;
            one.run(world.now, pending()).await
        };
        let (run, repair) = block_on(join(later, other.repair(ALL, world.now, pending())));
        run.unwrap();
        repaired += u64::from(repair.unwrap().repair.is_some_and(|repair| repair.added > 0));
        raced += *world.observer.raced.lock().unwrap();
        world.check();
        let audit = world.audit();
        assert!(audit.is_clean(), "{seed}: {audit:?}");
        let added: u64 = world.addenda().iter().map(|addendum| addendum.seal.messages.listed).sum();
        assert_eq!(added, 2, "{seed}");
        assert!(world.sink.items() == alone.sink.items(), "{seed}");
    }
    assert!(repaired > 5 && repaired < 55 && raced > 0, "{repaired} repairs, {raced} races");
}

#[test]
fn what_a_run_adds_between_reading_the_chain_and_the_rows_is_not_missing() {
    let late = [other_chat("2026-11-22T20:00:00Z", "late", "came late")];
    for moment in 1..=3 {
        let world = World::changed(many(), |records| records.extend(late.clone()));
        let mut other = World { source: Arc::new(MemorySource::new([many(), late.to_vec()].concat(), world.now)), ..world.clone() };
        other.settings.late_windows = 7;
        let source = Changing::new(&world, move |count, _| {
            if count == moment {
                thread::scope(|scope| assert_eq!(scope.spawn(|| other.run().unwrap()).join().unwrap().added, 1));
            }
        });
        let span = Span::new(at("2026-11-22T18:00:00Z"), at("2026-11-23T00:00:00Z"));
        let archiver = world.archiver_of(Arc::new(source), &Faults::none());
        let report = block_on(archiver.audit(span, world.now, pending())).unwrap();
        // One count says where rows are, and one follows each reading; a third is made where the window is read again.
        assert_eq!((report.is_clean(), world.addenda().len()), (moment <= 2, usize::from(moment <= 2)), "{moment}: {report:?}");
    }
}

#[test]
fn what_a_run_seals_behind_a_window_while_that_is_repaired_does_not_go_out_twice() {
    let rows = || vec![other_chat("2026-11-23T07:00:00Z", "c1", "x"), chat("2026-11-23T12:00:01Z", "a1", "over the border")];
    let sealed_meanwhile = |moment: u64| {
        let mut world = World::new(rows());
        world.settings.late_windows = 0;
        for now in ["2026-11-23T13:30:00Z", "2026-11-23T19:30:00Z"] {
            world.now = at(now);
            world.source.set_clock(world.now);
            if now < "2026-11-23T19" {
                world.run().unwrap();
            }
        }
        world.source.edit(|records| records.push(chat("2026-11-23T11:59:59Z", "a1", "over the border")));
        let other = world.clone();
        let source = Changing::new(&world, move |count, _| {
            if count == moment {
                let early = World { source: Arc::new(MemorySource::new(rows(), other.now)), ..other.clone() };
                thread::scope(|scope| assert_eq!(scope.spawn(|| early.run().unwrap()).join().unwrap().messages, 1));
            }
        });
        let archiver = world.accepting("a test").archiver_of(Arc::new(source), &Faults::none());
        let report = block_on(archiver.repair(ALL, world.now, pending())).unwrap();
        world.check();
        let listed: u64 = world.chain().iter().filter_map(|entry| entry.record.seal()).map(|seal| seal.messages.listed).sum();
        (listed, report.addable, world.seals().len())
    };
    let came = [1, 2, 3, 4].map(sealed_meanwhile);
    assert_eq!(came.map(|(listed, ..)| listed), [2; 4], "{came:?}");
    assert_eq!(came.map(|(_, addable, _)| addable), [0, 0, 0, 1], "what is sealed while a window is compared is seen: {came:?}");
}

#[test]
fn a_repair_that_is_killed_is_completed_by_the_next() {
    let world_of = || {
        World::changed(company(), |records| {
            records.push(chat("2026-11-22T19:05:00Z", "late1", "came late"));
            records.retain(|record| record.sent() != at("2026-11-20T09:30:00Z"));
        })
    };
    let repair = |world: &World, faults: &Faults| block_on(world.accepting("a test").archiver(faults).repair(ALL, world.now, pending()));
    let undisturbed = world_of();
    repair(&undisturbed, &Faults::none()).unwrap();
    for call in 1.. {
        let world = world_of();
        let died = repair(&world, &Faults::killed_at(call)).is_err();
        repair(&world, &Faults::none()).unwrap();
        world.check();
        assert!(world.outcome() == undisturbed.outcome(), "killed at call {call}");
        if !died {
            assert!(call > 30, "only {call} calls");
            break;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn whatever_the_rows_an_undisturbed_archive_is_clean(
        records in rows(2, 40, Duration::from_mins(6)),
        indexed in any::<bool>(),
        chunk_windows in 1_usize..9,
    ) {
        let mut world = World::new(Vec::new());
        world.source = Arc::new(MemorySource::new(records, world.now).indexed(indexed));
        world.settings.start = Some(at("2026-11-19T00:00:00Z"));
        world.run().unwrap();
        world.settings.chunk_windows = chunk_windows;
        let report = world.audit();
        prop_assert!(report.is_clean(), "{report:?}");
        prop_assert_eq!(report.messages, report.archived + report.dead_letters);
    }

    #[test]
    fn whatever_is_changed_a_repair_leaves_nothing_missing_and_a_run_has_nothing_to_add(
        records in rows(2, 30, Duration::from_mins(6)),
        sealed in prop::collection::vec(any::<bool>(), 30),
        kept in prop::collection::vec(prop::bool::weighted(0.8), 30),
        indexed in any::<bool>(),
    ) {
        let pick = |flags: &[bool]| -> Vec<Record> {
            records.iter().enumerate().filter(|(index, _)| flags.get(*index).copied().unwrap_or_default()).map(|(_, record)| record.clone()).collect()
        };
        let mut world = World::new(Vec::new());
        world.source = Arc::new(MemorySource::new(pick(&sealed), world.now).indexed(indexed));
        world.settings.start = Some(at("2026-11-19T00:00:00Z"));
        world.run().unwrap();
        world.source.edit(|all| *all = pick(&kept));
        let found = world.audit();
        let repaired = world.repair_accepting("a test");
        world.check();
        prop_assert_eq!(&found.found, &repaired.found);
        let again = world.audit();
        // What is added before a border may be the beginning of a message that is archived behind it.
        let is_joined = |found: &Discrepancy| {
            found.kind == DiscrepancyKind::Extra && found.start < found.window.start().after(world.facts.margin() * 2)
        };
        prop_assert!(again.discrepancies.iter().all(is_joined), "{:?}, then {:?}", found.discrepancies, again.discrepancies);
        prop_assert!(world.repair().unwrap().repair.is_none_or(|repair| repair.added == 0));
        prop_assert!(world.audit().found.is_empty());
        world.settings.late_windows = 100;
        prop_assert_eq!(world.run().unwrap().added, 0);
    }
}
