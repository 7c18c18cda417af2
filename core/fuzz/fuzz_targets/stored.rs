//! Any bytes in the place of what an archive stores: an entry, `archive.json`, a list, a dead letter, a context, a filter, a mail; or of a directory, or a name or time in one.
//!
//! The first byte chooses the reader.

#![no_main]

#[path = "../../tests/stored/readers.rs"]
mod readers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    readers::READERS[usize::from(*choice) % readers::READERS.len()](bytes);
});
