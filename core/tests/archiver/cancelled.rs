//! A run that is stopped leaves a consistent archive.

use std::{
    future::{pending, poll_fn, ready},
    task::Poll,
    time::Duration,
};

use futures::executor::block_on;
use jabber_archive_core::testing::faults::Faults;

use super::world::*;

#[test]
fn a_run_stopped_at_any_call_leaves_a_consistent_archive_which_the_next_run_completes_to_the_same_bytes() {
    let undisturbed = World::new(company());
    undisturbed.run().unwrap();
    let mut stopped = 0;
    for call in 0.. {
        let world = undisturbed.anew();
        let faults = Faults::seeded(call).interleaved(30);
        let stop = {
            let faults = faults.clone();
            poll_fn(move |_| if faults.calls() >= call { Poll::Ready(()) } else { Poll::Pending })
        };
        let report = world.run_until(&faults, stop).unwrap();
        world.check();
        let runs = world.runs();
        assert_eq!(runs.len(), usize::from(report.did_something()), "what was sealed is recorded");
        assert_eq!(report.seals, world.seals().len() as u64);
        assert_eq!(report.head, world.ledger.entries().values().last().map(|bytes| jabber_archive_core::Digest::of(bytes)));
        let ended = !report.cancelled;
        let rest = world.run().unwrap();
        world.check();
        assert!(!rest.cancelled);
        assert!(world.outcome() == undisturbed.outcome(), "stopped at call {call}");
        stopped += u64::from(report.cancelled);
        if ended && call > 100 {
            break;
        }
    }
    assert!(stopped > 20, "{stopped}");
}

#[test]
fn a_run_that_is_to_stop_from_the_start_reads_nothing() {
    let world = World::new(company());
    let faults = Faults::none();
    let report = world.run_until(&faults, ready(())).unwrap();
    assert!(report.cancelled);
    assert_eq!((faults.calls_of("put"), faults.calls_of("records")), (0, 0));
    world.check();
}

#[test]
fn nobody_waits_for_a_retry_after_being_told_to_stop() {
    let world = World::new(company());
    let faults = Faults::seeded(1).errors_before(100);
    let never = |_: Duration| pending::<()>();
    let archiver = jabber_archive_core::Archiver::new(
        world.facts.clone(),
        world.source.clone(),
        world.converter.clone(),
        world.sink.clone(),
        std::sync::Arc::new(jabber_archive_core::testing::faults::FaultyLedger::new(world.ledger.clone(), &faults)),
        std::sync::Arc::new(never),
    );
    let report = block_on(archiver.run(world.now, ready(()))).unwrap();
    assert!(report.cancelled && report.seals == 0);
}
