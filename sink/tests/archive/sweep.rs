//! What killed writes have left goes once it is old enough, and nothing else.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, SystemTime},
};

use futures::{StreamExt, stream};
use jabber_archive_core::{Digest, KeptKind, Ledger, ObjectKey, Sink, Stored, Timestamp};
use jabber_archive_sink::{Archive, VerifyOptions, object_store::memory::InMemory, verify};

use crate::{
    example::{Example, day, item},
    snapshot::files,
};

const DAY: Duration = Duration::from_hours(24);

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(since.as_millis() as i64)
}

/// A file that was written to so long ago.
fn leave(root: &Path, path: &str, age: Duration) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "half a mai").unwrap();
    File::options().append(true).open(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

fn paths(root: &Path) -> BTreeSet<String> {
    files(root).into_keys().collect()
}

/// Every name that a killed program leaves, in a window that is sealed, in one that is not, and where nothing else is.
fn leftovers() -> Vec<String> {
    let (digest, id) = ("ab".repeat(32), "a".repeat(26));
    vec![
        format!("items/2026/11/20/{id}.eml#1"),
        format!("items/2026/12/24/{id}.eml#1"),
        format!("items/2026/12/24/0600/{id}.eml#17"),
        format!("items/undated/{id}.eml#1"),
        format!("context/{digest}.json#1"),
        format!("dead-letters/{digest}.json#1"),
        format!("ledger/lists/{digest}.jsonl#1"),
        "ledger/00000042.json#1".to_owned(),
        format!("attachments/{digest}#1"),
        format!("incoming/{digest}-0123456789abcdef"),
        format!("incoming/{digest}.jsonl-0123456789abcdef#1"),
        "archive.json#1".to_owned(),
        ".probe-0123456789abcdef".to_owned(),
        ".probe-0123456789abcdef.link".to_owned(),
    ]
}

#[tokio::test]
async fn leftovers_go_when_they_are_older_than_a_day_and_younger_ones_stay() {
    let example = Example::new().await;
    let (archive, root) = (&example.archive, example.path());
    let before = files(root);
    let verified = verify(archive, VerifyOptions::default(), |_| {}).await.unwrap();
    for leftover in leftovers() {
        leave(root, &leftover, DAY + Duration::from_mins(1));
    }
    let with_leftovers = verify(archive, VerifyOptions::default(), |_| {}).await.unwrap();
    assert_eq!((with_leftovers.leftover, &with_leftovers.problems), (1, &verified.problems), "names with # are passed over");

    let swept = archive.sweep(now().before(DAY)).await.unwrap();
    assert_eq!((swept.files, swept.bytes), (leftovers().len() as u64, 10 * leftovers().len() as u64));
    assert!(files(root) == before);
    assert_eq!(verify(archive, VerifyOptions::default(), |_| {}).await.unwrap(), verified);
    assert_eq!(archive.sweep(now().before(DAY)).await.unwrap().files, 0);

    for leftover in leftovers() {
        leave(root, &leftover, Duration::from_mins(23 * 60 + 59));
    }
    assert_eq!(archive.sweep(now().before(DAY)).await.unwrap().files, 0);
    assert!(leftovers().iter().all(|leftover| root.join(leftover).exists()));
}

#[tokio::test]
async fn what_has_no_name_of_a_leftover_stays_whatever_its_age() {
    let example = Example::new().await;
    let root = example.path();
    let elsewhere = tempfile::tempdir().unwrap();
    let (digest, id) = ("ab".repeat(32), "a".repeat(26));
    for other in [
        "notes.txt#1".to_owned(),
        "mine/archive.json#1".to_owned(),
        format!("items/2026/11/20/{id}.eml#one"),
        "items/2026/11/20/notes#1".to_owned(),
        format!("items/2026/11/20/0600/deeper/still/{id}.eml#1"),
        format!("items/mine/{id}.eml#1"),
        "ledger/notes#1".to_owned(),
        format!("ledger/lists/{digest}.txt#1"),
        "incoming/notes".to_owned(),
        format!("incoming/mine/{digest}-0123456789abcdef"),
        format!("lost+found/{digest}.json#1"),
        ".probe-1".to_owned(),
    ] {
        leave(root, &other, 100 * DAY);
    }
    // And the archive itself, however old.
    for path in paths(root) {
        File::options().append(true).open(root.join(path)).unwrap().set_modified(SystemTime::now() - 100 * DAY).unwrap();
    }
    // Links of every kind to what would go if it were here.
    leave(elsewhere.path(), &format!("{id}.eml#1"), 100 * DAY);
    symlink(elsewhere.path(), root.join("items/2026/12")).unwrap();
    fs::rename(root.join("context"), elsewhere.path().join("context")).unwrap();
    leave(elsewhere.path(), &format!("context/{digest}.json#1"), 100 * DAY);
    symlink(elsewhere.path().join("context"), root.join("context")).unwrap();
    symlink(elsewhere.path().join(format!("{id}.eml#1")), root.join(format!("items/2026/11/20/{id}.eml#1"))).unwrap();
    symlink("nowhere", root.join("ledger/00000099.json#1")).unwrap();
    symlink(root.join("items"), root.join("items/2026/11/20/0600/again")).unwrap();
    fs::create_dir(root.join(format!("incoming/{digest}-0123456789abcdef"))).unwrap();
    let (before, outside) = (entries(root), entries(elsewhere.path()));
    let swept = example.archive.sweep(now().before(DAY)).await.unwrap();
    assert_eq!(swept.files, 0);
    assert_eq!(entries(root), before);
    assert_eq!(entries(elsewhere.path()), outside);
}

/// Every entry of every folder; links are not followed.
fn entries(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            found.insert(entry.path().display().to_string());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn programs_that_put_and_sweep_at_the_same_time_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path()).unwrap();
    let sweeping = tokio::spawn({
        let archive = archive.clone();
        async move {
            let mut swept = 0;
            for _ in 0..200 {
                swept += archive.sweep(now().before(DAY)).await.unwrap().files;
            }
            swept
        }
    });
    let putting = (0..4).map(|writer| {
        let archive = archive.clone();
        tokio::spawn(async move {
            for number in 0..50 {
                let content = bytes::Bytes::from(format!("{writer} {number}").repeat(1_000));
                let key = ObjectKey::new(Digest::of(&content));
                let stored = archive.sink().put_object(&key, stream::iter([Ok(content.clone())]).boxed()).await.unwrap();
                assert_eq!(stored, Stored::Created);
                archive.ledger().keep(KeptKind::Context, stream::iter([Ok(content)]).boxed()).await.unwrap();
            }
        })
    });
    for put in futures::future::join_all(putting).await {
        put.unwrap();
    }
    assert_eq!(sweeping.await.unwrap(), 0);
    assert_eq!(paths(folder.path()).len(), 400);

    // Two that sweep the same leave nothing, and each counts what it removed itself.
    leave(folder.path(), "ledger/00000042.json#1", 2 * DAY);
    let [one, other] = [archive.clone(), archive.clone()]
        .map(|archive| tokio::spawn(async move { archive.sweep(now().before(DAY)).await.unwrap().files }));
    assert_eq!(one.await.unwrap() + other.await.unwrap(), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_listed_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path()).unwrap();
    let mail = item(day("2026-11-20"), 'a', "one");
    assert_eq!(archive.sink().put(&mail).await.unwrap(), Stored::Created);
    fs::remove_dir_all(folder.path()).unwrap();
    let error = archive.sweep(now()).await.unwrap_err();
    assert!(error.to_string().contains(folder.path().to_str().unwrap()) && error.to_string().contains("nothing depends on it"), "{error}");
}

#[tokio::test]
async fn of_a_store_that_is_no_folder_nothing_is_swept() {
    #[derive(Debug)]
    struct Elsewhere;

    #[async_trait::async_trait]
    impl jabber_archive_sink::Durability for Elsewhere {
        async fn settle(&self, _: Vec<jabber_archive_sink::object_store::path::Path>) -> jabber_archive_core::Result<()> {
            Ok(())
        }

        fn largest_item(&self) -> u64 {
            1_000
        }
    }

    let archive = Archive::new(std::sync::Arc::new(InMemory::new()), std::sync::Arc::new(Elsewhere));
    let mail = item(day("2026-11-20"), 'a', "one");
    assert_eq!(archive.sink().put(&mail).await.unwrap(), Stored::Created);
    assert_eq!(archive.sweep(now()).await.unwrap().files, 0);
    assert_eq!(archive.sink().read(&mail.key).await.unwrap(), mail.content);
}
