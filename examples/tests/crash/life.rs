//! What must be true of an archive after every kill, and at the end of every chapter.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command},
    thread,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;

use crate::{
    company::{Chapter, Company},
    contents::{Contents, Files, entries, is_leftover, listed},
    program::{Ran, ended, ran},
    turn::Turn,
};

/// A program that has not ended after this is stuck.
const PATIENCE: Duration = Duration::from_mins(2);

/// In which state mails may be that no entry names yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// As they are to be archived: they appear under their names once they are written.
    Whole,
    /// What nobody has synced yet is anything after a power cut.
    Torn,
}

/// Verifies an archive that was left as it is by a kill. What is sealed is whole; of what is not, nothing is wrong but one thing: mails that were to be added to a
/// sealed window, and are no part of the archive until an entry names them.
pub(crate) fn assert_intact(company: &Company, chapter: Chapter, files: &Files, left: Left, verify: &mut Command) {
    if !files.contains_key("archive.json") {
        assert!(!files.keys().any(|path| path.starts_with("ledger/")), "{:?}", files.keys());
        return;
    }
    let verified = ran(verify);
    let told: Value = serde_json::from_str(&verified.out).unwrap_or_else(|error| panic!("{error}: {verified:?}"));
    let problems = told["problems"].as_array().unwrap_or_else(|| panic!("{verified:?}"));
    let to_be_added = &company.undisturbed(chapter).contents.stored;
    for problem in problems {
        let path = problem["path"].as_str().unwrap();
        let extra = problem["fault"] == "extra" && chapter.adds() && path.starts_with("items/");
        assert!(extra && (left == Left::Torn || to_be_added.get(path) == files.get(path)), "{chapter:?}: {problem}");
    }
    assert_eq!(verified.code, Some(if problems.is_empty() { 0 } else { 3 }), "{verified:?}");
    let mut ids = listed(files);
    ids.sort_unstable();
    assert!(ids.windows(2).all(|two| two[0] != two[1]), "a mail is listed twice");
}

/// The chapter is done by a clean run: the archive is what it would be had nothing happened.
pub(crate) fn assert_undisturbed(company: &Company, chapter: Chapter, clean: &Ran, files: &Files, verify: &mut Command) {
    assert!(matches!(clean.code, Some(0 | 3)), "{chapter:?}: {clean:?}");
    Contents::of(files).assert_is(&company.undisturbed(chapter).contents, chapter.name());
    ran(verify).assert(0, &["are as they were archived"]);
    assert_one_chain(files);
}

/// Numbers without a hole, and only known kinds of files.
fn assert_one_chain(files: &Files) {
    let numbers: Vec<u64> = entries(files).map(|(_, entry)| entry["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let folders = ["archive.json", "attachments/", "context/", "dead-letters/", "incoming/", "items/", "ledger/"];
    let known = |path: &str| folders.iter().any(|folder| path.starts_with(folder)) || path.starts_with(".probe-");
    assert!(files.keys().all(|path| known(path)), "{:?}", files.keys().filter(|path| !known(path)).collect::<Vec<_>>());
}

/// Waits for a program that is to end by itself.
pub(crate) fn wait(mut child: Child) -> Ran {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "the program is stuck");
        thread::sleep(Duration::from_millis(2));
    }
    ended(child.wait_with_output().unwrap())
}

/// Whether a program has an unnamed file open in the spool's folder.
pub(crate) fn spools(company: &Company, process: u32) -> bool {
    let spool = company.folder().join("spool");
    let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    open.filter_map(|descriptor| fs::read_link(descriptor.path()).ok()).any(|path| path.starts_with(&spool))
}

/// Counts what a kill has left of writes that were on their way.
pub(crate) fn count_leftovers(turn: &mut Turn, before: &Files, after: &Files) {
    for _ in after.keys().filter(|path| (is_leftover(path) || path.starts_with("incoming/")) && !before.contains_key(*path)) {
        turn.count("leftovers");
    }
}

/// Makes what killed writes have left in a folder older than a day; how many files that are.
pub(crate) fn age_leftovers(archive: &Path, files: &Files) -> u64 {
    let left = files.keys().filter(|path| is_leftover(path) || path.starts_with("incoming/") || path.starts_with(".probe-"));
    let aged = left.map(|path| {
        let file = File::options().append(true).open(archive.join(path)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_hours(25)).unwrap();
    });
    aged.count() as u64
}

/// How many files lie below a folder, without those that are on their way.
pub(crate) fn below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => below(&entry.path()),
            _ => usize::from(!is_leftover(&entry.file_name().to_string_lossy())),
        })
        .sum()
}
