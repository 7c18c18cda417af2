//! A rehearsal finds out what a run would do, and leaves everything as it is.

use std::{
    future::{pending, ready},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, executor::block_on, stream};
use jabber_archive_core::{
    Archiver, Digest, ObjectKey, People, Record, Rehearsal, Rehearsed, RunReport, Stored, testing::memory::MemorySpool,
};

use super::world::*;

/// What a run would do to an archive that is there, or to a new one.
fn rehearse(world: &World, on_archive: bool, spool: bool) -> (RunReport, Rehearsed) {
    let spool: Option<Arc<dyn jabber_archive_core::Spool>> = if spool { Some(Arc::new(MemorySpool::new())) } else { None };
    let archive: Option<(Arc<dyn jabber_archive_core::Sink>, Arc<dyn jabber_archive_core::Ledger>)> =
        if on_archive { Some((world.sink.clone(), world.ledger.clone())) } else { None };
    let rehearsal = Rehearsal::new(archive, spool);
    let (source, converter) = (world.source.clone(), world.converter.clone());
    let pause = Arc::new(|_: Duration| ready(()));
    let line = Archiver::new(world.facts.clone(), source, converter, rehearsal.sink(), rehearsal.ledger(), pause)
        .people(People::new(world.directory.clone()))
        .settings(world.settings.clone());
    let report = block_on(line.run(world.now, pending())).unwrap();
    (report, rehearsal.rehearsed())
}

/// Everything that an archive holds.
fn stored(world: &World) -> String {
    let kept = jabber_archive_core::KeptKind::ALL.map(|kind| world.ledger.kept(kind));
    Digest::of(format!("{:?} {:?} {:?} {kept:?}", world.sink.items(), world.sink.objects(), world.ledger.entries()).as_bytes()).to_string()
}

fn late() -> Vec<Record> {
    vec![chat("2026-11-22T19:05:00Z", "late1", "this came late"), chat("2026-11-23T06:00:30Z", "late2", "and this")]
}

#[test]
fn a_rehearsal_reports_to_the_last_digest_what_the_run_then_does_and_stores_nothing() {
    for spool in [false, true] {
        let world = World::new(large_company());
        let before = stored(&world);
        let (expected, rehearsed) = rehearse(&world, false, spool);
        assert_eq!(stored(&world), before);
        assert_eq!(world.run().unwrap(), expected);
        let items = world.sink.items();
        assert_eq!((rehearsed.mails, rehearsed.mail_bytes), (items.len() as u64, items.values().map(|item| item.len() as u64).sum()));
        let entries = world.ledger.entries();
        assert_eq!(
            (rehearsed.entries, rehearsed.entry_bytes),
            (entries.len() as u64, entries.values().map(|entry| entry.len() as u64).sum())
        );
        assert_eq!(rehearsed.windows, world.seals().iter().filter(|seal| !seal.tables.is_empty()).count() as u64);
        let largest = items.iter().max_by_key(|(_, content)| content.len()).unwrap();
        assert_eq!((rehearsed.largest[0].path.clone(), rehearsed.largest[0].bytes), (largest.0.path(), largest.1.len() as u64));
        assert!(rehearsed.largest.is_sorted_by(|before, behind| before.bytes >= behind.bytes));
    }
}

#[test]
fn a_rehearsal_goes_on_behind_an_archive_that_is_there_with_what_came_late() {
    let mut world = World::new(company());
    let end = world.now;
    world.now = at("2026-11-23T02:00:00Z");
    world.source.set_clock(world.now);
    world.run().unwrap();
    world.source.edit(|records| records.extend(late()));
    world.now = end;
    world.source.set_clock(end);
    let (before, items) = (stored(&world), world.sink.items().len() as u64);
    let (expected, rehearsed) = rehearse(&world, true, true);
    assert_eq!(stored(&world), before);
    assert_eq!(world.run().unwrap(), expected);
    world.check();
    assert!(expected.addenda > 0 && expected.seals > 0, "{expected:?}");
    assert_eq!(rehearsed.mails, world.sink.items().len() as u64 - items);
}

#[test]
fn everybody_counts_the_mails_that_would_be_theirs_and_a_file_counts_once() {
    let world = World::new(vec![
        chat("2026-11-20T09:00:00Z", "a1", "one"),
        chat("2026-11-21T09:00:00Z", "a2", "two"),
        other_chat("2026-11-21T09:00:00Z", "c1", "three"),
    ]);
    let (_, rehearsed) = rehearse(&world, false, false);
    let most: Vec<(String, u64)> = rehearsed.most_mails().into_iter().map(|person| (person.person, person.mails)).collect();
    let expected = [("bob@example.com", 3), ("alice@example.com", 2), ("chen@example.com", 1)];
    assert_eq!(most, expected.map(|(person, mails)| (person.to_owned(), mails)));
    assert_eq!([1, 50, 67, 100].map(|percent| rehearsed.mails_per_person(percent)), [1, 2, 3, 3]);
    let json = serde_json::to_value(&rehearsed).unwrap();
    assert_eq!((&json["mails_per_person"]["people"], &json["mails_per_person"]["largest"]), (&3.into(), &3.into()));

    let rehearsal = Rehearsal::new(None, None);
    let key = ObjectKey::new(Digest::of(b"figures"));
    let put = |content: &'static [u8]| block_on(rehearsal.sink().put_object(&key, stream::iter([Ok(Bytes::from_static(content))]).boxed()));
    assert_eq!([put(b"figures").unwrap(), put(b"figures").unwrap()], [Stored::Created, Stored::AlreadyPresent]);
    put(b"other figures").unwrap_err();
    assert_eq!((rehearsal.rehearsed().objects, rehearsal.rehearsed().object_bytes), (1, 7));

    let mut rehearsed = rehearsed;
    let without_files = rehearsed.mails + rehearsed.entries + rehearsed.kept + 1;
    assert_eq!(rehearsed.writes(5 << 20), without_files);
    (rehearsed.objects, rehearsed.object_bytes) = (2, 11 << 20);
    assert_eq!(rehearsed.writes(5 << 20), without_files + 8, "two pieces too many at most for each file");
}
