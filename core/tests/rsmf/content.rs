//! The words, people, times, order and files of a conversation are those of its files.

use std::collections::BTreeSet;

use jabber_archive_core::{Address, ConversationKind, Issue, ItemId, Message, Movement, testing::generators};
use proptest::prelude::*;

use crate::{
    files,
    reader::{Rsmf, custom},
    smallest,
    told::{check, line, text},
    with_json,
};

proptest! {
    #[test]
    fn a_file_tells_what_the_conversation_holds(conversation in generators::conversation(), issue in generators::issue(), json: bool) {
        let settings = with_json().with_conversation_json(json).with_raw_stanzas(json);
        let items = files(&conversation, issue, settings.clone());
        prop_assert_eq!(items.len(), 1);
        check(&conversation, &items, settings.max_item_bytes);
        let rsmf = Rsmf::read(&items[0]);
        prop_assert_eq!(&rsmf.fields["EventCollectionID"], &ItemId::root("example", &conversation.key).to_string());
        let direct = matches!(conversation.kind, ConversationKind::OneToOne | ConversationKind::RoomPrivate);
        prop_assert_eq!(&rsmf.conversation()["type"], if direct { "direct" } else { "channel" });
        prop_assert_eq!(rsmf.participants().len(), conversation.participants.len());
        let names: BTreeSet<_> = rsmf.participants().iter().map(|person| person["display"].as_str()).collect();
        prop_assert_eq!(names.len(), conversation.participants.len(), "no two are shown by the same name");
        for (shown, person) in rsmf.participants().iter().zip(&conversation.participants) {
            match (shown.get("email"), &person.address) {
                (Some(email), Address::Mapped(address) | Address::Foreign(address)) => prop_assert_eq!(email, address.as_str()),
                (Some(email), _) => prop_assert!(false, "{email} reaches nobody"),
                (None, _) => prop_assert!(line(custom(shown, "Address").unwrap()).starts_with(&line(person.address.as_str()))),
            }
        }
        for (name, value) in &rsmf.facts {
            prop_assert_eq!(custom(rsmf.conversation(), name).unwrap_or_default(), value.as_str());
        }
        let lines = rsmf.files.get("stanzas.jsonl").map(|lines| lines.split_inclusive(|byte| *byte == b'\n').count());
        let stanzas = conversation.messages.iter().filter(|message| message.stanza.is_some()).count();
        prop_assert_eq!((lines, rsmf.files.contains_key("conversation.json")), (json.then_some(stanzas), json));
        let disclaimers: Vec<_> = rsmf.events_of("disclaimer").collect();
        prop_assert_eq!(disclaimers.iter().any(|event| text(&event["body"]).contains("Addendum: ")), issue.addendum);
        prop_assert!(disclaimers.is_empty() || rsmf.events()[0]["type"] == "disclaimer");
    }

    #[test]
    fn the_same_conversation_gives_the_same_bytes(conversation in generators::conversation(), issue in generators::issue()) {
        prop_assert_eq!(files(&conversation, issue, with_json()), files(&conversation, issue, with_json()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn parts_tell_together_what_the_conversation_holds(conversation in generators::large_conversation(2..900, 100..500), json: bool) {
        let settings = smallest().with_conversation_json(json);
        let items = files(&conversation, Issue::FIRST, settings.clone());
        prop_assert!(items.len() > 1);
        check(&conversation, &items, settings.max_item_bytes);
    }

    #[test]
    fn a_message_larger_than_a_part_is_told_in_full(conversation in generators::outgrown_conversation(), json: bool) {
        let settings = smallest().with_conversation_json(json).with_raw_stanzas(json);
        let items = files(&conversation, Issue::FIRST, settings.clone());
        check(&conversation, &items, settings.max_item_bytes);
    }
}

#[test]
fn who_enters_later_is_no_participant_of_a_channel_at_its_first_event() {
    let mut conversation = generators::one(generators::large_conversation(4..5, 1..2));
    let at = |minutes: i64| jabber_archive_core::Timestamp::from_millis(conversation.window.start().millis() + minutes * 60_000);
    let (begin, later) = (at(1), at(2));
    let movements: [(bool, Vec<_>); 4] = [
        (true, vec![(later, Movement::Left)]),
        (false, vec![(later, Movement::Entered)]),
        (false, vec![(begin, Movement::Entered)]),
        (false, Vec::new()),
    ];
    for (person, (inside, movements)) in conversation.participants.iter_mut().zip(movements) {
        (person.inside, person.movements) = (inside, movements);
    }
    let sender = conversation.participants[3].party.clone();
    for message in &mut conversation.messages {
        *message = Message::new(message.key, sender.clone(), "text".into());
        message.key.start = later;
    }
    let rsmf = Rsmf::read(&files(&conversation, Issue::FIRST, smallest())[0]);
    assert_eq!(rsmf.conversation()["participants"], serde_json::json!(["P1", "P4"]));
    assert_eq!(rsmf.participants().len(), 4);
    let kinds: Vec<_> = rsmf.events().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["join", "join", "message", "leave"]);
}
