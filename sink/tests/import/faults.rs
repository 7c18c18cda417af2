//! Connections that are lost, servers that go away, imports that are killed.

use jabber_archive_core::{ErrorClass, TranscriptSettings, testing::memory::MemoryMailboxes};

use crate::office::{Office, delivered, settings};

#[tokio::test]
async fn a_lost_answer_makes_no_second_copy_and_a_lost_request_no_gap() {
    let office = Office::varied(20).await;
    let mailboxes = MemoryMailboxes::default();
    for call in (1..400).step_by(3) {
        mailboxes.fail(call, call % 2 == 0);
    }
    let imported = office.import(&mailboxes).await;
    assert_eq!(delivered(&mailboxes), office.expected(None, TranscriptSettings::default()));
    assert!(imported.found > 0 && imported.delivered > 0 && mailboxes.searches() > 0);
    office.verify(imported.head.unwrap()).await;
}

#[tokio::test]
async fn a_server_that_goes_away_ends_the_import_and_the_next_one_goes_on() {
    for call in [1, 2, 5, 9] {
        let office = Office::varied(50).await;
        let mailboxes = MemoryMailboxes::default();
        mailboxes.down_from(Some(call));
        let (first, ended) = office.import_with(&mailboxes, settings(), None).await;
        assert_eq!(ended.unwrap_err().class(), ErrorClass::Transient);
        assert!(office.is_open().await);
        mailboxes.down_from(None);
        let second = office.import(&mailboxes).await;
        assert!(!office.is_open().await);
        let expected = office.expected(None, TranscriptSettings::default());
        assert_eq!(delivered(&mailboxes), expected);
        let copies: usize = expected.values().map(Vec::len).sum();
        assert_eq!(first.delivered + second.delivered + second.found, copies as u64);
        assert_eq!(office.import(&mailboxes).await.entries, None);
    }
}

/// A kill is an import that is dropped where it waits: here at its n-th delivery.
#[tokio::test]
async fn killed_anywhere_and_started_again_it_delivers_each_mail_once() {
    use std::{future, sync::Arc};

    use jabber_archive_core::{Delivery, Letter, Mailboxes, Result, Timestamp};
    use jabber_archive_sink::{Import, Imported};

    #[derive(Debug)]
    struct Killed<'m> {
        mailboxes: &'m MemoryMailboxes,
        at: usize,
    }

    #[async_trait::async_trait]
    impl Mailboxes for Killed<'_> {
        async fn deliver(&self, mailbox: &str, letter: &Letter, search: bool) -> Result<Delivery> {
            let delivery = self.mailboxes.deliver(mailbox, letter, search).await;
            if self.mailboxes.calls() >= self.at {
                future::pending::<()>().await;
            }
            delivery
        }
    }

    for at in [1, 2, 5, 9, 15] {
        let office = Office::varied(50).await;
        let mailboxes = MemoryMailboxes::default();
        let killed = Killed { mailboxes: &mailboxes, at };
        let clock = || "2026-11-27T02:00:00Z".parse::<Timestamp>().unwrap();
        let mut imported = Imported::default();
        {
            let mut import = Import::new(&office.archive, &killed, &clock, Arc::new(|_| future::ready(()))).settings(settings());
            let run = import.run(&mut imported, future::pending());
            let waited = tokio::time::timeout(std::time::Duration::from_millis(700), run).await;
            assert!(waited.is_err(), "it hangs where it is killed");
        }
        assert!(office.is_open().await && mailboxes.calls() >= at);
        office.import(&mailboxes).await;
        assert!(mailboxes.searches() > 0);
        assert_eq!(delivered(&mailboxes), office.expected(None, TranscriptSettings::default()), "killed at {at}");
        assert!(!office.is_open().await);
    }
}

#[tokio::test]
async fn a_damaged_receipt_is_not_taken_for_none() {
    let office = Office::varied(10).await;
    let mailboxes = MemoryMailboxes::default();
    office.import(&mailboxes).await;
    let receipts = std::fs::read_dir(office.folder.path().join("ledger/receipts")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&receipts, "").unwrap();
    let calls = mailboxes.calls();
    let mut other = settings();
    other.recipients = other.recipients.catch_all("archive@example.com");
    let (_, ended) = office.import_with(&mailboxes, other, None).await;
    let error = ended.unwrap_err();
    assert!(error.class() == ErrorClass::Fatal && error.to_string().contains("ledger/receipts/"), "{error}");
    assert_eq!(mailboxes.calls(), calls);
}

#[tokio::test]
async fn a_mailbox_that_alone_cannot_be_reached_does_not_end_the_import() {
    use std::{future, sync::Arc, time::Duration};

    use jabber_archive_core::{Delivery, Error, ErrorKind, Letter, Mailboxes, RefusalReason, Result, Timestamp};
    use jabber_archive_sink::{Import, Imported};

    #[derive(Debug)]
    struct Without<'m>(&'m MemoryMailboxes, String);

    #[async_trait::async_trait]
    impl Mailboxes for Without<'_> {
        async fn deliver(&self, mailbox: &str, letter: &Letter, search: bool) -> Result<Delivery> {
            tokio::task::yield_now().await;
            if mailbox == self.1 {
                return Err(Error::new(ErrorKind::Mailbox, ErrorClass::Transient, "deliver", "the connection was lost"));
            }
            self.0.deliver(mailbox, letter, search).await
        }
    }

    let office = Office::varied(50).await;
    let mut expected = office.expected(None, TranscriptSettings::default());
    // The first, so that others are served meanwhile.
    let (gone, theirs) = expected.pop_first().unwrap();
    let mailboxes = MemoryMailboxes::default();
    let without = Without(&mailboxes, gone);
    let clock = || "2026-11-27T02:00:00Z".parse::<Timestamp>().unwrap();
    let mut imported = Imported::default();
    let mut import =
        Import::new(&office.archive, &without, &clock, Arc::new(|_| tokio::time::sleep(Duration::from_millis(50)))).settings(settings());
    import.run(&mut imported, future::pending()).await.unwrap();
    assert_eq!(imported.refused_by, [(RefusalReason::Unavailable, theirs.len() as u64)].into());
    assert_eq!(delivered(&mailboxes), expected);
}

#[tokio::test]
async fn an_import_that_is_stopped_records_what_it_did_and_does_not_wait_out_its_patience() {
    use std::{
        sync::Arc,
        time::{Duration, Instant},
    };

    use jabber_archive_core::Timestamp;
    use jabber_archive_sink::{Import, Imported};

    let office = Office::varied(50).await;
    let mailboxes = MemoryMailboxes::default();
    mailboxes.down_from(Some(6));
    let mut patient = settings();
    (patient.retry.tries, patient.retry.first, patient.connections) = (u32::MAX, Duration::from_mins(1), 1);
    patient.retry.longest = Duration::from_mins(1);
    let clock = || "2026-11-27T02:00:00Z".parse::<Timestamp>().unwrap();
    let mut imported = Imported::default();
    let begun = Instant::now();
    let stop = tokio::time::sleep(Duration::from_millis(1_500));
    let mut import = Import::new(&office.archive, &mailboxes, &clock, Arc::new(tokio::time::sleep)).settings(patient);
    import.run(&mut imported, stop).await.unwrap();
    assert!(imported.stopped && begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(imported.delivered, 5);
    mailboxes.down_from(None);
    let second = office.import(&mailboxes).await;
    let expected = office.expected(None, TranscriptSettings::default());
    assert_eq!(second.delivered + second.found + 5, expected.values().map(Vec::len).sum::<usize>() as u64);
    assert_eq!(delivered(&mailboxes), expected);
}

/// What the world does to some imports in a row, by a seed: lost requests, lost answers, kills, mailboxes that are full for a while.
#[tokio::test]
async fn whatever_happens_on_the_way_each_mail_arrives_once_in_the_end() {
    use std::{future, sync::Arc, time::Duration};

    use jabber_archive_core::{FieldHasher, RefusalReason, Timestamp};
    use jabber_archive_sink::{Import, Imported};

    let seeds = std::env::var("JABBER_ARCHIVE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(8);
    for seed in 0..seeds {
        let mut drawn = 0;
        let mut draw = |below: u64| {
            drawn += 1;
            let digest = FieldHasher::new().integer(seed).integer(drawn).finish();
            u64::from_be_bytes(*digest.as_bytes().first_chunk().unwrap()) % below
        };
        let office = Office::varied(30).await;
        let expected = office.expected(None, TranscriptSettings::default());
        let addresses: Vec<&String> = expected.keys().collect();
        let mailboxes = MemoryMailboxes::default();
        let clock = || "2026-11-27T02:00:00Z".parse::<Timestamp>().unwrap();
        for _ in 0..4 {
            for _ in 0..draw(6) {
                mailboxes.fail(mailboxes.calls() + 1 + draw(20) as usize, draw(2) == 0);
            }
            let full = addresses[draw(addresses.len() as u64) as usize];
            mailboxes.refuse(full, (draw(3) == 0).then_some(RefusalReason::Quota));
            mailboxes.down_from((draw(3) == 0).then(|| mailboxes.calls() + draw(15) as usize));
            // Half of the imports are killed, wherever they are by then.
            let patience = Duration::from_millis(if draw(2) == 0 { 5 + draw(120) } else { 60_000 });
            let mut imported = Imported::default();
            let mut import = Import::new(&office.archive, &mailboxes, &clock, Arc::new(|_| future::ready(()))).settings(settings());
            let _: Result<_, _> = tokio::time::timeout(patience, import.run(&mut imported, future::pending())).await;
            mailboxes.refuse(full, None);
        }
        mailboxes.mend();
        let last = office.import(&mailboxes).await;
        assert!(last.is_whole(), "seed {seed}: {last:?}");
        assert_eq!(delivered(&mailboxes), expected, "seed {seed}");
        assert!(!office.is_open().await);
        office.verify(office.head().await.1).await;
        assert_eq!(office.import(&mailboxes).await.due, 0);
    }
}
