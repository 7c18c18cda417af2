//! Killed at any point and started again, the archive ends as if nothing had happened.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use jabber_archive_core::{
    ItemKey, Record,
    testing::{faults::Faults, memory::MemorySource, rows::rows},
};
use proptest::prelude::*;

use super::world::*;

/// What a power cut leaves of what was not committed.
#[derive(Debug, Clone, Copy)]
enum Left {
    Everything,
    Nothing,
    Some(u64),
}

impl Left {
    fn survives(self, key: &ItemKey) -> bool {
        match self {
            Self::Everything => true,
            Self::Nothing => false,
            Self::Some(seed) => {
                let mut hasher = DefaultHasher::new();
                (seed, &key.id).hash(&mut hasher);
                hasher.finish().is_multiple_of(2)
            }
        }
    }
}

/// Kills runs one after another, and checks the archive after each; then lets one run to its end.
fn killed(world: &World, calls: &[u64], left: Left) -> bool {
    let mut died = false;
    for call in calls {
        died |= world.run_with(&Faults::killed_at(*call)).is_err();
        world.sink.crash(|key| left.survives(key));
        world.check();
    }
    world.run().unwrap();
    world.check();
    died
}

fn killed_at_every_call(records: Vec<Record>, left: impl Fn(u64) -> Left) {
    let undisturbed = World::new(records);
    undisturbed.run().unwrap();
    undisturbed.check();
    let expected = undisturbed.outcome();
    for call in 1.. {
        let world = undisturbed.anew();
        let died = killed(&world, &[call], left(call));
        assert!(world.outcome() == expected, "killed at call {call}");
        if !died {
            assert!(call > 40, "only {call} calls");
            break;
        }
    }
}

#[test]
fn a_run_killed_at_any_call_is_completed_by_the_next_to_the_same_bytes() {
    killed_at_every_call(large_company(), |_| Left::Everything);
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_that_was_sealed_and_the_next_run_completes_it_to_the_same_bytes() {
    killed_at_every_call(company(), |call| if call % 3 == 0 { Left::Nothing } else { Left::Some(call) });
}

#[test]
fn a_run_killed_again_and_again_gets_there_in_the_end() {
    let undisturbed = World::new(company());
    undisturbed.run().unwrap();
    for step in [9, 14, 23] {
        let world = undisturbed.anew();
        killed(&world, &(1..12).map(|time| time * step).collect::<Vec<_>>(), Left::Some(step));
        assert!(world.outcome() == undisturbed.outcome(), "{step}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_the_rows_a_killed_run_is_completed_to_the_same_bytes(
        rows in rows(2, 30, Duration::from_mins(6)),
        calls in prop::collection::vec(1_u64..120, 1..4),
        seed in any::<u64>(),
        chunk in 1_usize..8,
    ) {
        let mut undisturbed = World::new(rows.clone());
        undisturbed.source = Arc::new(MemorySource::new(rows, undisturbed.now).indexed(false));
        undisturbed.run().unwrap();
        undisturbed.check();
        let mut world = undisturbed.anew();
        world.settings.chunk_windows = chunk;
        killed(&world, &calls, Left::Some(seed));
        prop_assert_eq!(world.outcome(), undisturbed.outcome());
    }
}

#[test]
fn a_second_run_adds_nothing_and_writes_nothing() {
    let world = World::new(company());
    world.run().unwrap();
    let (entries, outcome) = (world.ledger.entries(), world.outcome());
    let faults = Faults::none();
    let report = world.run_with(&faults).unwrap();
    assert_eq!((report.seals, report.items, report.did_something()), (0, 0, false));
    assert_eq!(["put", "put object", "commit", "keep", "append", "records"].map(|call| faults.calls_of(call)), [0; 6]);
    assert_eq!((world.ledger.entries(), world.outcome()), (entries, outcome));
    assert_eq!(report.head, world.ledger.entries().values().last().map(|bytes| jabber_archive_core::Digest::of(bytes)));
}

#[test]
fn rows_that_come_after_a_kill_move_their_conversation_to_the_next_edition_and_leave_the_others() {
    let world = World::new(vec![chat("2026-11-20T09:00:00Z", "a1", "first"), other_chat("2026-11-20T09:00:00Z", "c1", "untouched")]);
    // After both mails are stored, before they are sealed.
    let faults = Faults::none();
    world.anew().run_with(&faults).unwrap();
    let killed = (1..faults.calls()).find(|call| {
        let world = world.anew();
        world.run_with(&Faults::killed_at(*call)).unwrap_err();
        world.sink.items().len() == 2
    });
    world.run_with(&Faults::killed_at(killed.unwrap())).unwrap_err();
    let left = world.sink.items();
    world.source.edit(|rows| rows.push(chat("2026-11-20T09:10:00Z", "a2", "second")));
    let report = world.run().unwrap();
    world.check();
    let seal = world.seal_at("2026-11-20T09:00:00Z");
    let mut editions: Vec<u32> = world.list(&seal).lines().iter().map(|line| line.edition).collect();
    editions.sort_unstable();
    assert_eq!((editions, seal.messages.listed, seal.abandoned.len()), (vec![1, 2], 3, 1));
    assert_eq!(report.abandoned, seal.abandoned);
    assert!(left.keys().any(|key| seal.abandoned.contains(&key.id)), "what an earlier run left is what is abandoned");
    assert!(left.iter().all(|(key, content)| world.sink.items()[key] == *content), "and it stays as it was");
}

#[test]
fn what_a_killed_run_left_in_a_window_whose_rows_are_gone_since_is_abandoned() {
    for (time, before) in [("2026-11-20T19:00:00Z", 1), ("1999-05-05T10:00:00Z", 0)] {
        let kept = chat("2026-11-20T09:00:00Z", "a1", "kept");
        let world = World::new(vec![kept.clone(), chat(time, "a2", "gone"), chat("2026-11-23T09:00:00Z", "a3", "later")]);
        // After its mail is stored, before it is sealed.
        let killed = (1..200).find(|call| {
            let world = world.anew();
            world.run_with(&Faults::killed_at(*call)).unwrap_err();
            world.has("gone")
        });
        world.run_with(&Faults::killed_at(killed.unwrap())).unwrap_err();
        let is_left = |key: &&ItemKey| key.window.contains(at(time));
        let items = world.sink.items();
        let left: Vec<_> = items.keys().filter(is_left).map(|key| key.id.clone()).collect();
        assert_eq!((left.len(), items.len()), (1, 1 + before));
        world.source.edit(|rows| rows.retain(|row| row.sent() != at(time)));
        let report = world.run().unwrap();
        world.check();
        let seal = world.seal_at(time);
        assert_eq!(seal.abandoned.iter().cloned().collect::<Vec<_>>(), left);
        assert_eq!(report.abandoned, seal.abandoned);
        assert_eq!((seal.span, seal.items), (world.facts.grid.window_at(at(time)).span(), 0), "by itself");
        assert!(world.has("later"));
    }
}
