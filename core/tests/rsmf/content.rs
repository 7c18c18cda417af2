//! The words, people, times, order and files of a conversation are those of its files.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jabber_archive_core::{
    Address, Conversation, ConversationKind, Digest, FileContent, Issue, ItemId, Message, MessageLine, Movement, Party, testing::generators,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::{
    files,
    reader::{Rsmf, custom},
    smallest, with_json,
};

/// What the files of a conversation tell together.
#[derive(Debug, Default, PartialEq)]
struct Told {
    /// By JID: the name before messages is made unique.
    people: BTreeSet<String>,
    /// Sender, time, text, digests of the files in the zip file, and how many files are named besides.
    messages: Vec<(String, String, String, Vec<Digest>, usize)>,
    moves: Vec<(String, String, bool)>,
    listed: Vec<MessageLine>,
}

/// What a text becomes where it stands as one line.
fn line(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn told(items: &[jabber_archive_core::MailItem]) -> Told {
    let mut told = Told::default();
    let mut open: Option<String> = None;
    for item in items {
        let rsmf = Rsmf::read(item);
        told.listed.extend(&item.messages);
        let people: BTreeMap<&str, String> = rsmf
            .participants()
            .iter()
            .map(|person| (person["id"].as_str().unwrap(), line(person["account_id"].as_str().unwrap())))
            .collect();
        told.people.extend(people.values().cloned());
        let who = |event: &Value| people[event["participant"].as_str().unwrap()].clone();
        for event in rsmf.events_of("message") {
            let attachments = event["attachments"].as_array().into_iter().flatten();
            let files: Vec<Digest> = attachments.map(|file| Digest::of(&rsmf.files[file["id"].as_str().unwrap()])).collect();
            let properties: Vec<_> = event["custom"].as_array().into_iter().flatten().collect();
            let named = properties.iter().filter(|property| property["name"] == "File").count();
            let notes: Vec<_> = properties.iter().filter(|property| property["name"] == "Note").map(|note| text(&note["value"])).collect();
            let id = text(&event["id"]);
            if let Some(open) = &open {
                assert_eq!((&id, &notes[0][..]), (open, "Continued from the part before"));
                let (sender, _, body, before, elsewhere) = told.messages.last_mut().unwrap();
                assert_eq!(*sender, who(event));
                body.push_str(event["body"].as_str().unwrap());
                before.extend(files);
                *elsewhere += named;
            } else {
                told.messages.push((who(event), text(&event["timestamp"]), text(&event["body"]), files, named));
            }
            open = notes.last().filter(|note| *note == "Continued in the next part").map(|_| id);
        }
        for event in rsmf.events().iter().filter(|event| event["type"] == "join" || event["type"] == "leave") {
            told.moves.push((who(event), text(&event["timestamp"]), event["type"] == "join"));
        }
    }
    assert_eq!(open, None, "what is continued ends");
    told
}

fn expected(conversation: &Conversation, limit: usize) -> Told {
    let jid = |party: &Party| line(&party.to_string());
    let mut told = Told { people: conversation.participants.iter().map(|person| jid(&person.party)).collect(), ..Told::default() };
    let inside = |file: &jabber_archive_core::FileRef| match file.content() {
        FileContent::Read(bytes) if bytes.len() * 4 / 3 < limit / 2 - 20_000 => file.digest,
        _ => None,
    };
    for message in &conversation.messages {
        let files: Vec<Digest> = message.files.iter().filter_map(inside).collect();
        let elsewhere = message.files.len() - files.len();
        told.messages.push((jid(&message.sender), message.sent().to_string(), message.body.clone(), files, elsewhere));
        told.listed.push(MessageLine::of(message));
    }
    for person in &conversation.participants {
        let moves = person.movements.iter().map(|(at, movement)| (jid(&person.party), at.to_string(), *movement == Movement::Entered));
        told.moves.extend(moves);
    }
    told
}

fn check(conversation: &Conversation, items: &[jabber_archive_core::MailItem], limit: usize) {
    let (mut told, mut expected) = (told(items), expected(conversation, limit));
    assert!(told.moves.is_sorted_by_key(|(_, at, _)| at.clone()), "in order of time, from part to part");
    told.moves.sort();
    expected.moves.sort();
    assert_eq!(told, expected);
}

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
        let objects: BTreeMap<Digest, Bytes> = items
            .iter()
            .flat_map(|item| &item.objects)
            .filter_map(|object| Some((*object.key.digest(), object.content.clone()?)))
            .collect();
        let mut told = told(&items);
        let mut expected = expected(&conversation, settings.max_item_bytes);
        // What is close to half of a part may be in either place, and is in one.
        for ((message, said), of) in expected.messages.iter_mut().zip(&mut told.messages).zip(&conversation.messages) {
            let read: Vec<_> = of.files.iter().filter(|file| matches!(file.content(), FileContent::Read(_))).filter_map(|file| file.digest).collect();
            let is_object = |digest: &Digest| objects.contains_key(digest);
            prop_assert_eq!(&said.3, &read.iter().copied().filter(|digest| !is_object(digest)).collect::<Vec<_>>());
            prop_assert_eq!(said.3.len() + said.4, of.files.len());
            (message.3, message.4) = (said.3.clone(), said.4);
        }
        told.moves.sort();
        expected.moves.sort();
        prop_assert_eq!(told, expected);
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
