use std::collections::BTreeSet;

use jabber_archive_core::{
    Address, BareJid, Conversation, ConversationKey, ConversationKind, Converter, ConverterExt, ErrorClass, ErrorKind, Issue, MessageLine,
    Participant, Party, Transcript, TranscriptSettings, testing::generators,
};
use proptest::prelude::*;

use crate::{grammar, mails, markup::Page, oracle::Mail, per_message, smallest, transcript};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_part_exceeds_any_limit_and_all_name_each_other(
        conversation in generators::large_conversation(2..600, 100..500),
        limit in TranscriptSettings::LEAST_ITEM_BYTES..600_000,
        json: bool,
    ) {
        let settings = TranscriptSettings::default().with_max_item_bytes(limit).with_conversation_json(json);
        let items = mails(&conversation, Issue::FIRST, settings);
        let ids: BTreeSet<_> = items.iter().map(|item| item.key.id.to_string()).collect();
        prop_assert_eq!(ids.len(), items.len());
        for (item, number) in items.iter().zip(1..) {
            prop_assert!(item.content.len() <= limit, "{} of {limit}", item.content.len());
            prop_assert_eq!((item.part.number, item.part.of as usize), (number, items.len()));
            let mail = Mail::read(item);
            prop_assert_eq!(mail.fact("Part"), format!("{number}/{}", items.len()));
            prop_assert_eq!(mail.subject.ends_with(&format!(" ({number}/{})", items.len())), items.len() > 1);
            if items.len() > 1 {
                let note = grammar::read(&mail.text).head.into_iter().find(|line| line.starts_with("Part ")).unwrap();
                let named: BTreeSet<_> = ids.iter().filter(|id| note.contains(id.as_str())).cloned().collect();
                let own: BTreeSet<_> = [item.key.id.to_string()].into();
                prop_assert_eq!(named, ids.difference(&own).cloned().collect());
            }
        }
    }

    #[test]
    fn parts_are_filled(messages in 300..900_usize) {
        let conversation = generators::one(generators::large_conversation(3..4, messages..messages + 1));
        let items = mails(&conversation, Issue::FIRST, smallest());
        // The largest text that is generated takes 260 kB; most take 2.
        for item in items.iter().rev().skip(1) {
            let next = &items[item.part.number as usize];
            prop_assert!(item.content.len() + next.content.len() > TranscriptSettings::LEAST_ITEM_BYTES * 9 / 10);
        }
    }
}

#[test]
fn fifteen_thousand_people_and_the_longest_names_and_titles_find_room() {
    let drawn = generators::one(generators::large_conversation(3..4, 3..4));
    let room = BareJid::new("all@conference.example.com").unwrap();
    let everybody = (0..15_000).map(|number| {
        let party = Party::User(BareJid::new(&format!("user{number}@example.com")).unwrap());
        let name = (number < 5).then(|| "\u{1f600}".repeat(1_000_000));
        Participant::new(party.clone(), Address::Mapped(party.to_string()), name)
    });
    let mut messages = drawn.messages;
    for (message, number) in messages.iter_mut().zip([1, 7_000, 14_999]) {
        message.sender = Party::User(BareJid::new(&format!("user{number}@example.com")).unwrap());
    }
    let title = Some("<\u{1f600}>".repeat(1_000_000));
    let key = ConversationKey::Room(room);
    let conversation = Conversation::new(key, drawn.window, ConversationKind::Room, title, everybody.collect(), messages);
    let settings = smallest().with_conversation_json(true);
    let converters: [&dyn Converter; 2] = [&transcript(settings.clone()), &per_message(settings)];
    for converter in converters {
        let items = converter.mails(&conversation, Issue::FIRST).unwrap();
        assert!(items.iter().all(|item| item.content.len() <= TranscriptSettings::LEAST_ITEM_BYTES));
        let listed: Vec<_> = items.iter().flat_map(|item| &item.messages).copied().collect();
        assert_eq!(listed, conversation.messages.iter().map(MessageLine::of).collect::<Vec<_>>());
        let contents: Vec<_> = items.iter().map(|item| &item.content).collect();
        assert_eq!(Conversation::from_mails(&contents).unwrap(), conversation);
    }
}

#[test]
fn the_same_conversation_gives_the_same_bytes() {
    let conversation = generators::one(generators::large_conversation(30..31, 500..501));
    let settings = smallest().with_conversation_json(true);
    assert_eq!(mails(&conversation, Issue::FIRST, settings.clone()), mails(&conversation, Issue::FIRST, settings));
}

#[test]
fn another_edition_has_other_ids_and_the_same_messages() {
    let conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 3..4));
    let (first, next) = (Issue::FIRST, Issue::FIRST.next_edition());
    let (first, next) = (&mails(&conversation, first, smallest())[0], &mails(&conversation, next, smallest())[0]);
    assert_ne!(first.key.id, next.key.id);
    assert_eq!(first.messages, next.messages);
}

#[test]
fn a_limit_under_256_kib_is_refused_with_the_setting() {
    let settings = TranscriptSettings::default().with_max_item_bytes(TranscriptSettings::LEAST_ITEM_BYTES - 1);
    let error = Transcript::new(&generators::facts(), settings).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.to_string(), "set up transcript max_item_bytes: 262143 bytes leave no room for messages; set it to 262144 or more");
}

#[test]
fn a_domain_that_no_message_id_can_have_is_refused() {
    let mut facts = generators::facts();
    facts.message_id_domain = "x>\r\nBcc: eve@example.com".into();
    let error = Transcript::new(&facts, TranscriptSettings::default()).unwrap_err();
    assert_eq!((error.kind(), error.subject()), (ErrorKind::Config, Some("message_id_domain")));
}

#[test]
fn the_recipe_tells_settings_apart() {
    let recipe = |settings| transcript(settings).recipe();
    assert_eq!(recipe(smallest()), recipe(smallest()));
    assert_ne!(recipe(smallest()), recipe(TranscriptSettings::default()));
    assert_ne!(recipe(smallest()), recipe(smallest().with_conversation_json(true)));
}

#[test]
fn a_mail_may_fill_the_limit_to_the_byte() {
    for (number, conversation) in generators::sample(generators::large_conversation(3..4, 300..301), 4).iter().enumerate() {
        let whole = TranscriptSettings::default().with_conversation_json(number % 2 == 0);
        let items = mails(conversation, Issue::FIRST, whole.clone());
        let size = items[0].content.len();
        assert_eq!(items.len(), 1);
        assert!(size > TranscriptSettings::LEAST_ITEM_BYTES);
        assert_eq!(mails(conversation, Issue::FIRST, whole.clone().with_max_item_bytes(size)), items);
        assert!(mails(conversation, Issue::FIRST, whole.with_max_item_bytes(size - 1)).len() > 1);
    }
}

#[test]
fn the_cut_falls_between_messages_of_one_minute_too() {
    let mut conversation = generators::one(generators::large_conversation(3..4, 300..301));
    let start = conversation.window.start();
    let sender = conversation.participants[0].party.clone();
    for (message, number) in conversation.messages.iter_mut().zip(0..) {
        message.key.start = start;
        message.key.ordinal = number;
        message.sender = sender.clone();
    }
    conversation.messages.sort_by_key(|message| message.key);
    let items = mails(&conversation, Issue::FIRST, smallest());
    assert!(items.len() > 1);
    for item in &items {
        let mail = Mail::read(item);
        assert!(item.content.len() <= TranscriptSettings::LEAST_ITEM_BYTES);
        assert_eq!(grammar::read(&mail.text).messages.len(), item.messages.len());
        assert_eq!(Page::read(&mail.html).all("h4").len(), 1, "every part says once who speaks");
    }
}

#[test]
fn a_conversation_of_nobody_is_a_mail_of_the_archive_to_itself() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 1..2));
    conversation.participants.clear();
    let stranger = transcript(smallest()).mails(&conversation, Issue::FIRST).unwrap_err();
    assert_eq!((stranger.class(), stranger.message()), (ErrorClass::Item, Some(&conversation.messages[0].key)));
    conversation.messages.clear();
    let items = mails(&conversation, Issue::FIRST, smallest().with_conversation_json(true));
    let mail = Mail::read(&items[0]);
    let archive = ("example".to_owned(), "archive@example.jabber-archive.invalid".to_owned());
    assert_eq!((&mail.from, &mail.to), (&vec![archive.clone()], &vec![archive]));
    assert_eq!(jabber_archive_core::Conversation::from_mails(&[&items[0].content]).unwrap(), conversation);
}
