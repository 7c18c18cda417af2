//! Connections that are cut.

use jabber_archive_core::{Delivery, ErrorClass, Mailboxes};
use jabber_archive_imap::{
    Encryption, ImapMailboxes,
    testing::{Cut, CuttingProxy, DovecotSetup},
};

use crate::outsider::{letter, mails};

const ALICE: &str = "alice@example.com";

#[tokio::test]
async fn a_cut_before_or_after_the_effect_is_an_error_and_a_search_settles_it() {
    let Some(dovecot) = DovecotSetup::new([ALICE]).start() else { return };
    let cuts = [(2, Cut::Before), (3, Cut::After)];
    let proxy = CuttingProxy::start(dovecot.port(), cuts).await.unwrap();
    let mailboxes = ImapMailboxes::new(dovecot.config().port(proxy.port()).encryption(Encryption::Off)).unwrap();
    assert!(matches!(mailboxes.deliver(ALICE, &letter(1, 300_000), false).await.unwrap(), Delivery::Delivered(_)));

    let error = mailboxes.deliver(ALICE, &letter(2, 300_000), false).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
    assert_eq!(mails(&dovecot, ALICE).len(), 1);
    let error = mailboxes.deliver(ALICE, &letter(2, 300_000), true).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
    assert_eq!(mails(&dovecot, ALICE).len(), 2);
    let Delivery::Found(place) = mailboxes.deliver(ALICE, &letter(2, 300_000), true).await.unwrap() else { panic!("it is there") };
    let there = mails(&dovecot, ALICE);
    assert_eq!((place.uid_validity, place.uid), (Some(there[1].uid_validity), Some(there[1].uid)));
    assert_eq!(there.iter().map(|mail| mail.content.clone()).collect::<Vec<_>>(), [1, 2].map(|number| letter(number, 300_000).content));
    assert_eq!(proxy.appends(), 3);
}
