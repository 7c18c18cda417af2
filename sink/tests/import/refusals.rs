//! What is refused stays refused for that mailbox alone, and is tried again.

use bytes::Bytes;
use jabber_archive_core::{
    ErrorClass, FieldHasher, Issue, ItemKey, MailItem, Part, RefusalReason, TranscriptSettings,
    testing::{generators, memory::MemoryMailboxes},
};

use crate::office::{Office, delivered, settings};

#[tokio::test]
async fn a_mailbox_that_refuses_is_recorded_alone_and_tried_again() {
    for reason in
        [RefusalReason::Quota, RefusalReason::Permission, RefusalReason::SignIn, RefusalReason::Rejected, RefusalReason::Unavailable]
    {
        let office = Office::varied(30).await;
        let expected = office.expected(None, TranscriptSettings::default());
        let (full, theirs) = expected.iter().max_by_key(|(_, mails)| mails.len()).unwrap();
        let mailboxes = MemoryMailboxes::default();
        mailboxes.refuse(full, Some(reason));
        let first = office.import(&mailboxes).await;
        assert_eq!(first.refused_by, [(reason, theirs.len() as u64)].into(), "{reason}");
        assert!(first.refused.iter().all(|refused| refused.mailbox.as_ref() == Some(full)));
        let mut without = expected.clone();
        without.remove(full);
        assert_eq!(delivered(&mailboxes), without);

        // Nothing has changed, so that nothing is recorded; a mailbox that takes nothing is asked once.
        let (head, calls) = (office.head().await, mailboxes.calls());
        let second = office.import(&mailboxes).await;
        assert_eq!((second.refused_by, second.entries), (first.refused_by, None));
        assert_eq!(office.head().await, head);
        if reason.closes_mailbox() {
            assert!(mailboxes.calls() - calls <= 3, "{reason}");
        }

        mailboxes.refuse(full, None);
        let third = office.import(&mailboxes).await;
        assert_eq!((third.delivered, third.refusals()), (theirs.len() as u64, 0));
        assert_eq!(delivered(&mailboxes), expected);
        let head = office.head().await;
        assert_eq!(office.import(&mailboxes).await.due, 0);
        assert_eq!(office.head().await, head);
    }
}

#[tokio::test]
async fn a_mail_that_does_not_verify_goes_to_nobody_and_the_others_do() {
    let office = Office::varied(20).await;
    let expected = office.expected(None, TranscriptSettings::default());
    let damaged = office.mails.iter().position(|mail| expected.values().flatten().any(|content| *content == mail.content)).unwrap();
    office.damage(damaged);
    let mailboxes = MemoryMailboxes::default();
    let first = office.import(&mailboxes).await;
    assert_eq!(first.refused_by, [(RefusalReason::Unverified, 1)].into());
    assert_eq!(first.refused[0].path, office.mails[damaged].key.path());
    let lacks =
        |mails: &Vec<bytes::Bytes>| mails.iter().filter(|content| **content != office.mails[damaged].content).cloned().collect::<Vec<_>>();
    let mut without = expected.clone();
    for mails in without.values_mut() {
        *mails = lacks(mails);
    }
    without.retain(|_, mails| !mails.is_empty());
    assert_eq!(delivered(&mailboxes), without);
    assert_eq!(office.import(&mailboxes).await.refused_by, first.refused_by);
    office.mend(damaged);
    assert!(office.import(&mailboxes).await.is_whole());
    assert_eq!(delivered(&mailboxes), expected);
}

#[tokio::test]
async fn a_mail_for_too_many_waits_until_more_are_allowed() {
    let office = Office::varied(30).await;
    let mailboxes = MemoryMailboxes::default();
    let mut few = settings();
    few.recipients = few.recipients.most(1);
    let (imported, ended) = office.import_with(&mailboxes, few, None).await;
    ended.unwrap();
    assert!(imported.refused_by[&RefusalReason::TooManyMailboxes] > 0);
    let second = office.import(&mailboxes).await;
    assert!(second.is_whole() && second.delivered > 0);
    assert_eq!(delivered(&mailboxes), office.expected(None, TranscriptSettings::default()));
}

#[tokio::test]
async fn a_sign_in_that_no_mailbox_takes_is_an_error() {
    let office = Office::varied(30).await;
    let mailboxes = MemoryMailboxes::default();
    for address in office.expected(None, TranscriptSettings::default()).keys() {
        mailboxes.refuse(address, Some(RefusalReason::SignIn));
    }
    let (_, ended) = office.import_with(&mailboxes, settings(), None).await;
    assert_eq!(ended.unwrap_err().class(), ErrorClass::Credential);
    for address in office.expected(None, TranscriptSettings::default()).keys() {
        mailboxes.refuse(address, None);
    }
    assert!(office.import(&mailboxes).await.is_whole());
    assert_eq!(delivered(&mailboxes), office.expected(None, TranscriptSettings::default()));
}

#[tokio::test]
async fn a_mail_that_nobody_can_read_goes_to_nobody_but_to_the_mailboxes_that_get_all() {
    let window = generators::facts().grid.window_at("2026-11-20T12:00:00Z".parse().unwrap());
    let key = ItemKey::new(window, "a".repeat(26).parse().unwrap());
    let content = Bytes::from_static(b"Message-ID: <a@example.com>\r\nTo: bob@example.com\r\n\r\nHello\r\n");
    let mail = MailItem::new(key, FieldHasher::new().finish().short(), Issue::FIRST, Part::new(1, 1), content.clone());
    let office = Office::of(Vec::new(), TranscriptSettings::default()).await;
    crate::archived::seal(&office.archive, &[mail]).await;
    let mailboxes = MemoryMailboxes::default();
    let imported = office.import(&mailboxes).await;
    assert_eq!(imported.refused_by, [(RefusalReason::Unreadable, 1)].into());
    assert!(delivered(&mailboxes).is_empty());
    let mut all = settings();
    all.recipients = all.recipients.to(["compliance@example.com"]);
    let (imported, ended) = office.import_with(&mailboxes, all, None).await;
    ended.unwrap();
    assert!(imported.is_whole(), "{imported:?}");
    assert_eq!(delivered(&mailboxes), [("compliance@example.com".to_owned(), vec![content])].into());
}
