use std::{
    error::Error as _,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use jabber_archive_core::{ArchiveFacts, Error, ErrorClass, Grid, KeptKind, Ledger};
use jabber_archive_sink::Archive;

use crate::{
    child,
    example::{Example, archiver, facts, now},
    snapshot::{files, snapshot},
};

/// What happened, to what, and what to do next.
fn assert_helps(error: &Error, about: &Path, words: &[&str]) {
    assert_eq!(error.class(), ErrorClass::Fatal, "{error}");
    assert_eq!(error.subject(), about.to_str(), "{error}");
    assert!(error.advice().is_some(), "{error}");
    let line = error.to_string();
    for word in words {
        assert!(line.contains(word), "`{word}` is not in: {line}");
    }
    assert!(!line.contains('\n'), "{line}");
}

#[test]
fn a_folder_that_is_not_there_is_made_with_those_above_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("of/the/company/archive");
    Archive::file(&place).unwrap();
    assert_eq!(snapshot(&place).into_iter().map(|(path, object)| (path, object.mode)).collect::<Vec<_>>(), [(String::new(), 0o700)]);
}

#[test]
fn an_existing_archive_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("archive");
    assert_helps(&Archive::existing_file(&place).unwrap_err(), &place, &["there is no such folder", "`path` under [sink]"]);
    assert!(!place.exists());
}

#[test]
fn a_folder_that_is_something_else_is_refused_and_keeps_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("home");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("letter.txt"), "important").unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
    assert_helps(&Archive::file(&place).unwrap_err(), &place, &["holds `letter.txt` and no archive", "a folder that is empty"]);
    assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o755);
    fs::remove_file(place.join("letter.txt")).unwrap();
    fs::create_dir(place.join("lost+found")).unwrap();
    Archive::file(&place).unwrap();
}

#[test]
fn a_file_where_the_folder_is_to_be_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("archive");
    fs::write(&file, "important").unwrap();
    for place in [file.clone(), file.join("below")] {
        let error = Archive::file(&place).unwrap_err();
        assert_helps(&error, &place, &["the folder cannot be created", "a file is in the way", "`path` under [sink]"]);
        assert!(error.source().is_some());
        Archive::existing_file(&place).unwrap_err();
    }
    assert_eq!(fs::read(&file).unwrap(), b"important");
}

#[test]
fn a_folder_that_may_not_be_written_is_refused_with_what_to_do() {
    if child::folder().is_some() {
        refuses_what_may_not_be_written().unwrap();
        return;
    }
    if refuses_what_may_not_be_written().is_some() {
        return;
    }
    // To root everything is permitted: ask as somebody else.
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let test = "opening::a_folder_that_may_not_be_written_is_refused_with_what_to_do";
    match child::run(&nobody, test, Path::new("/")) {
        Some((passed, said)) => assert!(passed, "{said}"),
        None => eprintln!("SKIPPED: root, and this test cannot be run as somebody else here"),
    }
}

/// `None` if this account may write everywhere.
fn refuses_what_may_not_be_written() -> Option<()> {
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    let below = closed.join("archive");
    if fs::create_dir(&below).is_ok() {
        return None;
    }
    assert_helps(&Archive::file(&below).unwrap_err(), &below, &["the folder cannot be created", "the right to write there"]);
    // Its mode is ours to set, so that it does not hinder; somebody else's is not.
    Archive::file(&closed).unwrap();
    let theirs = Path::new("/srv");
    if fs::read_dir(theirs).is_ok_and(|mut entries| entries.next().is_none()) {
        assert_helps(&Archive::file(theirs).unwrap_err(), theirs, &["its mode cannot be set", "the right to write there"]);
    } else {
        eprintln!("SKIPPED: /srv is not there or not empty");
    }
    Some(())
}

#[test]
fn opening_leaves_no_trace_of_its_trial() {
    let folder = tempfile::tempdir().unwrap();
    Archive::file(folder.path()).unwrap();
    assert_eq!(files(folder.path()), [].into());
}

#[test]
fn what_a_killed_opening_left_does_not_hinder_the_next() {
    let folder = tempfile::tempdir().unwrap();
    for name in [format!(".probe-{}", std::process::id()), format!(".probe-{}.link", std::process::id())] {
        fs::write(folder.path().join(name), "probe").unwrap();
    }
    Archive::file(folder.path()).unwrap();
}

#[tokio::test]
async fn an_archive_of_other_facts_is_refused_with_every_difference_and_left_as_it_is() {
    let example = Example::new().await;
    let before = snapshot(example.path());
    let hours = std::time::Duration::from_hours;
    let mut other_grid = facts();
    other_grid.grid = Grid::new(hours(6), hours(1)).unwrap();
    let mut other_margin = facts();
    other_margin.margin_seconds = 60;
    let cases = [
        (
            ArchiveFacts::new("jabber-prod").unwrap(),
            "open archive.json: name is jabber-test there and jabber-prod here, message_id_domain is jabber-test.jabber-archive.invalid \
             there and jabber-prod.jabber-archive.invalid here; ",
        ),
        (other_grid, "open archive.json: window (minutes) is 1440 there and 360 here, anchor (minutes) is 0 there and 60 here; "),
        (other_margin, "open archive.json: margin (seconds) is 300 there and 60 here; "),
    ];
    for (facts, message) in cases {
        let error = example.archive.ledger().open(&facts).await.unwrap_err();
        assert_helps(&error, Path::new("archive.json"), &["set them as they are there, or begin another archive"]);
        assert!(error.to_string().starts_with(message), "{error}");
    }
    assert_eq!(snapshot(example.path()), before);
}

#[tokio::test]
async fn a_damaged_archive_json_stops_a_run_and_says_where_its_digest_is() {
    for damage in ["", "{", "{}", "[]\n", r#"{"format":1}"#, "\0\0\0\0"] {
        let example = Example::new().await;
        fs::write(example.path().join("archive.json"), damage).unwrap();
        let before = snapshot(example.path());
        let error = run(&example.archive).await;
        assert_helps(&error, Path::new("archive.json"), &["it is damaged", "restore it from a copy", "first entry names its digest"]);
        assert!(error.source().is_some());
        assert_eq!(snapshot(example.path()), before);
    }
}

#[tokio::test]
async fn an_archive_json_that_is_missing_from_a_chain_is_not_made_anew() {
    let example = Example::new().await;
    fs::remove_file(example.path().join("archive.json")).unwrap();
    let before = snapshot(example.path());
    let error = run(&example.archive).await;
    assert_helps(&error, Path::new("archive.json"), &["it is missing", "restore it from a copy", "first entry names its digest"]);
    let mut left = snapshot(example.path());
    // The folder was written to, by the trial of opening alone.
    left.get_mut("").unwrap().modified = before[""].modified;
    assert_eq!(left, before);
}

#[tokio::test]
async fn a_damaged_last_entry_stops_a_run_and_says_what_to_do() {
    let example = Example::new().await;
    let path = Path::new("ledger/00000006.json");
    let whole = fs::read(example.path().join(path)).unwrap();
    let other = fs::read(example.path().join("ledger/00000005.json")).unwrap();
    for (damage, word) in [(&b""[..], "it is damaged"), (&whole[..whole.len() / 2], "it is damaged"), (&other, "it holds another number")] {
        fs::write(example.path().join(path), damage).unwrap();
        let before = snapshot(example.path());
        let error = run(&example.archive).await;
        assert_helps(&error, path, &[word, "run `jabber-archive verify`", "restore it from a copy"]);
        assert_eq!(snapshot(example.path()), before);
    }
}

#[tokio::test]
async fn kept_content_that_is_missing_or_damaged_is_an_error_that_says_what_to_do() {
    let example = Example::new().await;
    let receipts = Bytes::from_static(b"receipts of an import\n");
    example.archive.ledger().keep(KeptKind::Receipts, stream::iter([Ok(receipts)]).boxed()).await.unwrap();
    for kind in KeptKind::ALL {
        let path = files(example.path()).into_keys().find(|path| Path::new(path).parent() == Some(Path::new(kind.folder()))).unwrap();
        let name = PathBuf::from(&path);
        let digest = name.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let ledger = example.archive.ledger();
        fs::write(example.path().join(&path), "damaged").unwrap();
        let error = ledger.load(kind, &digest).await.err().unwrap();
        assert_helps(&error, &name, &["does not have the digest", "run `jabber-archive verify`"]);
        fs::remove_file(example.path().join(&path)).unwrap();
        let error = ledger.load(kind, &digest).await.err().unwrap();
        assert_helps(&error, &name, &["it is not there", "run `jabber-archive verify`"]);
    }
}

#[tokio::test]
async fn a_file_in_the_way_of_a_folder_stops_a_run_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path()).unwrap();
    fs::write(folder.path().join("items"), "important").unwrap();
    let error = run(&archive).await;
    assert_eq!(error.class(), ErrorClass::Fatal, "{error}");
    assert!(error.to_string().contains("something else is in the way"), "{error}");
    assert_eq!(fs::read(folder.path().join("items")).unwrap(), b"important");
}

/// The error of a run that fails.
async fn run(archive: &Archive) -> Error {
    archiver(archive, "host", jabber_archive_core::TranscriptSettings::default()).run(now(), std::future::pending()).await.unwrap_err()
}
