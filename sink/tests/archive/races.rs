use std::{collections::BTreeSet, future};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::join_all, stream};
use jabber_archive_core::{
    Appended, ArchiveFacts, Digest, Entry, EntryRecord, Frontier, KeptKind, Ledger, Link, List, ObjectKey, Sink, Stored, TranscriptSettings,
};
use jabber_archive_sink::{Archive, VerifyOptions, verify};

use crate::{
    example::{Example, archiver, day, facts, item, now},
    snapshot::{files, snapshot},
};

/// Races are lost now and then: often enough to be seen if they could be.
const ROUNDS: u32 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_puts_under_one_key_at_the_same_time_exactly_one_creates() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path()).unwrap();
    for round in 0..ROUNDS {
        let window = facts().grid.window_at(day("2026-11-20").start().after(std::time::Duration::from_hours(24) * round));
        let puts = (0..8).map(|writer| {
            let sink = archive.sink();
            let mail = item(window, 'a', &format!("content {}", writer % 2));
            tokio::spawn(async move { (sink.put(&mail).await.unwrap(), mail.content) })
        });
        let stored: Vec<(Stored, Bytes)> = join_all(puts).await.into_iter().map(Result::unwrap).collect();
        let created: Vec<&Bytes> = stored.iter().filter(|(stored, _)| *stored == Stored::Created).map(|(_, content)| content).collect();
        let [winner] = created.as_slice() else { panic!("{stored:?}") };
        assert_eq!(archive.sink().read(&item(window, 'a', "").key).await.unwrap(), **winner);
        for (stored, content) in &stored {
            let equal = content == *winner;
            assert!(*stored == Stored::Created || (*stored == Stored::AlreadyPresent) == equal, "{stored:?} of {content:?}");
        }
    }
    assert_eq!(files(folder.path()).len(), ROUNDS as usize, "nothing else is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_puts_of_one_attachment_at_the_same_time_exactly_one_creates() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path()).unwrap();
    for round in 0..ROUNDS {
        let content = Bytes::from(round.to_string().repeat(100_000));
        let key = ObjectKey::new(Digest::of(&content));
        let puts = (0..8).map(|_| {
            let (sink, content) = (archive.sink(), content.clone());
            tokio::spawn(async move { sink.put_object(&key, stream::iter([Ok(content)]).boxed()).await })
        });
        let stored: Vec<Stored> = join_all(puts).await.into_iter().map(|put| put.unwrap().unwrap()).collect();
        assert_eq!(stored.iter().filter(|stored| **stored == Stored::Created).count(), 1, "{stored:?}");
        assert_eq!(stored.iter().filter(|stored| **stored == Stored::AlreadyPresent).count(), 7, "{stored:?}");
        assert!(files(folder.path())[&key.path()] == content);
    }
    assert_eq!(files(folder.path()).len(), ROUNDS as usize, "nothing else is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn programs_that_begin_an_archive_at_the_same_time_share_it() {
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let opens = (0..8).map(|_| {
            let path = folder.path().join("archive");
            tokio::spawn(async move { Archive::file(path)?.ledger().open(&facts()).await })
        });
        for opened in join_all(opens).await {
            assert_eq!(opened.unwrap().unwrap(), Digest::of(&facts().to_bytes()));
        }
        assert_eq!(files(&folder.path().join("archive")), [("archive.json".to_owned(), facts().to_bytes())].into());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_archives_that_begin_in_one_folder_at_the_same_time_one_is_refused() {
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::file(folder.path()).unwrap();
        let opens = ["left", "right"].map(|name| {
            let ledger = archive.ledger();
            tokio::spawn(async move { ledger.open(&ArchiveFacts::new(name).unwrap()).await })
        });
        let opened: Vec<_> = join_all(opens).await.into_iter().map(Result::unwrap).collect();
        let refused: Vec<String> = opened.iter().filter_map(|opened| opened.as_ref().err()).map(ToString::to_string).collect();
        assert_eq!(refused.len(), 1, "{opened:?}");
        assert!(refused[0].contains("name is left there and right here") || refused[0].contains("name is right there and left here"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_entries_with_one_number_one_is_appended() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path()).unwrap();
    let facts = archive.ledger().open(&facts()).await.unwrap();
    let mut head: Option<Link> = None;
    for round in 0..ROUNDS {
        let entry = |host: &str| {
            let run = serde_json::from_value(serde_json::json!({
                "started": "2026-11-24T02:00:00.000Z", "host": host, "account": "archive", "version": "test",
                "configuration": Digest::of(b""), "seals": null, "abandoned": [], "findings": [],
            }));
            Entry::after(head.as_ref(), &facts, Frontier::default(), EntryRecord::Run(Box::new(run.unwrap())))
        };
        let entries = ["left", "right", "left"].map(entry);
        let appends = entries.clone().map(|entry| {
            let ledger = archive.ledger();
            tokio::spawn(async move { ledger.append(&entry).await.unwrap() })
        });
        let appended: Vec<Appended> = join_all(appends).await.into_iter().map(Result::unwrap).collect();
        let now = archive.ledger().head().await.unwrap().unwrap();
        let of_winner = entries.clone().map(|entry| if entry == now.entry { Appended::Appended } else { Appended::Raced });
        assert_eq!(appended, of_winner, "round {round}");
        head = Some(now);
    }
    assert_eq!(archive.ledger().numbers().await.unwrap(), (1..=u64::from(ROUNDS)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn content_kept_by_many_at_the_same_time_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path()).unwrap();
    let content = Bytes::from_static(b"{}\n");
    let keeps = (0..16).map(|_| {
        let (ledger, content) = (archive.ledger(), content.clone());
        tokio::spawn(async move { ledger.keep(KeptKind::Context, stream::iter([Ok(content)]).boxed()).await.unwrap() })
    });
    for kept in join_all(keeps).await {
        assert_eq!(kept.unwrap(), Digest::of(&content));
    }
    assert_eq!(files(folder.path()), [(KeptKind::Context.path(&Digest::of(&content)), content.to_vec())].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_archivers_at_the_same_time_end_in_one_chain_that_verifies() {
    two_archivers([TranscriptSettings::default(), TranscriptSettings::default()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_archivers_that_write_different_mails_end_in_one_chain_that_verifies() {
    two_archivers([TranscriptSettings::default(), TranscriptSettings::default().with_conversation_json(true)]).await;
}

async fn two_archivers(settings: [TranscriptSettings; 2]) {
    let undisturbed = messages(&Example::new().await.archive).await;
    for round in 0..ROUNDS / 2 {
        let folder = tempfile::tempdir().unwrap();
        let runs = ["left", "right"].into_iter().zip(settings.clone()).map(|(host, settings)| {
            let path = folder.path().to_owned();
            tokio::spawn(
                async move { archiver(&Archive::file(path).unwrap(), host, settings).run(now(), future::pending()).await.unwrap() },
            )
        });
        let reports: Vec<_> = join_all(runs).await.into_iter().map(Result::unwrap).collect();
        let archive = Archive::existing_file(folder.path()).unwrap();
        let head = archive.ledger().head().await.unwrap().unwrap().digest;
        assert!(reports.iter().any(|report| report.head == Some(head)));
        let verification = verify(&archive, VerifyOptions::default().expecting(head), |_| {}).await.unwrap();
        assert_eq!(verification.problems, [], "round {round}: {reports:#?}");
        assert_eq!((verification.items, verification.pending), (4, 0), "round {round}");
        assert_eq!(messages(&archive).await, undisturbed, "round {round}");

        let before = snapshot(folder.path());
        let again = archiver(&archive, "left", settings[0].clone()).run(now(), future::pending()).await.unwrap();
        assert_eq!((again.seals, again.head), (0, Some(head)));
        assert_eq!(snapshot(folder.path()), before, "round {round}");
    }
}

/// The messages that the seals list, each once.
pub(crate) async fn messages(archive: &Archive) -> BTreeSet<String> {
    let ledger = archive.ledger();
    let mut messages = BTreeSet::new();
    for number in ledger.numbers().await.unwrap() {
        let EntryRecord::Seal(seal) = ledger.entry(number).await.unwrap().entry.record else { continue };
        let Some(list) = seal.list else { continue };
        let pieces: Vec<Bytes> = ledger.load(KeptKind::List, &list).await.unwrap().try_collect().await.unwrap();
        for line in List::from_bytes(&pieces.concat()).unwrap().lines() {
            for message in &line.messages {
                assert!(messages.insert(format!("{message:?}")), "{message:?} is listed twice");
            }
        }
    }
    messages
}
