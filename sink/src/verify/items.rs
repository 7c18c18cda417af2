//! The items: those that lists name, and those that none does.

use std::{collections::BTreeSet, sync::Arc};

use futures::{StreamExt, TryStreamExt, future::try_join, stream};
use jabber_archive_core::{Digest, ErrorKind, Gate, ItemId, ItemKey, KeptKind, List, Result, Timestamp, Window};
use object_store::path::Path;

use super::{
    Fault, Problem, Verification, VerifyOptions, VerifyProgress,
    chain::{Sealed, SealedList, SealedWindow},
    leftover::killed_put,
    sample::Choice,
};
use crate::{Archive, sink::item_id};

/// What the lists and the folder of a window say.
#[derive(Debug, Default)]
struct Compared {
    listed: Vec<Listed>,
    /// Items that seals count and no list tells of.
    untold: u64,
    /// Whether a list is missing or cannot be read.
    unread_list: bool,
    found: Found,
}

/// What can be said of a window without reading its items.
#[derive(Debug, Default)]
struct Found {
    problems: Vec<Problem>,
    abandoned: u64,
    leftover: u64,
}

/// An item of a list: whether it is there, and what it must be.
#[derive(Debug)]
struct Listed {
    key: ItemKey,
    bytes: u64,
    sha256: Digest,
    list: Arc<str>,
    there: bool,
}

#[derive(Debug)]
enum Step {
    Found(Found),
    Item(Listed),
}

#[derive(Debug)]
enum Done {
    Found(Found),
    Right { bytes: u64 },
    Wrong { bytes: u64, problem: Problem },
}

/// Reads the chosen items across all windows: the next window is looked at while the last items of the one before are read.
pub(super) async fn compare(
    archive: &Archive,
    options: &VerifyOptions,
    sealed: &Sealed,
    mut choice: Choice,
    verification: &mut Verification,
    progress: &mut (impl FnMut(VerifyProgress) + Send),
) -> Result<()> {
    let of = verification.sampled.map_or_else(|| sealed.items(), |sampled| sampled.items);
    let mut shown = VerifyProgress { items: 0, of, bytes: 0 };
    let gate = Gate::new(options.in_flight);
    let compared = stream::iter(sealed.used()).then(|(window, seals)| compare_window(archive, sealed, *window, seals));
    let steps = compared.map_ok(move |compared| stream::iter(steps(compared, &mut choice)).map(Ok)).try_flatten();
    let done = steps.map_ok(|step| take(archive, &gate, step)).try_buffer_unordered(options.concurrency.max(1));
    let mut done = std::pin::pin!(done);
    while let Some(done) = done.try_next().await? {
        match done {
            Done::Found(found) => {
                verification.problems.extend(found.problems);
                verification.abandoned += found.abandoned;
                verification.leftover += found.leftover;
                continue;
            }
            Done::Right { bytes } => {
                verification.items += 1;
                verification.bytes += bytes;
                shown.bytes += bytes;
            }
            Done::Wrong { bytes, problem } => {
                verification.problems.push(problem);
                shown.bytes += bytes;
            }
        }
        shown.items += 1;
        progress(shown);
    }
    sweep(archive, sealed, verification).await
}

/// Looks at all items outside of the folders of windows that have any.
async fn sweep(archive: &Archive, sealed: &Sealed, verification: &mut Verification) -> Result<()> {
    let folders: BTreeSet<String> = sealed.used().map(|(window, _)| window.folder()).collect();
    let mut paths = archive.below(ErrorKind::Sink, "items");
    while let Some(path) = paths.try_next().await? {
        let folder = path.as_ref().rsplit_once('/').map_or("", |(folder, _)| folder).trim_start_matches("items/");
        if folders.contains(folder) {
            continue;
        }
        let start = folder_start(folder);
        let is_sealed = match start {
            Some(start) if start < Timestamp::PLAUSIBLE => sealed.frontier.undated,
            Some(start) => sealed.frontier.end.is_some_and(|end| start < end),
            None => true,
        };
        match item_id(&path) {
            Some(id) if sealed.abandoned.contains(&id) => verification.abandoned += 1,
            Some(_) if !is_sealed => verification.pending += 1,
            // The entry that cannot be read may be the seal that lists it.
            Some(_) if sealed.incomplete && start.is_some_and(|start| !sealed.windows.keys().any(|window| window.contains(start))) => {}
            None if start.is_some() && is_killed_put(&path) => verification.leftover += 1,
            _ => verification.problems.push(Problem::new(path.as_ref(), Fault::Extra)),
        }
    }
    Ok(())
}

async fn compare_window(archive: &Archive, sealed: &Sealed, window: Window, seals: &SealedWindow) -> Result<Compared> {
    let folder = format!("items/{}", window.folder());
    let (mut compared, paths) = try_join(read_lists(archive, window, seals), archive.within(ErrorKind::Sink, &folder)).await?;
    let listed: BTreeSet<&ItemId> = compared.listed.iter().map(|item| &item.key.id).collect();
    let mut there = BTreeSet::new();
    for path in paths {
        let is_abandoned = |id: &ItemId| seals.abandoned.contains(id) || sealed.abandoned.contains(id);
        match item_id(&path) {
            Some(id) if listed.contains(&id) => {
                there.insert(id);
            }
            Some(id) if is_abandoned(&id) => compared.found.abandoned += 1,
            // Without its list nothing tells which items were added.
            Some(_) if compared.unread_list => {}
            None if is_killed_put(&path) => compared.found.leftover += 1,
            _ => compared.found.problems.push(Problem::new(path.as_ref(), Fault::Extra)),
        }
    }
    for item in &mut compared.listed {
        item.there = there.contains(&item.key.id);
    }
    Ok(compared)
}

async fn read_lists(archive: &Archive, window: Window, seals: &SealedWindow) -> Result<Compared> {
    let mut compared = Compared::default();
    for list in &seals.lists {
        let path: Arc<str> = KeptKind::List.path(&list.digest).into();
        let Some(lines) = read_list(archive, list, &path, &mut compared.found.problems).await? else {
            compared.unread_list = true;
            compared.untold = compared.untold.saturating_add(list.items);
            continue;
        };
        let lines = lines.lines();
        compared.untold = compared.untold.saturating_add(list.items.saturating_sub(lines.len() as u64));
        compared.listed.extend(lines.iter().map(|line| Listed {
            key: ItemKey::new(window, line.id.clone()),
            bytes: line.bytes,
            sha256: line.sha256,
            list: path.clone(),
            there: false,
        }));
    }
    Ok(compared)
}

/// The list, if it is there and is the one that its seal names.
async fn read_list(archive: &Archive, list: &SealedList, path: &str, problems: &mut Vec<Problem>) -> Result<Option<List>> {
    let Some(bytes) = archive.find(ErrorKind::Ledger, &Path::from(path)).await? else {
        problems.push(Problem::new(path, Fault::Missing));
        return Ok(None);
    };
    let found = Digest::of(&bytes);
    if found != list.digest {
        problems.push(Problem::new(path, Fault::Changed { says: list.entry.clone(), expected: list.digest, found }));
        return Ok(None);
    }
    let lines = match List::from_bytes(&bytes) {
        Ok(lines) => lines,
        Err(error) => {
            problems.push(Problem::new(path, Fault::Damaged { why: error.to_string() }));
            return Ok(None);
        }
    };
    let bytes = lines.lines().iter().fold(0_u64, |sum, line| sum.saturating_add(line.bytes));
    let messages: u64 = lines.lines().iter().map(|line| line.messages.len() as u64).sum();
    if (lines.lines().len() as u64, bytes, messages) != (list.items, list.bytes, list.messages) {
        problems.push(Problem::inconsistent(list.entry.as_str(), format!("its counts are not those of {path}")));
    }
    Ok(Some(lines))
}

/// What is to be done for a window: of the items that are not chosen, those that are missing are named all the same.
fn steps(compared: Compared, choice: &mut Choice) -> Vec<Step> {
    let Compared { listed, untold, mut found, .. } = compared;
    choice.pass(untold);
    let mut chosen = Vec::new();
    for item in listed {
        if choice.next() {
            chosen.push(Step::Item(item));
        } else if !item.there {
            found.problems.push(Problem::new(item.key.path(), Fault::Missing));
        }
    }
    chosen.push(Step::Found(found));
    chosen
}

async fn take(archive: &Archive, gate: &Gate, step: Step) -> Result<Done> {
    let item = match step {
        Step::Found(found) => return Ok(Done::Found(found)),
        Step::Item(item) => item,
    };
    let path = item.key.path();
    let missing = |path| Ok(Done::Wrong { bytes: 0, problem: Problem::new(path, Fault::Missing) });
    if !item.there {
        return missing(path);
    }
    let _passage = gate.enter(item.bytes).await;
    // It may have gone since it was listed.
    let Some(content) = archive.find(ErrorKind::Sink, &Path::from(path.as_str())).await? else { return missing(path) };
    let (bytes, found) = (content.len() as u64, Digest::of(&content));
    if (bytes, found) == (item.bytes, item.sha256) {
        return Ok(Done::Right { bytes });
    }
    let fault = Fault::Changed { says: item.list.to_string(), expected: item.sha256, found };
    Ok(Done::Wrong { bytes, problem: Problem::new(path, fault) })
}

fn is_killed_put(path: &Path) -> bool {
    killed_put(path).is_some_and(|target| item_id(&target).is_some())
}

/// The start of the window whose items lie in a folder: `2026/11/21`, `2026/11/21/0600` or `undated`.
fn folder_start(folder: &str) -> Option<Timestamp> {
    if folder == Window::UNDATED.folder() {
        return Some(Window::UNDATED.start());
    }
    let mut parts = folder.split('/');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let time = parts.next().unwrap_or("0000");
    let (hour, minute) = time.split_at_checked(2)?;
    format!("{year}-{month}-{day}T{hour}:{minute}:00Z").parse().ok().filter(|_| parts.next().is_none())
}
