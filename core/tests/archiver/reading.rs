//! How rows are read decides nothing.

use std::{sync::Arc, time::Duration};

use jabber_archive_core::{
    ErrorClass, ErrorKind, Record, Table,
    testing::{memory::MemorySource, rows::rows},
};
use proptest::prelude::*;

use super::world::*;

/// The same rows, read in another way.
fn read_as(world: &World, records: Vec<Record>, batch: usize, chunk: Option<usize>) -> World {
    let mut other = world.anew();
    other.source = Arc::new(MemorySource::new(records, world.now).batches_of(batch).indexed(chunk.is_none()));
    other.settings.chunk_windows = chunk.unwrap_or(7);
    other
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn neither_chunks_nor_batches_nor_order_nor_an_index_change_a_byte(
        (records, shuffled) in rows(3, 40, Duration::from_mins(6)).prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        batch in 1_usize..40,
        chunk in prop::option::of(1_usize..14),
        concurrency in 0_usize..5,
    ) {
        let one = World::new(records);
        one.run().unwrap();
        let mut other = read_as(&one, shuffled, batch, chunk);
        other.settings.concurrency = concurrency;
        other.run().unwrap();
        prop_assert_eq!(one.outcome(), other.outcome());
    }

    #[test]
    fn a_run_every_few_hours_leaves_what_one_run_at_the_end_leaves(
        records in rows(2, 30, Duration::from_mins(6)),
        hours in 1_u64..20,
    ) {
        let at_once = World::new(records);
        at_once.run().unwrap();
        let mut now = at("2026-11-19T00:00:00Z");
        let stepwise = at_once.anew();
        while now < at_once.now {
            now = at_once.now.min(now.after(Duration::from_hours(hours)));
            stepwise.source.set_clock(now);
            let world = World { now, ..stepwise.clone() };
            world.run().unwrap();
            world.check();
        }
        let full = |world: &World| world.seals().into_iter().filter(|seal| !seal.tables.is_empty()).collect::<Vec<_>>();
        prop_assert_eq!(full(&stepwise), full(&at_once));
        prop_assert_eq!(stepwise.sink.items(), at_once.sink.items());
    }

    #[test]
    fn every_row_is_accounted_for(records in rows(2, 60, Duration::from_mins(7))) {
        let world = World::new(records.clone());
        world.run().unwrap();
        world.check();
        let Some(first) = records.iter().filter(|record| record.table() != Table::TcTimelog).map(Record::sent).min() else { return Ok(()) };
        let start = world.facts.grid.window_at(first).start();
        for table in Table::ALL {
            let accounts = || world.seals().into_iter().filter_map(move |seal| seal.tables.get(&table).cloned());
            let expected = records.iter().filter(|record| record.table() == table && record.sent() >= start);
            let (rows, length) = expected.fold((0, 0), |(rows, length), record| (rows + 1, length + record.length()));
            prop_assert_eq!(accounts().map(|account| account.rows).sum::<u64>(), rows);
            prop_assert_eq!(accounts().map(|account| account.tally_rows).sum::<u64>(), rows);
            prop_assert_eq!(accounts().map(|account| account.length).sum::<u64>(), length);
            prop_assert_eq!(accounts().map(|account| account.tally_length).sum::<u64>(), length);
        }
    }
}

#[test]
fn windows_that_take_too_much_memory_together_are_read_one_by_one() {
    let one = World::new(large_company());
    one.run().unwrap();
    let mut other = read_as(&one, large_company(), 3, Some(9));
    other.settings.memory = 4 * 600_000;
    other.run().unwrap();
    assert!(one.outcome() == other.outcome());
}

#[test]
fn a_window_that_takes_too_much_memory_is_an_error_that_names_the_setting_and_what_was_sealed_before_stays() {
    for chunk in [None, Some(9)] {
        let one = World::new(large_company());
        let mut world = read_as(&one, large_company(), 3, chunk);
        world.settings.memory = 4 * 100_000;
        let error = world.run().unwrap_err();
        assert_eq!((error.kind(), error.class()), (ErrorKind::Source, ErrorClass::Fatal));
        assert!(error.advice().unwrap().contains("`memory`"), "{error}");
        world.check();
        assert_eq!(world.seals().last().unwrap().span.end, at("2026-11-20T18:00:00Z"), "{chunk:?}");
        world.settings.memory = 4 << 20;
        world.run().unwrap();
        one.run().unwrap();
        assert!(world.outcome() == one.outcome());
    }
}
