use std::collections::BTreeSet;

use jabber_archive_core::{
    Address, BareJid, Conversation, Converter, ErrorKind, Issue, Movement, Participant, Party, Rsmf as Converted, Timestamp,
    TranscriptSettings, testing::generators,
};
use proptest::prelude::*;

use crate::{files, reader::Rsmf, rsmf, smallest, with_json};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_part_exceeds_any_limit_and_all_name_each_other(
        conversation in generators::large_conversation(2..600, 100..500),
        limit in TranscriptSettings::LEAST_ITEM_BYTES..600_000,
        json: bool,
    ) {
        let items = files(&conversation, Issue::FIRST, with_json().with_max_item_bytes(limit).with_conversation_json(json));
        let ids: BTreeSet<_> = items.iter().map(|item| item.key.id.to_string()).collect();
        prop_assert_eq!(ids.len(), items.len());
        let mut end = None;
        for (item, number) in items.iter().zip(1..) {
            prop_assert!(item.content.len() <= limit, "{} of {limit}", item.content.len());
            prop_assert_eq!((item.part.number, item.part.of as usize), (number, items.len()));
            let rsmf = Rsmf::read(item);
            prop_assert_eq!(rsmf.subject.ends_with(&format!(" ({number}/{})", items.len())), items.len() > 1);
            // A part of participants alone tells of nothing that happened.
            if rsmf.events().iter().any(|event| event["type"] != "disclaimer") {
                let (begin, before) = (Some(rsmf.fields["BeginDate"].clone()), end.replace(rsmf.fields["EndDate"].clone()));
                prop_assert!(before <= begin, "parts follow each other in time");
            }
            if items.len() > 1 {
                let note = rsmf.events_of("disclaimer").next().unwrap()["body"].as_str().unwrap();
                let others: BTreeSet<_> = ids.iter().filter(|id| note.contains(id.as_str())).cloned().collect();
                let own: BTreeSet<_> = [item.key.id.to_string()].into();
                prop_assert_eq!(others, ids.difference(&own).cloned().collect());
            }
        }
    }

    #[test]
    fn parts_of_a_message_fit_any_limit(
        conversation in generators::outgrown_conversation(), limit in TranscriptSettings::LEAST_ITEM_BYTES..500_000, json: bool
    ) {
        let items = files(&conversation, Issue::FIRST, with_json().with_max_item_bytes(limit).with_conversation_json(json).with_raw_stanzas(!json));
        for item in &items {
            prop_assert!(item.content.len() <= limit, "{} of {limit}", item.content.len());
        }
        prop_assert_eq!(items.iter().map(|item| item.messages.len()).sum::<usize>(), conversation.messages.len());
    }

    #[test]
    fn parts_are_filled(messages in 300..900_usize) {
        let conversation = generators::one(generators::large_conversation(3..4, messages..messages + 1));
        let items = files(&conversation, Issue::FIRST, smallest());
        for item in items.iter().rev().skip(1) {
            let next = &items[item.part.number as usize];
            prop_assert!(item.content.len() + next.content.len() > TranscriptSettings::LEAST_ITEM_BYTES * 9 / 10);
        }
    }
}

#[test]
fn a_file_may_fill_the_limit_to_the_byte() {
    for (number, conversation) in generators::sample(generators::large_conversation(3..4, 300..301), 4).iter().enumerate() {
        let whole = with_json().with_conversation_json(number % 2 == 0).with_raw_stanzas(number < 2);
        let items = files(conversation, Issue::FIRST, whole.clone());
        let size = items[0].content.len();
        assert_eq!(items.len(), 1);
        assert_eq!(files(conversation, Issue::FIRST, whole.clone().with_max_item_bytes(size)), items);
        assert!(files(conversation, Issue::FIRST, whole.with_max_item_bytes(size - 1)).len() > 1);
    }
}

/// A room of so many people, all of whom enter and leave; every tenth writes.
fn crowd(people: usize) -> Conversation {
    let seed = generators::one(generators::large_conversation(3..4, 1..2));
    let start = seed.window.start().millis();
    let at = |number: usize| Timestamp::from_millis(start + number as i64);
    let person = |number: usize| {
        let jid = BareJid::new(&format!("user{number}@example.com")).unwrap();
        let mut person =
            Participant::new(Party::User(jid), Address::Mapped(format!("user{number}@example.com")), Some(format!("User {number}")));
        person.movements = vec![(at(number), Movement::Entered), (at(people + number), Movement::Left)];
        person
    };
    let messages = (0..people).step_by(10).map(|number| {
        let mut message = seed.messages[0].clone();
        message.key.start = at(people + number);
        message.sender = person(number).party;
        (message.body, message.recipients) = (format!("message {number}"), Vec::new());
        message
    });
    Conversation::new(seed.key.clone(), seed.window, seed.kind, seed.title.clone(), (0..people).map(person).collect(), messages.collect())
}

#[test]
fn fifteen_thousand_people_are_cut_and_a_file_holds_ten_thousand_events_at_most() {
    let conversation = crowd(15_000);
    for settings in [smallest().with_conversation_json(true), TranscriptSettings::default()] {
        let items = files(&conversation, Issue::FIRST, settings.clone());
        assert!(items.len() > 3, "{}", items.len());
        let (mut people, mut moves, mut messages) = (BTreeSet::new(), 0, 0);
        for item in &items {
            assert!(item.content.len() <= settings.max_item_bytes);
            let rsmf = Rsmf::read(item);
            people.extend(rsmf.participants().iter().map(|person| person["account_id"].as_str().unwrap().to_owned()));
            moves += rsmf.events_of("join").chain(rsmf.events_of("leave")).count();
            messages += rsmf.events_of("message").count();
        }
        assert_eq!((people.len(), moves, messages), (15_000, 30_000, 1_500));
        if settings.conversation_json {
            let contents: Vec<_> = items.iter().map(|item| &item.content).collect();
            assert_eq!(Conversation::from_mails(&contents).unwrap(), conversation);
        }
    }
}

#[test]
fn limits_that_leave_no_room_or_that_no_tool_reads_are_refused_with_the_setting() {
    for (bytes, what) in [
        (TranscriptSettings::LEAST_ITEM_BYTES - 1, "262143 bytes leave no room for messages; set it to 262144 or more"),
        (2_000_000_001, "2000000001 bytes are more than review tools read; set it to 2000000000 or less"),
    ] {
        let error = Converted::new(&generators::facts(), TranscriptSettings::default().with_max_item_bytes(bytes)).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Config, format!("set up rsmf max_item_bytes: {what}")));
    }
}

#[test]
fn the_recipe_tells_settings_apart() {
    let recipe = |settings| rsmf(settings).recipe();
    assert_eq!(recipe(smallest()), recipe(smallest()));
    assert_ne!(recipe(smallest()), recipe(TranscriptSettings::default()));
    assert_ne!(recipe(smallest()), recipe(smallest().with_conversation_json(true)));
}

#[test]
fn a_conversation_of_nobody_has_a_notice_alone() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 0..1));
    conversation.participants.clear();
    conversation.messages.clear();
    let rsmf = Rsmf::read(&files(&conversation, Issue::FIRST, smallest())[0]);
    assert_eq!((rsmf.participants().len(), rsmf.events().len()), (0, 1));
    assert_eq!(rsmf.events()[0]["body"], "This part holds no events.");
    assert_eq!(rsmf.fields["BeginDate"], conversation.window.start().to_string());
}

#[test]
fn a_message_is_refused_by_name_if_no_file_can_hold_the_name_of_its_attachment() {
    let mut conversation = generators::one(generators::large_conversation(3..4, 2..3));
    let name = "a".repeat(TranscriptSettings::LEAST_ITEM_BYTES);
    conversation.messages[1].files = vec![jabber_archive_core::FileRef::named(name)];
    let error = rsmf(smallest()).convert(&conversation, Issue::FIRST, &mut |_| Ok(())).unwrap_err();
    assert_eq!((error.class(), error.message()), (jabber_archive_core::ErrorClass::Item, Some(&conversation.messages[1].key)));
}
