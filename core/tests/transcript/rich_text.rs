//! Formatted text, compared with what another sanitizer and another parser make of it.

use std::sync::Arc;

use jabber_archive_core::{
    Address, Assembler, BareJid, Conversation, ConversationKey, ConversationKind, FieldHasher, Grid, Issue, MemoryDirectory, Message,
    MessageKey, Neighbour, Participant, Party, People, Record, Rooms, Timestamp, TranscriptSettings,
    testing::{generators, rows::Row},
};
use proptest::prelude::*;

use crate::{
    mails,
    markup::Page,
    oracle::Mail,
    sanitizer,
    shown::{shown, words},
    with_json,
};

const NAMESPACES: [&str; 2] = ["http://jabber.org/protocol/xhtml-im", "http://www.w3.org/1999/xhtml"];

fn stanza(markup: &str) -> String {
    let [im, xhtml] = NAMESPACES;
    format!("<message><html xmlns='{im}'><body xmlns='{xhtml}'>{markup}</body></html></message>")
}

/// A conversation of one message.
fn conversation(body: &str, stanza: &str) -> Conversation {
    let alice = Party::User(BareJid::new("alice@example.com").unwrap());
    let bob = Party::User(BareJid::new("bob@example.com").unwrap());
    let person = |party: &Party| Participant::new(party.clone(), Address::Mapped(party.to_string()), None);
    let sent: Timestamp = "2026-11-21T09:14:03Z".parse().unwrap();
    let mut message = Message::new(MessageKey::new(sent, FieldHasher::new().finish().short(), 0), alice.clone(), body.to_owned());
    message.stanza = Some(stanza.to_owned());
    Conversation::new(
        ConversationKey::pair(alice.clone(), bob.clone()),
        Grid::daily().window_at(sent),
        ConversationKind::OneToOne,
        None,
        vec![person(&alice), person(&bob)],
        vec![message],
    )
}

/// The element of a message in the HTML part, whatever it holds.
fn element(conversation: &Conversation) -> String {
    let mail = Mail::read(&mails(conversation, Issue::FIRST, TranscriptSettings::default())[0]);
    let page = Page::read(&mail.html);
    assert_eq!(words(page.messages()[0]), words(&shown(&conversation.messages[0].body)), "both bodies say the same");
    let (_, rest) = mail.html.split_once("</small></h4>\r\n").unwrap();
    rest.split_once("\r\n<h2>Cisco Jabber archive</h2>").unwrap().0.to_owned()
}

fn is_formatted(element: &str) -> bool {
    element.starts_with("<div dir=")
}

fn check(body: &str, stanza: &str) -> String {
    let element = element(&conversation(body, stanza));
    sanitizer::check(&element);
    element
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn another_sanitizer_finds_nothing_to_remove((body, stanza) in generators::hostile_formatted()) {
        check(&body, &stanza);
    }

    #[test]
    fn what_clients_format_is_shown_formatted((body, stanza) in generators::formatted()) {
        prop_assert!(is_formatted(&check(&body, &stanza)));
    }

    #[test]
    fn a_stanza_of_any_text_shows_the_words_of_the_body(body in generators::hostile_text(), markup in generators::hostile_text()) {
        check(&body, &stanza(&markup));
        check(&body, &markup);
    }

    #[test]
    fn formatted_text_for_another_body_is_not_shown((_, stanza) in generators::formatted(), body in "[a-z]{1,9}x") {
        prop_assert!(!is_formatted(&check(&body, &stanza)));
    }
}

#[test]
fn much_of_what_is_hostile_is_shown_formatted_and_so_tested() {
    let samples = generators::sample(generators::hostile_formatted(), 400);
    let formatted = samples.iter().filter(|(body, stanza)| is_formatted(&element(&conversation(body, stanza)))).count();
    assert!(formatted > 100, "{formatted} of 400");
}

#[test]
fn formatted_text_is_shown_in_an_element_that_may_hold_blocks() {
    let element = check("Dear all,\nread this", &stanza("<p>Dear <b>all</b>,</p><p>read <a href='https://example.com/x'>this</a></p>"));
    let expected = "<div dir=\"auto\"><div>Dear <b>all</b>,</div>\
         <div>read <a href=\"https://example.com/x\" rel=\"noopener noreferrer\">this</a></div></div>";
    assert_eq!(element, expected);
}

#[test]
fn a_conversation_with_formatted_text_comes_back_from_its_mail() {
    let conversation = conversation("read this", &stanza("<p>read <b>this</b></p>"));
    let mails = mails(&conversation, Issue::FIRST, with_json());
    assert_eq!(Conversation::from_mails(&[&mails[0].content]).unwrap(), conversation);
}

#[test]
fn text_that_stands_in_xhtml_alone_is_the_body_and_is_shown_formatted() {
    let facts = generators::facts();
    let row = Row::jm("alice@example.com/jabber_1", "bob@example.com").stanza(&stanza("<p>read <b>this</b></p><p>today</p>")).message();
    let window = facts.grid.window_at(row.sent);
    let mut assembler = Assembler::new(&facts, Arc::new(Rooms::new()), People::new(Arc::new(MemoryDirectory::new())));
    assembler.accept(vec![Record::Message(row)]);
    let conversation = assembler.assemble(&window, &Neighbour::default()).conversations.remove(0);
    assert_eq!(conversation.messages[0].body, "read this\ntoday");
    assert_eq!(element(&conversation), "<div dir=\"auto\"><div>read <b>this</b></div><div>today</div></div>");
}
