//! What the program was doing when a kill met it, by what it has left in the store.

use std::collections::BTreeSet;

use crate::{
    company::Chapter,
    contents::{Files, entries, is_leftover, is_stored, listed, referred},
};

/// The chapter and the phase, such as `late storing`.
pub(crate) fn of(chapter: Chapter, before: &Files, after: &Files, asked_the_source: bool) -> String {
    format!("{} {}", chapter.name(), phase(before, after, asked_the_source))
}

fn phase(before: &Files, after: &Files, asked_the_source: bool) -> &'static str {
    if !after.contains_key("archive.json") {
        return "beginning";
    }
    let new: BTreeSet<&String> = after.keys().filter(|path| !before.contains_key(*path)).collect();
    if new.is_empty() {
        return if asked_the_source { "reading" } else { "starting" };
    }
    if after.keys().any(|path| path.starts_with("incoming/")) && new.iter().any(|path| path.starts_with("incoming/")) {
        return "staging";
    }
    let referred = referred(after);
    let loose = |folder: &str| new.iter().any(|path| path.starts_with(folder) && !is_leftover(path) && !referred.contains(*path));
    if loose("ledger/lists/") {
        return "list kept";
    }
    if loose("dead-letters/") {
        return "letter kept";
    }
    let listed: BTreeSet<String> = listed(after).into_iter().collect();
    let is_listed = |path: &str| path.rsplit('/').next().and_then(|name| name.strip_suffix(".eml")).is_some_and(|id| listed.contains(id));
    if new.iter().any(|path| is_stored(path) && path.starts_with("items/") && !is_listed(path)) {
        return "storing";
    }
    if loose("context/") {
        return "context kept";
    }
    match entries(after).filter(|(path, _)| !before.contains_key(*path)).last() {
        Some((_, entry)) if entry.get("seal").is_some() => "sealed",
        Some((_, entry)) if entry.get("addendum").is_some() => "added",
        Some(_) => "recorded",
        None if new.iter().any(|path| is_stored(path)) => "storing",
        None if before.contains_key("archive.json") => "putting",
        None => "beginning",
    }
}
