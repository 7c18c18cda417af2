//! Any bytes in the place of entries and of what they name, and somebody who runs, audits, repairs and retries all the same.
//!
//! A byte says which of them each piece replaces; pieces are divided by 0xFF, which no UTF-8 holds.

#![no_main]

#[allow(dead_code, reason = "the tests of the archiver ask for more of it")]
#[path = "../../tests/archiver/world.rs"]
mod world;

use std::{collections::BTreeMap, future::pending, sync::LazyLock};

use bytes::Bytes;
use futures::{executor::block_on, stream, stream::StreamExt};
use jabber_archive_core::{Digest, Entry, KeptKind, Ledger, Span, Timestamp, testing::faults::Faults};

use crate::world::{World, at, chat, company, other_chat};

/// What is stored of an archive.
struct Stored {
    entries: BTreeMap<u64, Bytes>,
    kept: Vec<(KeptKind, Digest)>,
}

static STORED: LazyLock<Stored> = LazyLock::new(|| {
    let world = archive();
    let kept = |kind| world.ledger.kept(kind).into_keys().map(move |digest| (kind, digest)).collect::<Vec<_>>();
    Stored { entries: world.ledger.entries(), kept: KeptKind::ALL.map(kept).concat() }
});

/// An archive with seals, an addendum, lists, contexts and dead letters.
fn archive() -> World {
    let world = World::new(company());
    world.run().expect("nothing is wrong with it yet");
    world.source.edit(|records| records.push(chat("2026-11-23T07:00:00Z", "late", "came late")));
    world.run().expect("nothing is wrong with it yet");
    world
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Stored { entries, kept } = &*STORED;
    let mut world = archive();
    let mut forged = entries.clone();
    for piece in data.split(|byte| *byte == 0xff).take(4) {
        let Some((which, bytes)) = piece.split_first() else { continue };
        let bytes = Bytes::copy_from_slice(bytes);
        let which = usize::from(*which) % (entries.len() + kept.len());
        if let Some((kind, digest)) = which.checked_sub(entries.len()).map(|which| kept[which]) {
            let name = block_on(world.ledger.keep(kind, stream::iter([Ok(bytes)]).boxed())).expect("memory keeps everything");
            for entry in forged.values_mut() {
                *entry = String::from_utf8_lossy(entry).replace(&digest.to_string(), &name.to_string()).into();
            }
        } else {
            forged.insert(which as u64 + 1, bytes);
        }
    }
    for (number, entry) in &forged {
        world.ledger.alter(&Entry::path(*number), entry);
    }
    world.now = at("2026-11-25T06:30:00Z");
    world.source.set_clock(world.now);
    world.source.edit(|records| records.push(other_chat("2026-11-23T13:00:00Z", "last", "and this")));
    world.settings.accept = Some("a test".to_owned());
    let archiver = world.archiver(&Faults::none());
    let span = Span::new(at("2026-11-19T00:00:00Z"), Timestamp::MAX);
    let _ = block_on(archiver.run(world.now, pending()));
    let _ = block_on(archiver.repair(span, world.now, pending()));
    let _ = block_on(archiver.retry(world.now, pending()));
    let _ = block_on(archiver.audit(span, world.now, pending()));
});
