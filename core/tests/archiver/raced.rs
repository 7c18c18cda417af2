//! Two archivers of one archive end in one correct chain.

use std::{future::pending, sync::Arc, thread, time::Duration};

use futures::{executor::block_on, future::join};
use jabber_archive_core::{
    Record,
    testing::{faults::Faults, memory::MemorySource, rows::rows},
};
use proptest::prelude::*;

use super::world::*;

/// Runs two archivers in turns that the seed decides; the second has a source of its own.
fn race(world: &World, second: Arc<MemorySource>, seed: u64) {
    let faults = [seed, seed ^ 0xffff].map(|seed| Faults::seeded(seed).interleaved(60));
    let one = world.archiver(&faults[0]);
    let other = world.archiver_of(second, &faults[1]);
    let (one, other) = block_on(join(one.run(world.now, pending()), other.run(world.now, pending())));
    one.unwrap();
    other.unwrap();
    world.check();
}

#[test]
fn two_archivers_of_equal_rows_leave_what_one_would_have_left() {
    let alone = World::new(company());
    alone.run().unwrap();
    for seed in 0..40 {
        let world = alone.anew();
        race(&world, world.source.clone(), seed);
        assert!(world.outcome() == alone.outcome(), "{seed}");
        assert!(world.runs().iter().all(|run| run.abandoned.is_empty()), "{seed}");
    }
}

#[test]
fn two_archivers_in_threads_of_their_own_leave_what_one_would_have_left() {
    let alone = World::new(company());
    alone.run().unwrap();
    for _ in 0..10 {
        let world = alone.anew();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| world.run().unwrap());
            }
        });
        world.check();
        assert!(world.outcome() == alone.outcome());
    }
}

#[test]
fn of_two_archivers_that_read_different_rows_one_seals_and_every_mail_of_the_other_is_abandoned() {
    let mut raced = 0;
    for seed in 0..60 {
        let world = World::new(company());
        let second = MemorySource::new(company(), world.now);
        second.edit(|rows| {
            rows.push(chat("2026-11-20T09:40:00Z", "a9", "only one saw this"));
            rows.push(other_chat("2026-11-22T18:01:30Z", "c4", "nor this"));
            rows.push(chat("2026-11-21T03:00:00Z", "a8", "in a window that is empty for the other"));
        });
        race(&world, Arc::new(second), seed);
        raced += *world.observer.raced.lock().unwrap();
    }
    assert!(raced > 8, "{raced}");
}

/// Races an archiver of these rows with one that also sees others.
fn race_with_more(rows: &[Record], more: &[Record]) {
    for seed in 0..40 {
        let world = World::new(rows.to_vec());
        let second = MemorySource::new([rows, more].concat(), world.now);
        race(&world, Arc::new(second), seed);
    }
}

#[test]
fn a_window_lost_to_one_who_sealed_an_earlier_window_first_is_not_abandoned_if_it_is_listed_later() {
    race_with_more(&[chat("2026-11-20T09:00:00Z", "a1", "both")], &[chat("2026-11-20T03:00:00Z", "a0", "only one saw the window before")]);
}

#[test]
fn what_was_put_into_a_window_before_the_archive_begins_is_abandoned() {
    race_with_more(&[chat("2026-11-23T09:00:00Z", "a1", "both")], &[chat("2026-11-20T03:00:00Z", "a0", "days before")]);
}

#[test]
fn of_a_conversation_of_several_mails_every_one_is_accounted_for() {
    let long = |letter: char| std::iter::repeat_n(letter, 70_000).collect::<String>();
    let rows = [chat("2026-11-20T09:00:00Z", "a1", &long('a')), chat("2026-11-20T09:20:00Z", "a3", &long('b'))];
    race_with_more(&rows, &[chat("2026-11-20T09:30:00Z", "a4", "in the second mail")]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_the_rows_and_turns_the_chain_is_correct_and_every_mail_accounted_for(
        rows in rows(2, 30, Duration::from_mins(6)),
        seen in prop::collection::vec(any::<bool>(), 40),
        seed in any::<u64>(),
    ) {
        let world = World::new(rows.clone());
        let some: Vec<Record> = rows.into_iter().zip(seen.into_iter().cycle()).filter_map(|(row, seen)| seen.then_some(row)).collect();
        race(&world, Arc::new(MemorySource::new(some, world.now)), seed);
    }
}
