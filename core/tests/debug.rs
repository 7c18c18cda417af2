//! What is shown for debugging, in logs and in errors holds ids, counts and sizes: no secret, and no text of a message.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use jabber_archive_core::{
    ArchiveFacts, Assembler, ConverterExt, DeadLetter, Issue, MemoryDirectory, Neighbour, People, Record, Rooms, Secret, SecretSource,
    Table, Transcript, TranscriptSettings, UndecodableRow, testing::rows::Row,
};

/// What nobody may see who has not opened a mail.
const HIDDEN: &str = "xyzzy";

fn hides(shown: &impl Debug) {
    for text in [format!("{shown:?}"), format!("{shown:#?}")] {
        assert!(!text.contains(HIDDEN), "{text}");
    }
}

#[test]
fn neither_secrets_nor_texts_of_messages_are_shown_for_debugging() {
    hides(&Secret::new(HIDDEN));
    hides(&SecretSource::from(Secret::new(HIDDEN)));
    let stanza = format!("<message id='m1'><subject>{HIDDEN}</subject><body>{HIDDEN}</body></message>");
    let row = Row::jm("alice@example.com/jabber_1", "bob@example.com").body(HIDDEN).stanza(&stanza).message();
    hides(&row);
    let values = BTreeMap::from([("body_string".to_owned(), Some(HIDDEN.to_owned()))]);
    let undecodable = UndecodableRow { table: Table::Jm, sent: row.sent, length: 5, reason: "body_string: no key".into(), values };
    hides(&Record::Undecodable(undecodable.clone()));

    let facts = ArchiveFacts::new("test").unwrap();
    let window = facts.grid.window_at(row.sent);
    let mut assembler = Assembler::new(&facts, Arc::new(Rooms::new()), People::new(Arc::new(MemoryDirectory::new())));
    assembler.accept(vec![Record::Message(row), Record::Undecodable(undecodable)]);
    hides(&assembler);
    let assembly = assembler.assemble(&window, &Neighbour::default());
    hides(&assembly);
    let conversation = &assembly.conversations[0];
    assert_eq!(conversation.messages[0].body, HIDDEN);
    let message = Box::new(conversation.messages[0].clone());
    hides(&DeadLetter::Message { window, conversation: conversation.key.clone(), reason: "too large".into(), message });
    let row = &assembly.undecodable[0];
    let (reason, values) = (row.reason.clone(), row.values.clone());
    hides(&DeadLetter::Row { window, table: row.table, sent: row.sent, reason, values, ordinal: 0 });
    let converter = Transcript::new(&facts, TranscriptSettings::default()).unwrap();
    for mail in converter.mails(conversation, Issue::FIRST).unwrap() {
        assert!(String::from_utf8_lossy(&mail.content).contains(HIDDEN));
        hides(&mail);
    }
}
