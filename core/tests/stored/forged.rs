//! An archive in which something was altered.

use std::{future::pending, sync::LazyLock};

use bytes::Bytes;
use futures::{executor::block_on, stream, stream::StreamExt};
use jabber_archive_core::{Digest, Entry, KeptKind, Ledger, Link, List, Span, Timestamp, TranscriptSettings, testing::faults::Faults};
use proptest::{collection::vec, prelude::*};

use crate::{
    altered::{Alteration, alterations, altered},
    readers::READERS,
    world::{World, at, chat, company, other_chat, undecodable},
};

/// An archive with everything in it that the core stores: seals of windows and of ranges, addenda of each cause, runs, lists, contexts, dead letters.
fn archive() -> World {
    let mut records = company();
    records.push(undecodable("2026-11-22T19:30:00Z"));
    let mut world = World::new(records);
    world.filter.exclude = ["chen@example.com"].iter().map(|term| term.parse().unwrap()).collect();
    let json = TranscriptSettings::default().with_conversation_json(true);
    world.converter = std::sync::Arc::new(jabber_archive_core::Transcript::new(&world.facts, json).unwrap());
    world.run().unwrap();
    world.source.edit(|records| {
        records.push(chat("2026-11-23T07:00:00Z", "late", "came late"));
        records.push(chat("2026-11-20T09:50:00Z", "later", "came very late"));
        records.retain(|record| record.sent() != at("2026-11-22T19:30:00Z"));
        records.push(chat("2026-11-22T19:30:00Z", "mended", "can be read now"));
    });
    world.run().unwrap();
    world.retry().unwrap();
    world.settings.accept = Some("a test".to_owned());
    work(&world);
    world.check();
    world
}

/// All that somebody does with an archive; how it ends is another matter.
fn work(world: &World) {
    let archiver = world.archiver(&Faults::none());
    let span = Span::new(at("2026-11-19T00:00:00Z"), Timestamp::MAX);
    let _ = block_on(archiver.run(world.now, pending()));
    let _ = block_on(archiver.audit(span, world.now, pending()));
    let _ = block_on(archiver.repair(span, world.now, pending()));
    let _ = block_on(archiver.retry(world.now, pending()));
}

/// Everything that is stored, each with the number of what reads it.
static STORED: LazyLock<Vec<(usize, Bytes)>> = LazyLock::new(|| {
    let world = archive();
    let mut stored: Vec<(usize, Bytes)> = world.ledger.entries().into_values().map(|entry| (0, entry)).collect();
    stored.push((1, world.facts.to_bytes().into()));
    let kept = |kind| world.ledger.kept(kind).into_values();
    stored.extend(kept(KeptKind::List).map(|list| (2, list)));
    stored.extend(kept(KeptKind::DeadLetter).map(|letter| (3, letter)));
    // A context is one of directory and rooms, or a filter.
    stored.extend(kept(KeptKind::Context).flat_map(|context| [(4, context.clone()), (5, context)]));
    stored.extend(world.sink.items().into_values().map(|mail| (6, mail)));
    stored.push((7, Bytes::from_static(b"jid,email,name,valid_from,valid_until\nalice@example.com,a@mail.example,Alice,2020-01-01,\n")));
    let texts = ["2026-11-22T19:30:00.003Z", "alice@example.com/jabber_1", "@example.com", "Europe/Zurich", "+01:00"];
    stored.extend(texts.map(|text| (8, Bytes::from_static(text.as_bytes()))));
    stored
});

#[test]
fn what_is_stored_is_read_and_written_again_as_it_was() {
    for (reader, bytes) in STORED.iter() {
        READERS[*reader](bytes);
    }
    let world = archive();
    for (number, bytes) in world.ledger.entries() {
        assert_eq!(Link::from_bytes(number, &bytes).unwrap().entry.to_bytes(), bytes);
    }
    assert!(world.addenda().len() > 2 && world.runs().len() > 2, "{:?}", world.addenda());
}

#[test]
fn a_time_that_no_row_can_have_is_none() {
    for time in ["1752-12-31T23:59:59.999Z", "-009999-01-02T01:59:59Z", "0001-01-01T00:00:00Z"] {
        let error = time.parse::<Timestamp>().unwrap_err();
        assert!(error.to_string().contains("1753"), "{error}");
    }
    assert_eq!(at("9999-12-31T23:59:59.997Z").to_string(), "9999-12-31T23:59:59.997Z");
}

#[test]
fn a_name_of_an_item_that_could_be_a_path_is_none() {
    let (_, list) = STORED.iter().find(|(reader, _)| *reader == 2).unwrap();
    let good = List::from_bytes(list).unwrap().lines()[0].id.to_string();
    for name in ["../../../../../etc/passwd.", "aaaaaaaaaaaaaaaaaaaaaaaaa/", "AAAAAAAAAAAAAAAAAAAAAAAAAA", "a"] {
        let named = String::from_utf8(list.to_vec()).unwrap().replace(&good, name);
        assert_eq!(List::from_bytes(named.as_bytes()).unwrap_err().class(), jabber_archive_core::ErrorClass::Fatal, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]
    #[test]
    fn no_bytes_make_a_reader_panic(which in any::<u16>(), alterations in alterations()) {
        let (reader, bytes) = &STORED[usize::from(which) % STORED.len()];
        READERS[*reader](&altered(bytes, &alterations));
    }

    #[test]
    fn no_noise_makes_a_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
        for reader in READERS {
            reader(&bytes);
        }
    }
}

/// Puts altered bytes in the place of an entry; or of what entries name, which name the altered then.
fn forge(world: &World, which: u16, alterations: &[Alteration]) {
    let mut entries = world.ledger.entries();
    let kept: Vec<(KeptKind, Digest, Bytes)> = KeptKind::ALL
        .into_iter()
        .flat_map(|kind| world.ledger.kept(kind).into_iter().map(move |(digest, content)| (kind, digest, content)))
        .collect();
    let which = usize::from(which) % (entries.len() * 3 + kept.len());
    if let Some((kind, digest, content)) = kept.get(which) {
        let forged = Bytes::from(altered(content, alterations));
        let name = block_on(world.ledger.keep(*kind, stream::iter([Ok(forged)]).boxed())).unwrap().to_string();
        for entry in entries.values_mut() {
            *entry = String::from_utf8_lossy(entry).replace(&digest.to_string(), &name).into_bytes().into();
        }
    } else {
        let number = 1 + (which - kept.len()) as u64 % entries.len() as u64;
        let entry = entries.get_mut(&number).unwrap();
        *entry = altered(entry, alterations).into();
    }
    for (number, entry) in entries {
        world.ledger.alter(&Entry::path(number), &entry);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn who_works_on_an_archive_in_which_something_was_altered_never_panics(which in any::<u16>(), alterations in alterations()) {
        let mut world = archive();
        forge(&world, which, &alterations);
        world.now = at("2026-11-25T06:30:00Z");
        world.source.set_clock(world.now);
        world.source.edit(|records| records.push(other_chat("2026-11-23T13:00:00Z", "last", "and this")));
        work(&world);
    }
}
