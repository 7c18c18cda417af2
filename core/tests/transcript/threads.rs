//! The mails of a conversation are one thread, by the algorithm REFERENCES of RFC 5256.

use std::collections::{BTreeMap, BTreeSet};

use jabber_archive_core::{
    Conversation, ConversationKey, ConversationKind, ConverterExt, FieldHasher, Grid, Issue, Message, MessageKey, Participant, Party,
    TranscriptSettings, testing::generators,
};
use proptest::prelude::*;

use crate::{oracle::Mail, per_message};

#[derive(Debug, Default)]
struct Container {
    parent: Option<String>,
    subject: Option<String>,
}

/// The Message-IDs of each thread: steps 1 to 5 of REFERENCES, for subjects without prefixes.
fn threads(mails: &[Mail]) -> BTreeSet<BTreeSet<String>> {
    let mut containers: BTreeMap<String, Container> = BTreeMap::new();
    for mail in mails {
        // Step 1: references are chained, and the last is the mail's parent.
        let mut parent: Option<String> = None;
        for reference in mail.references.split_whitespace() {
            let container = containers.entry(reference.to_owned()).or_default();
            if container.parent.is_none() {
                container.parent.clone_from(&parent);
            }
            parent = Some(reference.to_owned());
        }
        let container = containers.entry(mail.message_id.clone()).or_default();
        assert!(container.subject.is_none(), "{} is there twice", mail.message_id);
        (container.parent, container.subject) = (parent, Some(mail.subject.clone()));
    }
    // Steps 2 and 3: what is below one root is one thread; roots that are no mails do not show.
    let mut below: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for id in containers.iter().filter(|(_, container)| container.subject.is_some()).map(|(id, _)| id) {
        let mut root = id.as_str();
        while let Some(parent) = &containers[root].parent {
            root = parent;
        }
        below.entry(root).or_default().insert(id.clone());
    }
    below.into_values().collect()
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

#[test]
fn a_conversation_of_several_days_is_one_thread_and_another_is_another() {
    let bob = [day("bob", 20, &["good morning", "hello"]), day("bob", 21, &["again"]), day("bob", 24, &["and again", "yes"])];
    let carol = [day("carol", 20, &["good morning"]), day("carol", 21, &["again", "hello"])];
    let read = |days: &[Conversation]| -> Vec<Mail> {
        let mails = days.iter().flat_map(|day| per_message(TranscriptSettings::default()).mails(day, Issue::FIRST).unwrap());
        mails.map(|item| Mail::read(&item)).collect()
    };
    let (bob, carol) = (read(&bob), read(&carol));
    assert_eq!((bob.len(), carol.len()), (5, 3));
    let ids = |mails: &[Mail]| -> BTreeSet<String> { mails.iter().map(|mail| mail.message_id.clone()).collect() };
    let expected: BTreeSet<_> = [ids(&bob), ids(&carol)].into();
    let subjects: Vec<BTreeSet<String>> = [&bob, &carol].map(|mails| mails.iter().map(|mail| mail.subject.clone()).collect()).into();
    assert_eq!(subjects, [["Jabber: alice, bob".to_owned()].into(), ["Jabber: alice, carol".to_owned()].into()]);
    let mut mixed: Vec<Mail> = carol.into_iter().chain(bob).collect();
    for _ in 0..mixed.len() {
        mixed.rotate_left(3);
        assert_eq!(threads(&mixed), expected);
    }
}

proptest! {
    #[test]
    fn every_conversation_is_one_thread(conversation in generators::conversation(), issue in generators::issue()) {
        let mails: Vec<Mail> =
            per_message(TranscriptSettings::default()).mails(&conversation, issue).unwrap().iter().map(Mail::read).collect();
        prop_assert_eq!(threads(&mails).len(), 1);
        let subjects: BTreeSet<_> = mails.iter().map(|mail| &mail.subject).collect();
        prop_assert_eq!(subjects.len(), 1);
    }
}
