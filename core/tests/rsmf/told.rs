//! Whether the words, people, times, order and files of a conversation are those of its files.

use std::collections::{BTreeMap, BTreeSet};

use jabber_archive_core::{Conversation, Digest, FileContent, FileRef, MailItem, MessageLine, Movement, Party};
use serde_json::Value;

use super::reader::Rsmf;

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
pub(crate) fn line(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).collect()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn told(items: &[MailItem]) -> Told {
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

fn expected(conversation: &Conversation, items: &[MailItem], limit: usize) -> Told {
    let mut objects = BTreeSet::new();
    for content in items.iter().flat_map(|item| &item.objects).filter_map(|object| object.content.as_ref()) {
        assert!(content.len() * 4 / 3 > limit / 2 - 20_000, "what fits in a file is in it");
        objects.insert(Digest::of(content));
    }
    let jid = |party: &Party| line(&party.to_string());
    let mut told = Told { people: conversation.participants.iter().map(|person| jid(&person.party)).collect(), ..Told::default() };
    let inside = |file: &FileRef| match file.content() {
        FileContent::Read(bytes) => Some(Digest::of(bytes)).filter(|digest| !objects.contains(digest)),
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

/// Panics unless files of at most so many bytes tell what the conversation holds.
pub(crate) fn check(conversation: &Conversation, items: &[MailItem], limit: usize) {
    assert!(items.iter().all(|item| item.content.len() <= limit));
    let (mut told, mut expected) = (told(items), expected(conversation, items, limit));
    assert!(told.moves.is_sorted_by_key(|(_, at, _)| at.clone()), "in order of time, from part to part");
    told.moves.sort();
    expected.moves.sort();
    assert_eq!(told, expected);
}
