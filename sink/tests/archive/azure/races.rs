use std::future;

use futures::future::join_all;
use jabber_archive_core::{Digest, Ledger, ObjectKey, Sink, Stored, TranscriptSettings};
use jabber_archive_sink::{Archive, VerifyOptions, verify};

use super::Container;
use crate::{
    example::{Example, archiver, day, item, now},
    races::messages,
};

/// Races are lost now and then: often enough to be seen if they could be.
const ROUNDS: u32 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_archivers_on_one_container_end_in_one_chain_that_verifies() {
    let Some(container) = Container::new("races-archivers").await else { return };
    let undisturbed = messages(&Example::new().await.archive).await;
    for round in 0..ROUNDS {
        let config = container.config().prefix(round.to_string());
        // Different mails in every other round: whoever seals first decides which count.
        let settings = [TranscriptSettings::default(), TranscriptSettings::default().with_conversation_json(round % 2 == 1)];
        let runs = ["left", "right"].into_iter().zip(settings).map(|(host, settings)| {
            let config = config.clone();
            tokio::spawn(async move {
                let archive = Archive::azure(config).await.unwrap();
                archiver(&archive, host, settings).run(now(), future::pending()).await.unwrap()
            })
        });
        let reports: Vec<_> = join_all(runs).await.into_iter().map(Result::unwrap).collect();
        let archive = Archive::azure(config).await.unwrap();
        let head = archive.ledger().head().await.unwrap().unwrap().digest;
        assert!(reports.iter().any(|report| report.head == Some(head)));
        let verification = verify(&archive, VerifyOptions::default().expecting(head), |_| {}).await.unwrap();
        assert_eq!(verification.problems, [], "round {round}: {reports:#?}");
        assert_eq!((verification.items, verification.pending), (4, 0), "round {round}");
        assert_eq!(messages(&archive).await, undisturbed, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_writers_of_one_blob_at_once_one_creates_it() {
    let Some(container) = Container::new("races-writers").await else { return };
    let sink = container.archive().await.sink();
    for round in 0..ROUNDS {
        let content = format!("content {round} ").repeat(600_000);
        let key = ObjectKey::new(Digest::of(content.as_bytes()));
        let mail = item(day(&format!("2026-10-{:02}", round + 1)), 'a', "the same");
        let puts = (0..4).map(|_| {
            let (sink, mail, content) = (sink.clone(), mail.clone(), bytes::Bytes::from(content.clone()));
            tokio::spawn(async move {
                let stream = futures::StreamExt::boxed(futures::stream::iter([Ok(content)]));
                (sink.put(&mail).await.unwrap(), sink.put_object(&key, stream).await.unwrap())
            })
        });
        let (mails, objects): (Vec<Stored>, Vec<Stored>) = join_all(puts).await.into_iter().map(Result::unwrap).unzip();
        for stored in [mails, objects] {
            assert_eq!(stored.iter().filter(|stored| **stored == Stored::Created).count(), 1, "{stored:?}");
            assert_eq!(stored.iter().filter(|stored| **stored == Stored::AlreadyPresent).count(), 3, "{stored:?}");
        }
    }
}
