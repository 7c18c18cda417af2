//! Mails arrive as they are, where they belong.

use futures::future::join_all;
use jabber_archive_core::{Delivery, Mailboxes, Place, RefusalReason};
use jabber_archive_imap::{ImapMailboxes, testing::DovecotSetup};

use crate::outsider::{Found, empty, letter, mails};

const ALICE: &str = "alice@example.com";

fn place(delivery: Delivery) -> Place {
    match delivery {
        Delivery::Delivered(place) => place,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_mail_arrives_byte_for_byte_seen_and_no_draft_and_the_receipt_says_where() {
    let Some(dovecot) = DovecotSetup::new([ALICE]).start() else { return };
    let mailboxes = ImapMailboxes::new(dovecot.config()).unwrap();
    let first = letter(1, 10).received(Some("2019-03-31T23:59:59.997Z".parse().unwrap()));
    // Longer than what is written at once.
    let second = letter(2, 3 << 20).received(Some("2026-11-20T09:14:03Z".parse().unwrap()));
    let first_place = place(mailboxes.deliver(ALICE, &first, false).await.unwrap());
    let second_place = place(mailboxes.deliver(ALICE, &second, false).await.unwrap());
    let found = |place: Place, letter: &jabber_archive_core::Letter, date: &str| Found {
        folder: "INBOX/Cisco Jabber on MS SQL".to_owned(),
        uid_validity: place.uid_validity.unwrap(),
        uid: place.uid.unwrap(),
        flags: "\\Seen".to_owned(),
        date: date.to_owned(),
        content: letter.content.clone(),
    };
    let expected =
        vec![found(first_place, &first, "31-Mar-2019 23:59:59 +0000"), found(second_place, &second, "20-Nov-2026 09:14:03 +0000")];
    let arrived: Vec<Found> = mails(&dovecot, ALICE)
        .into_iter()
        .map(|mail| Found { flags: mail.flags.replace("\\Recent", "").trim().to_owned(), ..mail })
        .collect();
    assert_eq!(arrived, expected);
    // One connection served both.
    assert_eq!(dovecot.log().matches("Master user logging in as alice@example.com").count(), 1);
}

#[tokio::test]
async fn folders_have_names_of_any_script_and_lie_within_each_other() {
    for (separator, folder, on_server) in [
        ('/', "Gespräche/Jabber – 台北 💬", "INBOX/Gespr&AOQ-che/Jabber &IBM- U,BTFw- &2D3crA-".replace("U,BTFw-", "&U,BTFw-")),
        ('.', "R&D/Cisco Jabber on MS SQL", "INBOX.R&-D.Cisco Jabber on MS SQL".to_owned()),
    ] {
        let Some(dovecot) = DovecotSetup::new([ALICE]).separator(separator).start() else { return };
        let mailboxes = ImapMailboxes::new(dovecot.config().folder(folder)).unwrap();
        place(mailboxes.deliver(ALICE, &letter(1, 10), false).await.unwrap());
        let arrived = mails(&dovecot, ALICE);
        assert_eq!(arrived.iter().map(|mail| mail.folder.as_str()).collect::<Vec<_>>(), [on_server.as_str()]);
        // Another import finds the folder that is there.
        let again = ImapMailboxes::new(dovecot.config().folder(folder)).unwrap();
        place(again.deliver(ALICE, &letter(2, 10), false).await.unwrap());
        assert_eq!(mails(&dovecot, ALICE).len(), 2);
    }
    let Some(dovecot) = DovecotSetup::new([ALICE]).separator('.').start() else { return };
    let error = ImapMailboxes::new(dovecot.config().folder("Jabber 1.2")).unwrap().deliver(ALICE, &letter(1, 10), false).await.unwrap_err();
    assert!(error.to_string().contains("`.`"), "{error}");
}

#[tokio::test]
async fn a_search_finds_what_is_there_and_puts_nothing_beside_it() {
    let Some(dovecot) = DovecotSetup::new([ALICE]).start() else { return };
    let mailboxes = ImapMailboxes::new(dovecot.config()).unwrap();
    let there = place(mailboxes.deliver(ALICE, &letter(1, 10), true).await.unwrap());
    for _ in 0..2 {
        assert_eq!(mailboxes.deliver(ALICE, &letter(1, 10), true).await.unwrap(), Delivery::Found(there));
    }
    place(mailboxes.deliver(ALICE, &letter(2, 10), true).await.unwrap());
    assert_eq!(mails(&dovecot, ALICE).len(), 2);
    empty(&dovecot, ALICE);
    place(mailboxes.deliver(ALICE, &letter(1, 10), true).await.unwrap());
    assert_eq!(mails(&dovecot, ALICE).len(), 1);
}

#[tokio::test]
async fn a_full_mailbox_refuses_and_the_next_one_does_not() {
    let Some(dovecot) = DovecotSetup::new(["bob@example.com"]).with_quota(ALICE, 100).start() else { return };
    let mailboxes = ImapMailboxes::new(dovecot.config()).unwrap();
    place(mailboxes.deliver(ALICE, &letter(1, 60_000), false).await.unwrap());
    match mailboxes.deliver(ALICE, &letter(2, 60_000), false).await.unwrap() {
        Delivery::Refused(refusal) => {
            assert_eq!(refusal.reason, RefusalReason::Quota);
            assert!(refusal.words.contains("uota"), "{refusal:?}");
        }
        other => panic!("{other:?}"),
    }
    place(mailboxes.deliver("bob@example.com", &letter(2, 60_000), false).await.unwrap());
    // What still fits is taken.
    place(mailboxes.deliver(ALICE, &letter(3, 10_000), false).await.unwrap());
    assert_eq!(mails(&dovecot, ALICE).len(), 2);
}

#[tokio::test]
async fn twenty_mailboxes_are_filled_at_once_over_few_connections() {
    let users: Vec<String> = (0..20).map(|number| format!("user{number}@example.com")).collect();
    let Some(dovecot) = DovecotSetup::new(users.clone()).start() else { return };
    let mailboxes = ImapMailboxes::new(dovecot.config().connections(20)).unwrap();
    let deliveries = users.iter().map(|user| {
        let mailboxes = &mailboxes;
        async move {
            for number in 0..5 {
                place(mailboxes.deliver(user, &letter(number, 20_000), false).await.unwrap());
            }
        }
    });
    join_all(deliveries).await;
    mailboxes.close().await;
    for user in &users {
        let arrived: Vec<_> = mails(&dovecot, user).into_iter().map(|mail| mail.content).collect();
        assert_eq!(arrived, (0..5).map(|number| letter(number, 20_000).content).collect::<Vec<_>>(), "{user}");
    }
    assert_eq!(dovecot.log().matches("Master user logging in").count(), 20);
}
