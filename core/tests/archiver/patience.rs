//! Errors that may pass are waited for, others end the run.

use std::{future::pending, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{executor::block_on, stream::BoxStream};
use jabber_archive_core::{
    Clock, Error, ErrorClass, ErrorKind, Extent, Grid, Record, Result, Rooms, Source, SourceId, Span, Tally, Timestamp, Transfer,
    testing::{faults::Faults, rows::rows},
};
use proptest::prelude::*;

use super::world::*;

#[test]
fn whatever_fails_now_and_then_before_or_after_its_effect_the_bytes_are_the_same() {
    let undisturbed = World::new(company());
    undisturbed.run().unwrap();
    for seed in 0..30 {
        let mut world = undisturbed.anew();
        world.settings.retry.tries = 1_000;
        world.settings.retry.total = Duration::MAX;
        let faults = Faults::seeded(seed).errors_before(20).errors_after(20).broken_streams(8);
        world.run_with(&faults).unwrap();
        world.check();
        assert!(world.outcome() == undisturbed.outcome(), "{seed}");
        assert!(faults.injected() > 10, "{}", faults.injected());
        assert!(!world.observer.waits.lock().unwrap().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_the_rows_runs_that_fail_often_and_are_started_again_get_there(rows in rows(2, 30, Duration::from_mins(6)), seed in any::<u64>()) {
        let undisturbed = World::new(rows);
        undisturbed.run().unwrap();
        let mut world = undisturbed.anew();
        world.settings.retry.tries = 3;
        let faults = Faults::seeded(seed).errors_before(15).errors_after(15).broken_streams(5).interleaved(20);
        let done = (0..300).any(|_| {
            let done = world.run_with(&faults).is_ok();
            world.check();
            done
        });
        prop_assert!(done);
        prop_assert_eq!(world.outcome(), undisturbed.outcome());
    }
}

#[test]
fn an_operation_is_tried_as_often_as_the_policy_says_with_waits_that_double() {
    let mut world = World::new(company());
    world.settings.retry.tries = 5;
    world.settings.retry.first = Duration::from_secs(1);
    world.settings.retry.longest = Duration::from_secs(3);
    let faults = Faults::seeded(1).errors_before(100);
    let error = world.run_with(&faults).unwrap_err();
    assert_eq!((error.class(), error.operation(), faults.calls()), (ErrorClass::Transient, "open", 5));
    assert_eq!(*world.observer.waits.lock().unwrap(), [1, 2, 3, 3].map(Duration::from_secs));
}

#[test]
fn by_default_an_operation_is_tried_for_ten_minutes_however_often_that_is() {
    let world = World::new(company());
    world.run_with(&Faults::seeded(1).errors_before(100)).unwrap_err();
    let waited: Duration = world.observer.waits.lock().unwrap().iter().sum();
    assert!(waited > Duration::from_mins(9) && waited <= Duration::from_mins(10), "{waited:?}");
}

#[test]
fn the_waits_of_one_operation_end_with_the_policys_total() {
    let mut world = World::new(company());
    world.settings.retry.tries = u32::MAX;
    world.settings.retry.first = Duration::from_secs(10);
    world.settings.retry.longest = Duration::from_mins(1);
    world.settings.retry.total = Duration::from_mins(5);
    world.run_with(&Faults::seeded(1).errors_before(100)).unwrap_err();
    let waits = world.observer.waits.lock().unwrap();
    let total: Duration = waits.iter().sum();
    assert!(total <= Duration::from_mins(5) && total > Duration::from_mins(4), "{waits:?}");
}

#[test]
fn a_stream_that_keeps_breaking_is_given_up_too() {
    let mut world = World::new(company());
    world.settings.retry.tries = 4;
    let faults = Faults::seeded(1).broken_streams(100);
    let error = world.run_with(&faults).unwrap_err();
    assert_eq!((error.kind(), error.operation(), faults.calls_of("records")), (ErrorKind::Source, "records", 4));
}

/// A source whose clock fails in its own way.
#[derive(Debug)]
struct BadClock(Arc<dyn Source>, fn() -> Error);

#[async_trait]
impl Source for BadClock {
    fn id(&self) -> &SourceId {
        self.0.id()
    }
    async fn clocks(&self) -> Result<Vec<Clock>> {
        Err(self.1())
    }
    async fn extent(&self, now: Timestamp) -> Result<Extent> {
        self.0.extent(now).await
    }
    async fn context(&self) -> Result<Rooms> {
        self.0.context().await
    }
    async fn tally(&self, span: Span, grid: &Grid) -> Result<Vec<Tally>> {
        self.0.tally(span, grid).await
    }
    fn records(&self, span: Span) -> BoxStream<'static, Result<Vec<Record>>> {
        self.0.records(span)
    }
    async fn transfers(&self, span: Span, resources: &[String]) -> Result<Vec<Transfer>> {
        self.0.transfers(span, resources).await
    }
}

fn waits_for(error: fn() -> Error) -> Vec<Duration> {
    let mut world = World::new(company());
    world.settings.retry.tries = 3;
    let archiver = world.archiver_of(Arc::new(BadClock(world.source.clone(), error)), &Faults::none());
    block_on(archiver.run(world.now, pending())).unwrap_err();
    world.observer.waits.lock().unwrap().clone()
}

#[test]
fn who_asks_to_be_left_alone_is_left_alone_for_as_long() {
    let error = || Error::new(ErrorKind::Source, ErrorClass::Transient, "clock", "busy").retry_after(Duration::from_secs(90));
    assert_eq!(waits_for(error), [Duration::from_secs(90); 2]);
}

#[test]
fn only_errors_that_may_pass_are_waited_for() {
    assert_eq!(waits_for(|| Error::new(ErrorKind::Source, ErrorClass::Credential, "clock", "expired")).len(), 2);
    assert!(waits_for(|| Error::new(ErrorKind::Source, ErrorClass::Fatal, "clock", "no such database")).is_empty());
}
