//! Same rows, same bytes: whatever becomes of those who work on it, an archive ends as one that was left in peace.

use std::{sync::Arc, time::Duration};

use jabber_archive_core::{
    Record,
    testing::{memory::MemorySource, rows::rows},
};
use proptest::{collection::vec, prelude::*};

use crate::{
    step::{How, Task, Way, how, way},
    work::{is_expected, set_up, work},
    world::{World, at, undecodable},
};

/// Neither who reads and how, nor when.
fn setting() -> impl Strategy<Value = Way> {
    way().prop_map(|way| Way { converter: 1, people: false, strict: false, ..way })
}

fn task() -> impl Strategy<Value = Task> {
    prop_oneof![4 => Just(Task::Run), 1 => Just(Task::Retry), 1 => Just(Task::Audit), 1 => Just(Task::Repair)]
}

fn disturbance() -> impl Strategy<Value = How> {
    how().prop_map(|how| if let How::Moving { .. } = how { How::Undisturbed } else { how })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whoever_dies_races_or_fails_the_archive_of_the_same_rows_is_the_same(
        mut records in rows(2, 20, Duration::from_mins(6)),
        works in vec((0_u64..1_500, task(), setting(), disturbance()), 1..9),
    ) {
        records.push(undecodable("2026-11-20T12:30:00Z"));
        let at_once = World::new(records.clone());
        at_once.run().unwrap();
        at_once.check();
        let mut world = at_once.anew();
        let end = std::mem::replace(&mut world.now, at("2026-11-20T07:30:00Z"));
        for (minutes, task, way, how) in works {
            world.now = end.min(world.now.after(Duration::from_mins(minutes)));
            let mut world = world.clone();
            world.source = Arc::new(MemorySource::new(records.clone(), world.now).batches_of(way.batch).indexed(way.chunk.is_none()));
            set_up(&mut world, way);
            for (task, done) in work(&world, &world, task, how, records.clone()) {
                prop_assert!(done.as_ref().err().is_none_or(|error| is_expected(error, task, way, how)), "{task:?}: {:?}", done.err());
            }
            world.check();
        }
        world.now = end;
        world.run().unwrap();
        world.check();
        let full = |world: &World| world.seals().into_iter().filter(|seal| !seal.tables.is_empty()).collect::<Vec<_>>();
        prop_assert_eq!(full(&world), full(&at_once));
        prop_assert!(world.addenda().is_empty());
        prop_assert_eq!(world.sink.items(), at_once.sink.items());
    }

    #[test]
    fn however_long_it_takes_to_get_there_what_is_lost_to_a_power_cut_is_written_anew(
        records in rows(1, 12, Duration::from_mins(6)),
        calls in vec((1_u64..80, any::<u64>()), 1..6),
    ) {
        let at_once = World::new(records);
        at_once.run().unwrap();
        let world = at_once.anew();
        for (call, seed) in calls {
            let how = How::Killed { call: call as u8, cut: Some(seed) };
            for (_, done) in work(&world, &world, Task::Run, how, Vec::<Record>::new()) {
                let error = done.err().map(|error| error.to_string());
                prop_assert!(error.as_ref().is_none_or(|error| error.contains("the process was killed")), "{error:?}");
            }
            world.check();
        }
        world.run().unwrap();
        prop_assert_eq!(world.outcome(), at_once.outcome());
    }
}
