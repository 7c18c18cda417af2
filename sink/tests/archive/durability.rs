use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use jabber_archive_core::{Digest, ErrorClass, ObjectKey, Result, Sink, Stored};
use jabber_archive_sink::{Archive, Durability, VerifyOptions, verify};
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path as ObjectPath};

use crate::{
    child,
    example::{self, Example, day, item},
    snapshot::{files, snapshot},
};

async fn write_archive(folder: &Path) {
    example::run(&Archive::file(folder).unwrap()).await;
}

#[tokio::test]
async fn files_are_0600_and_folders_0700_whatever_the_umask() {
    if let Some(folder) = child::folder() {
        write_archive(&folder).await;
        return;
    }
    for umask in ["0000", "0022", "0077"] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("archive");
        let shell = ["sh", "-c", &format!("umask {umask} && exec \"$0\" \"$@\"")];
        let (passed, said) = child::run(&shell, "durability::files_are_0600_and_folders_0700_whatever_the_umask", &place).unwrap();
        assert!(passed, "umask {umask}: {said}");
        let objects = snapshot(&place);
        assert!(objects.len() > 20, "umask {umask}: {:?}", objects.keys());
        for (path, object) in objects {
            let wanted = if object.content.is_some() { 0o600 } else { 0o700 };
            assert_eq!(object.mode, wanted, "umask {umask}: `{path}` has mode {:o}", object.mode);
        }
    }
}

#[tokio::test]
async fn an_archive_lies_in_the_files_that_are_documented() {
    let folder = tempfile::tempdir().unwrap();
    write_archive(folder.path()).await;
    let files = files(folder.path());
    for (path, content) in &files {
        if let Some(digest) = path.rsplit('/').next().and_then(|name| name.split('.').next()?.parse::<Digest>().ok()) {
            assert_eq!(Digest::of(content), digest, "{path}");
        }
    }
    let shapes: Vec<String> = files.keys().map(|path| shape(path)).collect();
    assert_eq!(
        shapes,
        [
            "archive.json",
            "attachments/<sha256>",
            // Of three windows with conversations and of the run.
            "context/<sha256>.json",
            "context/<sha256>.json",
            "context/<sha256>.json",
            "context/<sha256>.json",
            "dead-letters/<sha256>.json",
            "items/2026/11/20/<id>.eml",
            "items/2026/11/20/<id>.eml",
            "items/2026/11/21/<id>.eml",
            "items/2026/11/23/<id>.eml",
            "ledger/00000001.json",
            "ledger/00000002.json",
            "ledger/00000003.json",
            "ledger/00000004.json",
            "ledger/00000005.json",
            "ledger/00000006.json",
            "ledger/lists/<sha256>.jsonl",
            "ledger/lists/<sha256>.jsonl",
            "ledger/lists/<sha256>.jsonl",
        ]
    );
}

/// A path with what differs from archive to archive left out.
fn shape(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let (stem, suffix) = name.split_once('.').map_or((name, String::new()), |(stem, suffix)| (stem, format!(".{suffix}")));
    let lower_case = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    let stem = match stem.len() {
        64 if stem.bytes().all(|byte| lower_case(byte) && byte.is_ascii_hexdigit()) => "<sha256>",
        26 if stem.bytes().all(lower_case) => "<id>",
        _ => stem,
    };
    if folder.is_empty() { format!("{stem}{suffix}") } else { format!("{folder}/{stem}{suffix}") }
}

#[tokio::test]
async fn a_second_run_changes_nothing_not_even_a_time() {
    let example = Example::new().await;
    let before = snapshot(example.path());
    let report = example::run(&Archive::file(example.path()).unwrap()).await;
    assert_eq!((report.seals, report.items, report.head), (0, 0, Some(example.head())));
    assert_eq!(snapshot(example.path()), before);
}

#[tokio::test]
async fn reading_and_verifying_an_existing_archive_writes_nothing() {
    let example = Example::new().await;
    let before = snapshot(example.path());
    let archive = Archive::existing_file(example.path()).unwrap();
    let verification = verify(&archive, VerifyOptions::default(), |_| {}).await.unwrap();
    assert_eq!((verification.items, verification.entries), (4, 6));
    let keys: Vec<_> = archive.sink().list(&day("2026-11-20")).collect().await;
    for key in keys {
        archive.sink().read(&key.unwrap()).await.unwrap();
    }
    assert_eq!(snapshot(example.path()), before);
}

#[tokio::test]
async fn a_commit_that_fails_is_made_good_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Archive::file(folder.path()).unwrap().sink();
    let mail = item(day("2026-11-20"), 'a', "one");
    assert_eq!(sink.put(&mail).await.unwrap(), Stored::Created);
    let path = folder.path().join(mail.key.path());
    let aside = folder.path().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    let error = sink.commit(&mail.key.window).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal, "{error}");
    assert!(error.to_string().contains(mail.key.id.as_str()), "{error}");
    std::fs::rename(&aside, &path).unwrap();
    sink.commit(&mail.key.window).await.unwrap();
    assert_eq!(snapshot(folder.path())[&mail.key.path()].mode, 0o600);
}

#[tokio::test]
async fn a_mail_left_half_by_a_power_cut_is_abandoned_and_put_anew() {
    let undisturbed = Example::new().await;
    let path = files(undisturbed.path()).into_keys().find(|path| path.starts_with("items/2026/11/21/")).unwrap();
    for left in [0, 100] {
        let folder = tempfile::tempdir().unwrap();
        let half = std::fs::read(undisturbed.path().join(&path)).unwrap()[..left].to_vec();
        std::fs::create_dir_all(folder.path().join(&path).parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(&path), &half).unwrap();
        let archive = Archive::file(folder.path()).unwrap();
        let report = example::run(&archive).await;
        let id = path.rsplit('/').next().unwrap().strip_suffix(".eml").unwrap().parse().unwrap();
        assert_eq!((report.items, report.messages, report.abandoned), (4, undisturbed.report.messages, [id].into()));
        assert_eq!(files(folder.path())[&path], half);
        let verification = verify(&archive, VerifyOptions::default(), |_| {}).await.unwrap();
        assert_eq!((verification.problems.len(), verification.items, verification.abandoned), (0, 4, 1));
    }
}

/// Remembers what was settled, and whether an attachment was to be seen by then.
#[derive(Debug)]
struct Watching {
    store: Arc<InMemory>,
    attachment: ObjectPath,
    settled: Mutex<Vec<(Vec<ObjectPath>, bool)>>,
}

#[async_trait]
impl Durability for Watching {
    async fn settle(&self, paths: Vec<ObjectPath>) -> Result<()> {
        let seen = self.store.head(&self.attachment).await.is_ok();
        self.settled.lock().unwrap().push((paths, seen));
        Ok(())
    }

    fn largest_item(&self) -> u64 {
        1_000
    }
}

#[tokio::test]
async fn the_content_of_an_attachment_is_durable_before_it_appears() {
    let content = Bytes::from_static(b"a file too large for a mail");
    let key = ObjectKey::new(Digest::of(&content));
    let store = Arc::new(InMemory::new());
    let durability = Arc::new(Watching { store: store.clone(), attachment: ObjectPath::from(key.path()), settled: Mutex::default() });
    let outside: Arc<dyn ObjectStore> = store.clone();
    let sink = Archive::new(outside, durability.clone()).sink();
    assert_eq!(sink.put_object(&key, stream::iter([Ok(content.clone())]).boxed()).await.unwrap(), Stored::Created);
    sink.commit(&day("2026-11-20")).await.unwrap();

    let settled = durability.settled.lock().unwrap().clone();
    let [(before, seen_before), (after, seen_after)] = settled.as_slice() else { panic!("{settled:?}") };
    assert!(before[0].as_ref().starts_with("incoming/"), "{before:?}");
    assert!(!seen_before);
    assert_eq!((after.as_slice(), *seen_after), ([ObjectPath::from(key.path())].as_slice(), true));
    let stored = store.get(&ObjectPath::from(key.path())).await.unwrap().bytes().await.unwrap();
    assert_eq!(stored, content);
}
