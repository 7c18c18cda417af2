//! What lies in an archive beside its entries, lists and items.

use std::fs;

use bytes::Bytes;
use futures::{StreamExt, stream};
use jabber_archive_core::{Digest, KeptKind, Ledger, ObjectKey, Sink, Stored};
use jabber_archive_sink::{Fault, Sample, VerifyOptions, verify};

use crate::{
    example::{Example, facts},
    snapshot::files,
    store::Measured,
};

#[tokio::test]
async fn a_name_that_the_archive_gives_to_nothing_is_extra_in_every_folder() {
    let example = Example::new().await;
    let digest = Digest::of(b"something");
    for path in [
        "ledger/00000001.json.bak".to_owned(),
        "ledger/1.json".to_owned(),
        "ledger/000000001.json".to_owned(),
        "ledger/x/00000001.json".to_owned(),
        "ledger/lists/notes.txt".to_owned(),
        format!("ledger/lists/{digest}.json"),
        format!("ledger/{digest}.jsonl"),
        "context/notes.json".to_owned(),
        format!("context/{digest}"),
        format!("context/deeper/{digest}.json"),
        format!("dead-letters/{}.json", digest.to_string().to_uppercase()),
        "attachments/notes.txt".to_owned(),
        format!("attachments/deeper/{digest}"),
    ] {
        let place = example.path().join(&path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, "something").unwrap();
        let verification = example.verify_expecting(example.head()).await;
        let [problem] = verification.problems.as_slice() else { panic!("{path}: {:#?}", verification.problems) };
        assert_eq!((&problem.path, &problem.fault), (&path, &Fault::Extra));
        assert_eq!((verification.unreferenced, verification.leftover), (0, 0), "{path}");
        fs::remove_file(&place).unwrap();
    }
}

#[tokio::test]
async fn what_no_seal_names_in_the_folders_of_the_chain_is_counted_and_no_problem() {
    let example = Example::new().await;
    for kind in KeptKind::ALL {
        let content = Bytes::from_static(b"left by a run that was killed before it sealed");
        example.archive.ledger().keep(kind, stream::iter([Ok(content)]).boxed()).await.unwrap();
    }
    let verification = example.verify_expecting(example.head()).await;
    assert_eq!((verification.problems.as_slice(), verification.unreferenced), ([].as_slice(), KeptKind::ALL.len() as u64));
}

#[tokio::test]
async fn an_attachment_is_compared_with_the_digest_in_its_name_unless_only_a_sample_is_read() {
    let example = Example::new().await;
    let content = Bytes::from_static(b"a file too large for a mail");
    let key = ObjectKey::new(Digest::of(&content));
    assert_eq!(example.archive.sink().put_object(&key, stream::iter([Ok(content)]).boxed()).await.unwrap(), Stored::Created);
    let verification = example.verify().await;
    assert_eq!((verification.problems.as_slice(), verification.attachments), ([].as_slice(), 2));

    fs::write(example.path().join(key.path()), "another file").unwrap();
    let verification = example.verify().await;
    let [problem] = verification.problems.as_slice() else { panic!("{:#?}", verification.problems) };
    let found = Digest::of(b"another file");
    assert_eq!(problem.fault, Fault::Changed { says: "its name".to_owned(), expected: *key.digest(), found });
    assert_eq!(
        problem.to_string(),
        format!("attachments/{}: changed: its name says SHA-256 {}, its content has {found}", key.digest(), key.digest())
    );
    assert_eq!(verification.attachments, 1);

    let sampled = verify(&example.archive, VerifyOptions::default().sampling(Sample::new(1)), |_| {}).await.unwrap();
    assert_eq!((sampled.problems.as_slice(), sampled.attachments), ([].as_slice(), 0));
}

#[tokio::test]
async fn writes_that_were_killed_are_counted_and_no_problem() {
    let example = Example::new().await;
    let store = Measured::of(example.path()).await;
    let mail = files(example.path()).into_keys().find(|path| path.starts_with("items/")).unwrap();
    let (digest, id) = (Digest::of(b"something"), "a".repeat(26));
    let killed = [
        format!("{mail}#1"),
        format!("items/2026/11/20/{id}.eml#2"),
        // A window without items, and one that is not sealed yet.
        format!("items/2026/11/22/{id}.eml#1"),
        format!("items/2026/11/24/{id}.eml#1"),
        "ledger/00000007.json#1".to_owned(),
        format!("ledger/lists/{digest}.jsonl#1"),
        format!("context/{digest}.json%231"),
        format!("attachments/{digest}#1"),
        format!("incoming/{digest}-0123456789abcdef"),
        format!("incoming/{digest}-0123456789abcdef#1"),
    ];
    for path in &killed {
        store.add(path, b"half").await;
    }
    let verification = verify(&store.archive(), VerifyOptions::default(), |_| {}).await.unwrap();
    assert_eq!((verification.problems.as_slice(), verification.leftover), ([].as_slice(), killed.len() as u64));
    assert_eq!((verification.items, verification.pending, verification.unreferenced), (4, 0, 0));

    for path in ["items/2026/11/20/notes.txt#1", "ledger/notes#1", "context/notes#1", "attachments/notes#1"] {
        store.add(path, b"no write of an archive").await;
        let verification = verify(&store.archive(), VerifyOptions::default(), |_| {}).await.unwrap();
        assert_eq!(verification.problems.iter().map(|problem| &*problem.path).collect::<Vec<_>>(), [path]);
        store.remove(path).await;
    }
}

#[tokio::test]
async fn an_entry_of_a_kind_that_is_not_known_is_of_a_newer_version_and_not_damaged() {
    let example = Example::new().await;
    let place = example.path().join("ledger/00000007.json");
    let last = fs::read_to_string(example.path().join("ledger/00000006.json")).unwrap();
    let newer = last
        .replace("\"number\": 6", "\"number\": 7")
        .replace("\"run\"", "\"redaction\"")
        .replace(&previous(&last), &example.head().to_string());
    fs::write(&place, newer).unwrap();
    let verification = example.verify_expecting(example.head()).await;
    let [problem] = verification.problems.as_slice() else { panic!("{:#?}", verification.problems) };
    assert_eq!(problem.fault, Fault::Newer { kind: "redaction".to_owned() });
    assert!(problem.to_string().contains("written by a newer version"), "{problem}");
    assert_eq!((verification.entries, verification.items), (7, 4));

    let error = example.archive.ledger().head().await.unwrap_err();
    assert!(error.to_string().contains("a newer version wrote it"), "{error}");
    example.archive.ledger().open(&facts()).await.unwrap();
}

/// The digest that an entry names of the one before.
fn previous(entry: &str) -> String {
    entry.split("\"previous\": \"").nth(1).unwrap()[..64].to_owned()
}
