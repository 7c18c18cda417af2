//! The items: those that lists name, and those that none does.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use jabber_archive_core::{Digest, ErrorKind, ItemId, ItemKey, KeptKind, List, ListLine, Result, Timestamp, Window};
use object_store::path::Path;

use super::{
    Fault, Problem, Verification, VerifyOptions,
    chain::{Sealed, SealedList, SealedWindow},
};
use crate::{Archive, sink::item_id};

pub(super) async fn compare(
    archive: &Archive,
    options: &VerifyOptions,
    sealed: &Sealed,
    verification: &mut Verification,
    progress: &mut (impl FnMut(u64) + Send),
) -> Result<()> {
    let mut folders = BTreeSet::new();
    for (window, seals) in &sealed.windows {
        if seals.lists.is_empty() && seals.abandoned.is_empty() {
            continue;
        }
        folders.insert(window.folder());
        compare_window(archive, options, sealed, window, seals, verification, progress).await?;
    }
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
            _ => verification.problems.push(Problem::new(path.as_ref(), Fault::Extra)),
        }
    }
    Ok(())
}

async fn compare_window(
    archive: &Archive,
    options: &VerifyOptions,
    sealed: &Sealed,
    window: &Window,
    seals: &SealedWindow,
    verification: &mut Verification,
    progress: &mut (impl FnMut(u64) + Send),
) -> Result<()> {
    let mut listed = BTreeSet::new();
    let mut readable = true;
    for list in &seals.lists {
        let Some(lines) = read_list(archive, list, verification).await? else {
            readable = false;
            continue;
        };
        listed.extend(lines.lines().iter().map(|line| line.id.clone()));
        let checks = lines.lines().iter().map(|line| check(archive, ItemKey::new(*window, line.id.clone()), line, list));
        let mut checks = std::pin::pin!(stream::iter(checks).buffer_unordered(options.concurrency.max(1)));
        while let Some(checked) = checks.try_next().await? {
            match checked {
                Ok(bytes) => {
                    verification.items += 1;
                    verification.bytes += bytes;
                }
                Err(problem) => verification.problems.push(problem),
            }
            progress(verification.items);
        }
    }
    for path in archive.within(ErrorKind::Sink, &format!("items/{}", window.folder())).await? {
        let is_abandoned = |id: &ItemId| seals.abandoned.contains(id) || sealed.abandoned.contains(id);
        match item_id(&path) {
            Some(id) if listed.contains(&id) => {}
            Some(id) if is_abandoned(&id) => verification.abandoned += 1,
            // Without its list nothing tells which items were added.
            Some(_) if !readable => {}
            _ => verification.problems.push(Problem::new(path.as_ref(), Fault::Extra)),
        }
    }
    Ok(())
}

/// The list, if it is there and is the one that its seal names.
async fn read_list(archive: &Archive, list: &SealedList, verification: &mut Verification) -> Result<Option<List>> {
    let path = KeptKind::List.path(&list.digest);
    let Some(bytes) = archive.find(ErrorKind::Ledger, &Path::from(path.as_str())).await? else {
        verification.problems.push(Problem::new(path, Fault::Missing));
        return Ok(None);
    };
    let found = Digest::of(&bytes);
    if found != list.digest {
        verification.problems.push(Problem::new(path, Fault::Changed { says: list.entry.clone(), expected: list.digest, found }));
        return Ok(None);
    }
    let lines = match List::from_bytes(&bytes) {
        Ok(lines) => lines,
        Err(error) => {
            verification.problems.push(Problem::new(path, Fault::Damaged { why: error.to_string() }));
            return Ok(None);
        }
    };
    let bytes = lines.lines().iter().fold(0_u64, |sum, line| sum.saturating_add(line.bytes));
    let messages: u64 = lines.lines().iter().map(|line| line.messages.len() as u64).sum();
    if (lines.lines().len() as u64, bytes, messages) != (list.items, list.bytes, list.messages) {
        verification.problems.push(Problem::inconsistent(list.entry.as_str(), format!("its counts are not those of {path}")));
    }
    Ok(Some(lines))
}

async fn check(archive: &Archive, key: ItemKey, line: &ListLine, list: &SealedList) -> Result<Result<u64, Problem>> {
    let path = key.path();
    let Some(bytes) = archive.find(ErrorKind::Sink, &Path::from(path.as_str())).await? else {
        return Ok(Err(Problem::new(path, Fault::Missing)));
    };
    let found = Digest::of(&bytes);
    if found != line.sha256 || bytes.len() as u64 != line.bytes {
        let says = KeptKind::List.path(&list.digest);
        return Ok(Err(Problem::new(path, Fault::Changed { says, expected: line.sha256, found })));
    }
    Ok(Ok(line.bytes))
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
