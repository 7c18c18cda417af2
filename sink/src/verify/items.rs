//! The items: those that lists name, and those that none does.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, TryStreamExt, future::try_join, stream};
use jabber_archive_core::{Digest, ErrorKind, Gate, ItemId, KeptKind, ListLine, ObjectKey, Result, Timestamp, Window};
use object_store::path::Path;

use super::{
    Fault, Problem, Verification, VerifyOptions, VerifyProgress,
    chain::{Sealed, SealedList, SealedWindow},
    leftover::killed_put,
    listed::{self, Listed},
    sample::Choice,
};
use crate::{Archive, sink::item_id};

/// What the lists and the folder of a window say.
#[derive(Debug, Default)]
struct Compared {
    listed: Vec<(Listed, Presence)>,
    /// Items that seals count and no list tells of.
    untold: u64,
    /// Whether a list is missing or cannot be read.
    unread_list: bool,
    /// Files that items name instead of holding them.
    attachments: BTreeSet<Digest>,
    found: Found,
}

/// What can be said of a window without reading its items.
#[derive(Debug, Default)]
struct Found {
    problems: Vec<Problem>,
    abandoned: u64,
    leftover: u64,
}

/// Whether an item was found when its folder was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    There,
    Missing,
}

#[derive(Debug)]
enum Step {
    Found(Found),
    Item(Listed, Presence),
}

#[derive(Debug)]
enum Done {
    Found(Found),
    Right { bytes: u64 },
    Wrong(Problem),
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
    let done = steps.map_ok(|step| take(archive, sealed, &gate, step)).try_buffer_unordered(options.concurrency.max(1));
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
            Done::Wrong(problem) => verification.problems.push(problem),
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
        let start = folder_start(folder, sealed.frontier.end);
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
    let listed: BTreeSet<&ItemId> = compared.listed.iter().map(|(item, _)| &item.key.id).collect();
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
    for (item, presence) in &mut compared.listed {
        if there.contains(&item.key.id) {
            *presence = Presence::There;
        }
    }
    for digest in std::mem::take(&mut compared.attachments) {
        let path = ObjectKey::new(digest).path();
        if !archive.exists(ErrorKind::Sink, &Path::from(path.as_str())).await? {
            compared.found.problems.push(Problem::new(path, Fault::Missing));
        }
    }
    Ok(compared)
}

async fn read_lists(archive: &Archive, window: Window, seals: &SealedWindow) -> Result<Compared> {
    let mut compared = Compared::default();
    let mut ids = BTreeSet::new();
    for sealed in &seals.lists {
        let list = match listed::list(archive, sealed).await? {
            Ok(list) => list,
            Err(problem) => {
                compared.found.problems.push(problem);
                compared.unread_list = true;
                compared.untold = compared.untold.saturating_add(sealed.items);
                continue;
            }
        };
        let lines = list.lines();
        compared.found.problems.extend(count(sealed, lines));
        compared.untold = compared.untold.saturating_add(sealed.items.saturating_sub(lines.len() as u64));
        compared.attachments.extend(lines.iter().flat_map(|line| &line.attachments));
        for line in lines {
            let item = Listed::new(window, line, sealed.digest);
            if ids.insert(line.id.clone()) {
                compared.listed.push((item, Presence::Missing));
            } else {
                let how = format!("it lists {} again", item.key);
                compared.found.problems.push(Problem::inconsistent(KeptKind::List.path(&sealed.digest), how));
                compared.untold = compared.untold.saturating_add(1);
            }
        }
    }
    Ok(compared)
}

/// Compares what a seal counted with its list.
fn count(sealed: &SealedList, lines: &[ListLine]) -> Option<Problem> {
    let bytes = lines.iter().fold(0_u64, |sum, line| sum.saturating_add(line.bytes));
    let messages: u64 = lines.iter().map(|line| line.messages.len() as u64).sum();
    let agree = (lines.len() as u64, bytes, messages) == (sealed.items, sealed.bytes, sealed.messages);
    let how = || format!("its counts are not those of {}", KeptKind::List.path(&sealed.digest));
    (!agree).then(|| Problem::inconsistent(sealed.entry.as_str(), how()))
}

/// What is to be done for a window: of the items that are not chosen, those that are missing are named all the same.
fn steps(compared: Compared, choice: &mut Choice) -> Vec<Step> {
    let Compared { listed, untold, mut found, .. } = compared;
    choice.pass(untold);
    let mut chosen = Vec::new();
    for (item, presence) in listed {
        if choice.next() {
            chosen.push(Step::Item(item, presence));
        } else if presence == Presence::Missing {
            found.problems.push(Problem::new(item.key.path(), Fault::Missing));
        }
    }
    chosen.push(Step::Found(found));
    chosen
}

async fn take(archive: &Archive, sealed: &Sealed, gate: &Gate, step: Step) -> Result<Done> {
    let item = match step {
        Step::Found(found) => return Ok(Done::Found(found)),
        Step::Item(item, Presence::There) => item,
        Step::Item(item, Presence::Missing) => return Ok(Done::Wrong(Problem::new(item.key.path(), Fault::Missing))),
    };
    let _passage = gate.enter(item.bytes).await;
    // It may have gone since it was listed.
    Ok(match item.read(archive).await? {
        Ok(content) if names_another(&content, &item.key.id, sealed.message_id_domain.as_deref()) => {
            Done::Wrong(Problem::inconsistent(item.key.path(), "its Message-ID is that of another mail"))
        }
        Ok(_) => Done::Right { bytes: item.bytes },
        Err(problem) => Done::Wrong(problem),
    })
}

/// Whether a mail has a Message-ID at the archive's domain that is not made of its id. One of another domain, or none, is a converter's own business.
fn names_another(mail: &[u8], id: &ItemId, domain: Option<&str>) -> bool {
    const NAME: &[u8] = b"message-id: <";
    let Some(domain) = domain else { return false };
    let header = mail.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).take_while(|line| !line.is_empty());
    let mut names = header.filter_map(|line| {
        let value = line.split_at_checked(NAME.len()).filter(|(name, _)| name.eq_ignore_ascii_case(NAME))?.1;
        value.strip_suffix(b">")?.strip_suffix(domain.as_bytes())?.strip_suffix(b"@")
    });
    names.next().is_some_and(|name| name != id.as_str().as_bytes())
}

fn is_killed_put(path: &Path) -> bool {
    killed_put(path).is_some_and(|target| item_id(&target).is_some())
}

/// The start of the window whose items lie in a folder: `2026/11/21`, `2026/11/21/0600` or `undated`. Windows of a day start at the time at which the last sealed one ends.
pub(crate) fn folder_start(folder: &str, end: Option<Timestamp>) -> Option<Timestamp> {
    if folder == Window::UNDATED.folder() {
        return Some(Window::UNDATED.start());
    }
    let mut parts = folder.split('/');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let time = parts.next();
    let (hour, minute) = time.unwrap_or("0000").split_at_checked(2)?;
    let start: Timestamp = format!("{year}-{month}-{day}T{hour}:{minute}:00Z").parse().ok().filter(|_| parts.next().is_none())?;
    let anchor = end.filter(|_| time.is_none()).map_or(0, |end| end.millis().rem_euclid(24 * 3_600_000));
    Some(start.after(Duration::from_millis(anchor.unsigned_abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_a_day_start_at_the_time_at_which_the_last_one_ends_and_shorter_ones_where_their_folder_says() {
        let at = |time: &str| time.parse::<Timestamp>().unwrap();
        let end = Some(at("2026-11-21T22:30:00Z"));
        assert_eq!(folder_start("2026/11/21", end), Some(at("2026-11-21T22:30:00Z")), "not sealed yet");
        assert_eq!(folder_start("2026/11/20", end), Some(at("2026-11-20T22:30:00Z")));
        assert_eq!(folder_start("2026/11/21/0600", end), Some(at("2026-11-21T06:00:00Z")));
        assert_eq!(folder_start("2026/11/21", None), Some(at("2026-11-21T00:00:00Z")));
        assert_eq!(folder_start("2026/11/21/06/00", end), None);
    }
}
