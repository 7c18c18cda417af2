//! What an archive holds, and whether two hold the same.

use std::collections::{BTreeMap, BTreeSet};

use jabber_archive_core::{List, ListLine};
use serde_json::Value;

/// When the last day of the company ends.
const LAST_MIDNIGHT: &str = "2026-11-21T00:00:00.000Z";

/// The files of an archive, by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// What follows from the rows, and not from who archived them when and how often it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Mails and attachments.
    pub(crate) stored: Files,
    /// Seals and addenda, in the order of the chain.
    pub(crate) sealed: Vec<Value>,
    /// The lists, contexts and dead letters that these name.
    pub(crate) kept: Files,
}

impl Contents {
    pub(crate) fn of(files: &Files) -> Self {
        let sealed: Vec<Value> = entries(files).filter_map(|(_, entry)| seal(&entry).cloned()).filter(|seal| !is_of_today(seal)).collect();
        let mut kept = Files::new();
        for path in sealed.iter().flat_map(named) {
            kept.insert(path.clone(), files.get(&path).cloned().unwrap_or_else(|| panic!("{path} is missing")));
        }
        let stored = files.iter().filter(|(path, _)| is_stored(path)).map(|(path, content)| (path.clone(), content.clone())).collect();
        Self { stored, sealed, kept }
    }

    /// Panics where this is not what another archive holds, and says where.
    pub(crate) fn assert_is(&self, other: &Self, what: &str) {
        for (ours, theirs) in [(&self.stored, &other.stored), (&self.kept, &other.kept)] {
            let paths = |files: &Files| files.keys().cloned().collect::<BTreeSet<_>>();
            let (more, fewer): (BTreeSet<_>, BTreeSet<_>) = (&paths(ours) - &paths(theirs), &paths(theirs) - &paths(ours));
            assert!(more.is_empty() && fewer.is_empty(), "{what}: beside the undisturbed archive {more:?}, without {fewer:?}");
            let differ: Vec<&String> = ours.keys().filter(|path| ours[*path] != theirs[*path]).collect();
            assert!(differ.is_empty(), "{what}: {differ:?} differ");
        }
        assert_eq!(self.sealed, other.sealed, "{what}");
    }
}

/// The entries, in order.
pub(crate) fn entries(files: &Files) -> impl Iterator<Item = (&str, Value)> {
    let entries = files.iter().filter(|(path, _)| path.starts_with("ledger/0") && !is_leftover(path));
    entries.map(|(path, content)| (path.as_str(), serde_json::from_slice(content).unwrap_or_else(|error| panic!("{path}: {error}"))))
}

/// What a seal or an addendum says of its window.
fn seal(entry: &Value) -> Option<&Value> {
    entry.get("seal").or_else(|| entry.get("addendum"))
}

/// Whether it seals windows in which the company no longer writes: how many these are follows from the day of the test, and a night may pass in it.
fn is_of_today(seal: &Value) -> bool {
    seal["list"].is_null() && seal["span"]["start"].as_str().unwrap() >= LAST_MIDNIGHT
}

/// The paths of what a seal names by digest.
fn named(seal: &Value) -> Vec<String> {
    let text = |name: &str| seal[name].as_str();
    let letters = seal["dead_letters"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let letters = letters.map(|digest| format!("dead-letters/{digest}.json"));
    let contexts = ["context", "filter"].into_iter().filter_map(text).map(|digest| format!("context/{digest}.json"));
    contexts.chain(text("list").map(|digest| format!("ledger/lists/{digest}.jsonl"))).chain(letters).collect()
}

/// What entries of any kind name by digest.
pub(crate) fn referred(files: &Files) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for (_, entry) in entries(files) {
        paths.extend(seal(&entry).into_iter().flat_map(named));
        for act in ["run", "export"].into_iter().filter_map(|kind| entry.get(kind)) {
            paths.extend(
                ["configuration", "selection"].into_iter().filter_map(|name| Some(format!("context/{}.json", act[name].as_str()?))),
            );
        }
    }
    paths
}

/// The messages that lists name, each as often as it is named.
fn messages(files: &Files) -> Vec<String> {
    let mut messages: Vec<String> = lines(files).iter().flat_map(|line| &line.messages).map(|message| format!("{message:?}")).collect();
    messages.sort_unstable();
    messages
}

/// Panics where one archive has other messages or dead letters than another. What is in the way of a mail, left half by a power cut, moves its conversation to the
/// next edition: then the mails differ, and what they say does not.
pub(crate) fn assert_same_messages(files: &Files, other: &Files, what: &str) {
    assert_eq!(messages(files), messages(other), "{what}");
    let letters = |files: &Files| {
        let named = entries(files).flat_map(|(_, entry)| seal(&entry).map(named).unwrap_or_default());
        named.filter(|path| path.starts_with("dead-letters/")).collect::<BTreeSet<_>>()
    };
    assert_eq!(letters(files), letters(other), "{what}");
    let attachments =
        |files: &Files| files.keys().filter(|path| path.starts_with("attachments/") && !is_leftover(path)).cloned().collect::<Vec<_>>();
    assert_eq!(attachments(files), attachments(other), "{what}");
}

/// The ids that lists name, each as often as it is named.
pub(crate) fn listed(files: &Files) -> Vec<String> {
    lines(files).iter().map(|line| line.id.to_string()).collect()
}

fn lines(files: &Files) -> Vec<ListLine> {
    let lists: Vec<String> = entries(files).filter_map(|(_, entry)| Some(seal(&entry)?["list"].as_str()?.to_owned())).collect();
    let mut lines = Vec::new();
    for digest in lists {
        lines.extend_from_slice(List::from_bytes(&files[&format!("ledger/lists/{digest}.jsonl")]).unwrap().lines());
    }
    lines
}

pub(crate) fn is_stored(path: &str) -> bool {
    (path.starts_with("items/") || path.starts_with("attachments/")) && !is_leftover(path)
}

/// What a killed put leaves beside a file: named like it, with # and a number behind, and referred to by nothing.
pub(crate) fn is_leftover(path: &str) -> bool {
    path.contains('#')
}
