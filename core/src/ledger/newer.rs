use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{EntryRecord, Frontier};
use crate::Digest;

/// An entry of a kind that this version does not know, as a newer one may write it. Its place in the chain can be read all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewerEntry {
    /// Its kind.
    pub kind: String,
    /// SHA-256 of the stored bytes of the entry before.
    pub previous: Digest,
    /// How far the archive has come after it.
    pub frontier: Frontier,
}

#[derive(Deserialize)]
struct Stored {
    number: u64,
    previous: Digest,
    frontier: Frontier,
    #[serde(flatten)]
    record: BTreeMap<String, Value>,
}

impl NewerEntry {
    /// Reads stored bytes; `None` if they are an entry of another number or of a kind that is known, or no entry at all.
    pub fn from_bytes(number: u64, bytes: &[u8]) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(bytes).ok()?;
        let mut kinds = stored.record.into_keys();
        match (kinds.next(), kinds.next()) {
            (Some(kind), None) if stored.number == number && !EntryRecord::KINDS.contains(&&*kind) => {
                Some(Self { kind, previous: stored.previous, frontier: stored.frontier })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Act, Entry, ErrorClass, Link, RunEntry, Timestamp};

    fn run() -> String {
        let run = RunEntry::new(Act::new(Timestamp::PLAUSIBLE, "host", "archive", "test"));
        let entry = Entry::after(None, &Digest::of(b"facts"), Frontier::default(), EntryRecord::Run(Box::new(run)));
        String::from_utf8(entry.to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn an_entry_of_an_unknown_kind_is_newer_and_not_damaged() {
        let newer = run().replace("\"run\"", "\"redaction\"");
        let read = NewerEntry::from_bytes(1, newer.as_bytes()).unwrap();
        assert_eq!((&*read.kind, read.previous, read.frontier), ("redaction", Digest::of(b"facts"), Frontier::default()));
        let error = Link::from_bytes(1, newer.as_bytes()).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Fatal);
        assert!(error.to_string().contains("`redaction`") && error.to_string().contains("newer version"), "{error}");
    }

    #[test]
    fn what_is_damaged_is_not_newer() {
        for damaged in [run(), run().replace("\"number\": 1", "\"number\": 2"), run().replace("\"previous\"", "\"before\""), String::new()]
        {
            assert_eq!(NewerEntry::from_bytes(1, damaged.as_bytes()), None, "{damaged}");
        }
    }
}
