use jabber_archive_core::{Issue, testing::generators};
use proptest::prelude::*;

use crate::{agreement::check, grammar, mails, markup::Page, oracle::Mail, smallest, with_json};

proptest! {
    #[test]
    fn both_bodies_hold_exactly_the_messages(conversation in generators::conversation(), issue in generators::issue()) {
        check(&conversation, issue, &mails(&conversation, issue, with_json()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_parts_of_a_large_conversation_hold_exactly_the_messages(
        conversation in generators::large_conversation(2..1_200, 200..600), issue in generators::issue(), json: bool
    ) {
        check(&conversation, issue, &mails(&conversation, issue, smallest().with_conversation_json(json)));
    }
}

#[test]
fn a_message_that_holds_the_boundaries_of_its_own_mail_stays_in_its_place() {
    let strategy = generators::conversation_of(generators::Style::Realistic, 3..4);
    let mut conversation = generators::one(strategy);
    let id = mails(&conversation, Issue::FIRST, with_json())[0].key.id.clone();
    for message in &mut conversation.messages {
        message.body = format!("a\n--=_{id}_body\n\n--=_{id}_body--\n--=_{id}_mail--\n\nX: y\n");
    }
    let mails = mails(&conversation, Issue::FIRST, with_json());
    assert_eq!(mails[0].key.id, id);
    check(&conversation, Issue::FIRST, &mails);
}

#[test]
fn messages_of_two_days_stand_under_two_dates() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 2..3));
    conversation.messages[0].key.start = "2026-11-20T23:59:59.997Z".parse().unwrap();
    conversation.messages[1].key.start = "2026-11-21T00:00:00Z".parse().unwrap();
    let item = &mails(&conversation, Issue::FIRST, with_json())[0];
    let mail = Mail::read(item);
    let days: Vec<_> = grammar::read(&mail.text).messages.into_iter().map(|said| said.day + " " + &said.time).collect();
    assert_eq!(days, ["2026-11-20 23:59:59Z", "2026-11-21 00:00:00Z"]);
    let page = Page::read(&mail.html);
    assert!(page.all("h3").contains(&"Friday, 2026-11-20") && page.all("h3").contains(&"Saturday, 2026-11-21"));
}
