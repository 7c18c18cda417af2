//! The recipes of `docs/archive.md`: what the program makes of rows, what Python makes of the recipe, and `docs/vectors.json` are the same.

use std::{
    collections::BTreeMap,
    fs, future,
    process::Command,
    sync::{Arc, Mutex},
};

use jabber_archive_core::{
    ArchiveFacts, Archiver, BareJid, Conversation, ConversationKey, Converter, Digest, FieldHasher, Issue, ItemId, Journal, Link, MailItem,
    Message, PerMessage, Recipe, Result, Transcript, TranscriptSettings, Window,
    testing::{
        memory::{MemoryLedger, MemorySink, MemorySource},
        rows::Row,
    },
};
use serde_json::Value;

use crate::program::ended;

const VECTORS: &str = include_str!("../../../docs/vectors.json");

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

/// What a vector says, by its name.
fn said(what: &str, kind: &str) -> String {
    let vectors = vectors();
    let vector = vectors["recipes"].as_array().unwrap().iter().find(|vector| vector["what"] == what).unwrap_or_else(|| panic!("{what}"));
    vector[kind].as_str().unwrap().to_owned()
}

fn facts() -> ArchiveFacts {
    ArchiveFacts::new("jabber-test").unwrap()
}

/// Keeps the conversations that it is given.
#[derive(Debug, Default)]
struct Listener(Mutex<Vec<Conversation>>);

impl Converter for Listener {
    fn recipe(&self) -> Recipe {
        Recipe::new("listener", 1, Digest::of(b""))
    }

    fn convert(&self, conversation: &Conversation, _: Issue, _: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        self.0.lock().unwrap().push(conversation.clone());
        Ok(())
    }
}

/// The conversations of the rows in the vectors, by key.
fn conversations() -> Vec<Conversation> {
    let vectors = vectors();
    let records = vectors["rows"].as_array().unwrap().iter().map(|row| {
        let text = |name: &str| row[name].as_str().unwrap();
        let mut built = Row::jm(text("from"), text("to")).at(text("at")).body(text("body"));
        if text("from").starts_with("team@") {
            built = built.groupchat();
        }
        match row["id"].as_str() {
            Some(id) => built.id(id).record(),
            None => built.record(),
        }
    });
    let now = "2026-11-21T02:00:00Z".parse().unwrap();
    let listener = Arc::new(Listener::default());
    let source = Arc::new(MemorySource::new(records.collect(), now));
    let archiver = Archiver::new(
        facts(),
        source,
        listener.clone(),
        Arc::new(MemorySink::default()),
        Arc::new(MemoryLedger::new()),
        Arc::new(|_| future::ready(())),
    );
    // Nothing lists the messages, so that their sums do not close: they were heard of by then.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ended = runtime.block_on(archiver.run(now, future::pending()));
    assert!(ended.unwrap_err().to_string().contains("do not add up"));
    let mut heard = listener.0.lock().unwrap().clone();
    heard.sort_by(|one, other| one.key.cmp(&other.key));
    heard
}

fn message<'c>(conversations: &'c [Conversation], body: &str) -> &'c Message {
    conversations.iter().flat_map(|conversation| &conversation.messages).find(|message| message.body == body).unwrap()
}

#[test]
fn python_makes_every_vector_from_the_recipe() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");
    let check = |vectors: &str| {
        let place = tempfile::NamedTempFile::new().unwrap();
        fs::write(place.path(), vectors).unwrap();
        ended(Command::new("python3").arg(format!("{folder}/recipes.py")).arg(place.path()).output().expect("python3 is needed"))
    };
    check(VECTORS).assert(0, &["18 of 18 vectors are right"]);
    for what in ["encoding", "mail of a conversation"] {
        let kind = if what == "encoding" { "sha256" } else { "id" };
        let right = said(what, kind);
        let wrong = right.replacen(&right[..1], if right.starts_with('a') { "b" } else { "a" }, 1);
        check(&VECTORS.replacen(&right, &wrong, 1)).assert(1, &[&format!("{what}: {right}, and not {wrong}")]);
    }
}

#[test]
fn fields_are_hashed_as_the_vector_says() {
    let digest = FieldHasher::new().field("ab").integer(7).field("").field("好的").finish();
    assert_eq!(digest.to_string(), said("encoding", "sha256"));
    assert_eq!(digest.short().to_string(), said("encoding", "short"));
}

#[test]
fn rows_become_conversations_and_messages_with_the_digests_of_the_vectors() {
    let conversations = conversations();
    let keys: Vec<_> = conversations.iter().map(|conversation| conversation.key.digest().to_string()).collect();
    assert_eq!(keys, [said("conversation of two", "short"), said("conversation in a room", "short")]);
    let identities: BTreeMap<&str, String> =
        ["Hello Bob", "好的", "Lunch?"].map(|body| (body, message(&conversations, body).key.identity.to_string())).into();
    assert_eq!(identities["Hello Bob"], said("identity of a message with a stanza id", "short"));
    assert_eq!(identities["好的"], said("identity of a message without a stanza id", "short"));
    assert_eq!(identities["Lunch?"], said("identity of a message in a room", "short"));
    let content = |body: &str| message(&conversations, body).content_digest().to_string();
    assert_eq!(content("Hello Bob"), said("content of the message with a stanza id", "short"));
    assert_eq!(content("Lunch?"), said("content of the message in a room", "short"));
}

#[test]
fn mails_have_the_ids_of_the_vectors_and_message_ids_made_of_them() {
    let conversations = conversations();
    let [pair, room] = &conversations[..] else { panic!("{conversations:?}") };
    let window: Window = pair.window;
    let key = &message(&conversations, "Hello Bob").key;
    for (what, id) in [
        ("mail of a conversation", ItemId::new("jabber-test", "transcript", &pair.key, None, &window, 1, 1)),
        ("second part, third edition", ItemId::new("jabber-test", "transcript", &room.key, None, &window, 2, 3)),
        ("mail of one message", ItemId::new("jabber-test", "per-message", &pair.key, Some(key), &window, 1, 1)),
        ("what all mails of a conversation refer to", ItemId::root("jabber-test", &pair.key)),
    ] {
        assert_eq!(id.to_string(), said(what, "id"), "{what}");
    }
    assert!(matches!(&room.key, ConversationKey::Room(jid) if *jid == BareJid::new("team@conference-2.example.com").unwrap()));

    let settings = TranscriptSettings::default;
    let mails = |converter: &dyn Converter| {
        let mut mails = Vec::new();
        converter
            .convert(pair, Issue::FIRST, &mut |mail| {
                mails.push(mail);
                Ok(())
            })
            .unwrap();
        mails
    };
    let transcript = Transcript::new(&facts(), settings()).unwrap();
    let journal = Journal::new(&facts(), Transcript::new(&facts(), settings().journaled().unwrap()).unwrap()).unwrap();
    for (what, mail) in [
        ("mail of a conversation", &mails(&transcript)[0]),
        ("mail of one message", &mails(&PerMessage::new(&facts(), settings()).unwrap())[0]),
        ("journal report", &mails(&journal)[0]),
    ] {
        assert_eq!(mail.key.id.to_string(), said(what, "id"), "{what}");
        let line = format!("\r\nMessage-ID: <{}@jabber-test.jabber-archive.invalid>\r\n", said(what, "id"));
        assert!(String::from_utf8_lossy(&mail.content).contains(&line), "{what}: {line}");
    }
}

#[test]
fn a_chain_names_the_bytes_before_as_the_vector_does() {
    let chain = &vectors()["chain"];
    let text = |name: &str| chain[name].as_str().unwrap().to_owned();
    assert_eq!(String::from_utf8(facts().to_bytes()).unwrap(), text("archive.json"));
    let link = Link::from_bytes(1, text("ledger/00000001.json").as_bytes()).unwrap();
    assert_eq!(link.entry.previous, Digest::of(&facts().to_bytes()));
    assert_eq!(link.digest.to_string(), text("head"));
    assert_eq!(String::from_utf8(link.entry.to_bytes().to_vec()).unwrap(), text("ledger/00000001.json"));
}
