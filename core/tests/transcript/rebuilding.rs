use jabber_archive_core::{Conversation, ErrorClass, Issue, testing::generators};
use proptest::prelude::*;

use crate::{mails, smallest, with_json};

fn large() -> Conversation {
    generators::one(generators::large_conversation(40..41, 700..701))
}

proptest! {
    #[test]
    fn a_conversation_comes_back_from_its_mail(conversation in generators::conversation(), issue in generators::issue()) {
        let mails = mails(&conversation, issue, with_json());
        let contents: Vec<_> = mails.iter().map(|mail| &mail.content).collect();
        prop_assert_eq!(Conversation::from_mails(&contents).unwrap(), conversation);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_conversation_comes_back_from_its_parts_in_any_order(
        conversation in generators::large_conversation(2..900, 100..500), turn in any::<prop::sample::Index>()
    ) {
        let mails = mails(&conversation, Issue::FIRST, smallest().with_conversation_json(true));
        prop_assert!(mails.len() > 1);
        let mut contents: Vec<_> = mails.iter().map(|mail| &mail.content).collect();
        contents.rotate_left(turn.index(mails.len()));
        prop_assert_eq!(Conversation::from_mails(&contents).unwrap(), conversation);
    }
}

#[test]
fn parts_that_are_missing_or_there_twice_are_refused() {
    let mails = mails(&large(), Issue::FIRST, smallest().with_conversation_json(true));
    let contents: Vec<_> = mails.iter().map(|mail| &mail.content).collect();
    assert!(contents.len() > 2);
    let twice = [&contents[..], &contents[..1]].concat();
    for parts in [&contents[1..], &contents[..1], &twice[..], &[]] {
        let error = Conversation::from_mails(parts).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Item);
        assert!(error.to_string().contains("the parts are not complete"), "{error}");
    }
}

#[test]
fn parts_of_two_editions_or_conversations_are_refused() {
    let settings = smallest().with_conversation_json(true);
    let first = mails(&large(), Issue::FIRST, settings.clone());
    let next = mails(&large(), Issue::FIRST.next_edition(), settings.clone());
    let mut other = large();
    other.title = Some("Another".into());
    let other = mails(&other, Issue::FIRST, settings);
    for strange in [&next, &other] {
        assert_eq!(strange.len(), first.len());
        let contents: Vec<_> = first[..1].iter().chain(&strange[1..]).map(|mail| &mail.content).collect();
        let error = Conversation::from_mails(&contents).unwrap_err();
        assert!(error.to_string().contains("not of one conversation, window and edition"), "{error}");
    }
}

#[test]
fn mails_without_the_attachment_are_refused() {
    let mails = mails(&large(), Issue::FIRST, smallest());
    let error = Conversation::from_mails(&[&mails[0].content]).unwrap_err();
    assert!(error.to_string().contains("has no attachment conversation.json"), "{error}");
    assert!(Conversation::from_mails(&[b"Subject: x\r\n\r\nHello\r\n"]).is_err());
    assert!(Conversation::from_mails(&[b""]).is_err());
}
