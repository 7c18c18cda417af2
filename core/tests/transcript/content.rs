use std::collections::{BTreeMap, BTreeSet};

use jabber_archive_core::{Conversation, Issue, Message, Party, testing::generators};
use proptest::prelude::*;

use crate::{
    grammar::{self, Body},
    mails,
    markup::Page,
    oracle::Mail,
    smallest, with_json,
};

/// The text of a message as the transcript promises to show it.
pub(crate) fn shown(text: &str) -> String {
    let show = |char: char| match char {
        '\n' | '\t' => char,
        '\u{0}'..='\u{1f}' => char::from_u32(u32::from(char) + 0x2400).unwrap(),
        '\u{7f}' => '\u{2421}',
        '\u{85}' | '\u{2028}' | '\u{2029}' => '\u{2424}',
        '\u{80}'..='\u{9f}' => '\u{fffd}',
        _ => char,
    };
    text.chars().map(show).collect()
}

/// The words of a text; what separates them is what no rendition needs to keep as it is.
pub(crate) fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn check_text(body: &Body, messages: &[Message], names: &mut BTreeMap<Party, String>) {
    assert_eq!(body.messages.len(), messages.len());
    for (said, message) in body.messages.iter().zip(messages) {
        assert_eq!(said.text, shown(&message.body));
        let time = message.sent().to_string();
        assert_eq!(format!("{}T{}", said.day, said.time), format!("{}Z", &time[..19]));
        let known = names.entry(message.sender.clone()).or_insert_with(|| said.name.clone());
        assert_eq!(*known, said.name, "a sender has one name");
        let subjects = said.with.iter().filter(|line| line.starts_with("Subject: ")).count();
        assert_eq!(subjects, usize::from(message.subject.is_some()));
        let files: Vec<_> = said.with.iter().filter_map(|line| line.strip_prefix("File (")).collect();
        assert_eq!(files.len(), message.files.len());
        for (line, file) in files.iter().zip(&message.files) {
            let (facts, name) = line.split_once("): ").unwrap();
            assert_eq!(facts.contains(" bytes, SHA-256 "), file.digest.is_some());
            assert_eq!(letters(name), letters(&file.name));
        }
    }
    let distinct: BTreeSet<_> = names.values().collect();
    assert_eq!(distinct.len(), names.len(), "no two senders have one name");
}

fn check_html(page: &Page, messages: &[Message]) {
    let said = page.messages();
    assert_eq!(said.len(), messages.len());
    for (said, message) in said.iter().zip(messages) {
        assert_eq!(words(said), words(&shown(&message.body)));
    }
    let files: usize = messages.iter().map(|message| message.files.len() + usize::from(message.subject.is_some())).sum();
    assert_eq!(page.all("li").len(), files);
}

/// What is left of a text when everything that a line of ours may show otherwise is taken away.
pub(crate) fn letters(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).collect()
}

pub(crate) fn check(conversation: &Conversation, issue: Issue, mails: &[jabber_archive_core::MailItem]) {
    let mut names = BTreeMap::new();
    let mut listed = BTreeSet::new();
    let mut at = 0;
    for item in mails {
        let mail = Mail::read(item);
        let body = grammar::read(&mail.text);
        let page = Page::read(&mail.html);
        let messages = &conversation.messages[at..at + item.messages.len()];
        at += item.messages.len();
        check_text(&body, messages, &mut names);
        check_html(&page, messages);
        assert_eq!(body.facts, mail.facts());
        assert_eq!(page.facts(), mail.facts());
        assert_eq!(body.head[0], mail.subject);
        assert!(page.all("h2").contains(&"Cisco Jabber archive"));
        assert_eq!(page.all("h1 dir=\"auto\""), [mail.subject.as_str()]);
        assert_eq!(body.head.iter().any(|line| line.starts_with("Addendum: ")), issue.addendum);
        for (line, message) in item.messages.iter().zip(messages) {
            assert_eq!((line.start, line.identity, line.content), (message.key.start, message.key.identity, message.content_digest()));
        }
        for person in body.people.iter().filter(|person| person.fields.contains_key("JID")) {
            listed.insert(person.fields["JID"].clone());
        }
    }
    assert_eq!(at, conversation.messages.len(), "every message is in one part");
    let parties: BTreeSet<_> = conversation.participants.iter().map(|person| letters(&person.party.to_string())).collect();
    assert_eq!(listed.iter().map(|jid| letters(jid)).collect::<BTreeSet<_>>(), parties, "every participant is listed");
}

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
