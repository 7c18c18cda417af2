//! Mail programs show one thread for each conversation.

use jabber_archive_core::{
    Conversation, ConversationKey, ConversationKind, Converter, ConverterExt, FieldHasher, Grid, Issue, Message, MessageKey, Participant,
    Party, TranscriptSettings, testing::generators,
};
use proptest::prelude::*;

use crate::{
    per_message,
    references::{Header, threads, threads_by_references_alone},
    smallest, transcript,
};

/// Converters of every kind.
fn converters(settings: &TranscriptSettings) -> Vec<Box<dyn Converter>> {
    vec![
        Box::new(transcript(settings.clone())),
        Box::new(per_message(settings.clone())),
        #[cfg(feature = "rsmf")]
        Box::new(jabber_archive_core::Rsmf::new(&generators::facts(), settings.clone()).unwrap()),
    ]
}

fn user(name: &str) -> Party {
    Party::User(jabber_archive_core::BareJid::new(&format!("{name}@example.com")).unwrap())
}

/// What two people wrote on a day.
fn day(with: &str, day: u32, texts: &[&str]) -> Conversation {
    let (alice, other) = (user("alice"), user(with));
    let person = |party: &Party| Participant::new(party.clone(), jabber_archive_core::Address::Mapped(party.to_string()), None);
    let message = |(minute, text): (usize, &&str)| {
        let sent = format!("2026-11-{day:02}T09:{minute:02}:00Z").parse().unwrap();
        let sender = if minute.is_multiple_of(2) { &alice } else { &other };
        Message::new(MessageKey::new(sent, FieldHasher::new().field(text).finish().short(), 0), sender.clone(), (*text).to_owned())
    };
    let messages: Vec<_> = texts.iter().enumerate().map(message).collect();
    let window = Grid::daily().window_at(messages[0].sent());
    let key = ConversationKey::pair(alice.clone(), other.clone());
    Conversation::new(key, window, ConversationKind::OneToOne, None, vec![person(&alice), person(&other)], messages)
}

fn headers(converter: &dyn Converter, days: &[(Conversation, Issue)]) -> Vec<Header> {
    days.iter().flat_map(|(day, issue)| converter.mails(day, *issue).unwrap()).map(|item| Header::read(&item)).collect()
}

#[test]
fn days_addenda_and_parts_of_a_conversation_are_one_thread_and_another_is_another() {
    let mut addendum = Issue::FIRST.next_edition();
    addendum.addendum = true;
    let large = "word ".repeat(30_000);
    let outgrown = "word ".repeat(120_000);
    let of = |with: &str| {
        [
            (day(with, 20, &["good morning", "hello"]), Issue::FIRST),
            (day(with, 21, &[&large, "again", &large, &large]), Issue::FIRST),
            (day(with, 21, &["late", &outgrown]), addendum),
            (day(with, 24, &["and again"]), Issue::FIRST.next_edition()),
        ]
    };
    for converter in converters(&smallest()) {
        let name = converter.recipe().name;
        let (bob, carol) = (headers(&*converter, &of("bob")), headers(&*converter, &of("carol")));
        assert!(bob.len() >= 8, "{name}: {} mails", bob.len());
        let expected: std::collections::BTreeSet<Vec<String>> = threads(&bob).union(&threads(&carol)).cloned().collect();
        assert_eq!((threads(&bob).len(), threads(&carol).len(), expected.len()), (1, 1, 2), "{name}");
        let mut mixed: Vec<Header> = carol.into_iter().chain(bob).collect();
        for _ in 0..mixed.len() {
            mixed.rotate_left(3);
            assert_eq!(threads(&mixed), expected, "{name}");
            assert_eq!(threads_by_references_alone(&mixed), expected, "{name}");
        }
    }
}

proptest! {
    #[test]
    fn every_conversation_is_one_thread(conversation in generators::conversation(), issue in generators::issue()) {
        for converter in converters(&TranscriptSettings::default()) {
            let headers = headers(&*converter, &[(conversation.clone(), issue)]);
            prop_assert_eq!((threads(&headers).len(), threads_by_references_alone(&headers).len()), (1, 1));
        }
    }
}
