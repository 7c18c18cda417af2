//! The chain: entry after entry, and what each says of itself.

use std::collections::{BTreeMap, BTreeSet};

use jabber_archive_core::{
    Digest, Entry, EntryRecord, ErrorKind, Frontier, ImportEntry, ItemId, KeptKind, Link, NewerEntry, Result, Seal, Window,
};
use object_store::path::Path;

use super::{Fault, Problem, Verification, VerifyOptions};
use crate::{Archive, ledger::facts_path};

/// So many missing entries are named one by one; the name of a single file can make a gap of any size.
const NAMED: u64 = 1_000;

/// What the chain says of the items.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    pub(crate) windows: BTreeMap<Window, SealedWindow>,
    pub(super) frontier: Frontier,
    /// Items that run entries name as counting for nothing.
    pub(super) abandoned: BTreeSet<ItemId>,
    /// Everything that entries name by digest, with the first that does.
    pub(super) kept: BTreeMap<(KeptKind, Digest), String>,
    /// What was put into mailboxes, by the numbers of the entries.
    pub(crate) imports: Vec<(u64, ImportEntry)>,
    /// What stands behind the `@` of Message-IDs, where `archive.json` can be read.
    pub(crate) message_id_domain: Option<String>,
    /// Whether an entry is missing or cannot be read: it may have sealed windows of which nothing else is known.
    pub(crate) incomplete: bool,
}

impl Sealed {
    /// The windows in whose folders something may lie.
    pub(super) fn used(&self) -> impl Iterator<Item = (&Window, &SealedWindow)> {
        self.windows.iter().filter(|(_, seals)| !(seals.lists.is_empty() && seals.abandoned.is_empty()))
    }

    /// How many items the seals count in their lists.
    pub(super) fn items(&self) -> u64 {
        // An entry may have been forged, so that its counts need not have a sum.
        self.windows.values().flat_map(|seals| &seals.lists).fold(0, |sum, list| sum.saturating_add(list.items))
    }
}

/// What the seals of one window say.
#[derive(Debug, Default)]
pub(crate) struct SealedWindow {
    pub(crate) lists: Vec<SealedList>,
    pub(super) abandoned: BTreeSet<ItemId>,
}

/// A list, and what its seal counted.
#[derive(Debug)]
pub(crate) struct SealedList {
    pub(crate) entry: String,
    pub(crate) digest: Digest,
    pub(super) items: u64,
    pub(super) bytes: u64,
    pub(super) messages: u64,
}

pub(crate) async fn walk(archive: &Archive, options: &VerifyOptions, verification: &mut Verification) -> Result<Sealed> {
    let mut sealed = Sealed::default();
    let ledger = archive.ledger();
    // What the next entry is to name, unless that is unknown because the object before is missing.
    let mut previous: Option<(String, Digest)> = match archive.find(ErrorKind::Ledger, &facts_path()).await? {
        Some(bytes) => {
            match ledger.facts().await {
                Ok(facts) => sealed.message_id_domain = facts.map(|(facts, _)| facts.message_id_domain),
                Err(error) => verification.problems.push(Problem::new(facts_path().as_ref(), Fault::Damaged { why: error.to_string() })),
            }
            Some((facts_path().to_string(), Digest::of(&bytes)))
        }
        None => {
            verification.problems.push(Problem::new(facts_path().as_ref(), Fault::Missing));
            None
        }
    };
    let mut expected_seen = options.expect.is_none();
    let mut next = 1;
    // Whether the entry before was read, so that the next one's frontier can be checked against it.
    let mut follows = true;
    for number in ledger.numbers().await? {
        let path = Entry::path(number);
        if next < number {
            verification.problems.extend((next..number).take(NAMED as usize).map(|gone| Problem::new(Entry::path(gone), Fault::Missing)));
            if number - next > NAMED {
                let how = format!("{} entries before it are missing", number - next);
                verification.problems.push(Problem::inconsistent(path.as_str(), how));
            }
            (previous, follows, sealed.incomplete) = (None, false, true);
        }
        next = number.saturating_add(1);
        let Some(bytes) = archive.find(ErrorKind::Ledger, &Path::from(path.as_str())).await? else {
            verification.problems.push(Problem::new(path, Fault::Missing));
            (previous, follows, sealed.incomplete) = (None, false, true);
            continue;
        };
        verification.entries += 1;
        let digest = Digest::of(&bytes);
        verification.head = Some(digest);
        expected_seen |= options.expect == Some(digest);
        match Link::from_bytes(number, &bytes) {
            Ok(link) => {
                verification.problems.extend(break_before(options, &path, previous.as_ref(), link.entry.previous));
                examine(&path, link.entry, follows, &mut sealed, verification);
                follows = true;
            }
            Err(error) => match NewerEntry::from_bytes(number, &bytes) {
                // Where it stands in the chain is known all the same; what it seals is not.
                Some(newer) => {
                    verification.problems.extend(break_before(options, &path, previous.as_ref(), newer.previous));
                    verification.problems.push(Problem::new(path.as_str(), Fault::Newer { kind: newer.kind }));
                    (follows, sealed.incomplete, sealed.frontier) = (true, true, newer.frontier);
                }
                None => {
                    verification.problems.push(Problem::new(path.as_str(), Fault::Damaged { why: error.to_string() }));
                    (follows, sealed.incomplete) = (false, true);
                }
            },
        }
        previous = Some((path, digest));
    }
    if !expected_seen {
        let behind = Entry::path(next);
        verification.problems.push(match previous {
            Some((last, _)) if verification.entries > 0 => Problem::inconsistent(
                last,
                format!(
                    "no entry of the chain has the expected digest: this one was changed, or {behind} and what is behind it was removed"
                ),
            ),
            _ => Problem::new(behind, Fault::Missing),
        });
    }
    Ok(sealed)
}

/// What is wrong where an entry names another digest of the object before it than that has.
fn break_before(options: &VerifyOptions, path: &str, before: Option<&(String, Digest)>, named: Digest) -> Option<Problem> {
    let (before, found) = before.filter(|(_, found)| *found != named)?;
    Some(if options.expect == Some(*found) {
        Problem::inconsistent(path, format!("it names another digest of {before}, which is as expected"))
    } else {
        Problem::new(before.as_str(), Fault::Changed { says: path.to_owned(), expected: named, found: *found })
    })
}

fn examine(path: &str, entry: Entry, follows: bool, sealed: &mut Sealed, verification: &mut Verification) {
    let before = std::mem::replace(&mut sealed.frontier, entry.frontier);
    let mut expected = before;
    for named in entry.record.names() {
        sealed.kept.entry(named).or_insert_with(|| path.to_owned());
    }
    match entry.record {
        EntryRecord::Seal(seal) => {
            let undated = seal.span == Window::UNDATED.span();
            if undated {
                expected.undated = true;
            } else {
                if follows && before.end.is_some_and(|end| end != seal.span.start) {
                    verification
                        .problems
                        .push(Problem::inconsistent(path, "the window does not begin where the one sealed before it ends"));
                }
                expected.end = Some(seal.span.end);
                expected.seal = Some(entry.number);
            }
            take_items(path, &seal, sealed, verification);
        }
        EntryRecord::Addendum(addendum) => {
            let span = addendum.seal.span;
            let is_sealed = if span == Window::UNDATED.span() { before.undated } else { before.end.is_some_and(|end| span.end <= end) };
            if follows && !is_sealed {
                verification.problems.push(Problem::inconsistent(path, "it adds to a window that is not sealed"));
            }
            take_items(path, &addendum.seal, sealed, verification);
        }
        EntryRecord::Run(run) => sealed.abandoned.extend(run.abandoned.iter().cloned()),
        EntryRecord::Import(import) => sealed.imports.push((entry.number, *import)),
        record if record.act().is_some() => {}
        _ => verification.problems.push(Problem::inconsistent(path, "an entry of a kind that this version does not know")),
    }
    if follows && expected != entry.frontier {
        verification.problems.push(Problem::inconsistent(path, "the frontier does not follow from the entries before"));
    }
}

/// What an entry says of the items of a window.
fn take_items(path: &str, seal: &Seal, sealed: &mut Sealed, verification: &mut Verification) {
    check_sums(path, seal, verification);
    match (Window::try_from(seal.span), seal.list) {
        (Ok(window), list) => {
            let known = sealed.windows.entry(window).or_default();
            known.abandoned.extend(seal.abandoned.iter().cloned());
            match list {
                Some(digest) => known.lists.push(SealedList {
                    entry: path.to_owned(),
                    digest,
                    items: seal.items,
                    bytes: seal.bytes,
                    messages: seal.messages.listed,
                }),
                None if seal.items > 0 => {
                    verification.problems.push(Problem::inconsistent(path, "it counts items but names no list"));
                }
                None => {}
            }
        }
        (Err(_), _) => verification.problems.push(Problem::inconsistent(path, "the window is empty")),
    }
}

fn check_sums(path: &str, seal: &Seal, verification: &mut Verification) {
    for (table, account) in &seal.tables {
        if !account.closes() {
            verification.problems.push(Problem::inconsistent(path, format!("the rows of {table} do not add up")));
        }
    }
    // An entry may have been forged, so that its sums need not be numbers.
    let starts = seal.tables.values().try_fold(0_u64, |sum, account| sum.checked_add(account.starts));
    if !seal.messages.closes() || starts != Some(seal.messages.starts) {
        verification.problems.push(Problem::inconsistent(path, "the messages do not add up"));
    }
    if seal.filter.is_none() && !seal.messages.filtered.is_empty() {
        verification.problems.push(Problem::inconsistent(path, "it counts messages as filtered but names no filter"));
    }
}
