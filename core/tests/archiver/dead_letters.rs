//! What cannot be archived as a mail is kept and counted, and stops nothing else.

use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use jabber_archive_core::{
    Capability, Cause, Conversation, Converter, DeadLetter, Digest, Encryptor, Error, ErrorClass, ErrorKind, Issue, ItemId, ItemKey,
    MailItem, MessageLine, Part, Recipe, Result, Table,
    testing::{faults::Faults, memory::MemorySink},
};

use super::world::*;

#[test]
fn a_row_that_cannot_be_decoded_becomes_a_dead_letter_and_the_run_goes_on() {
    let mut records = vec![undecodable("2026-11-20T09:00:00Z"), undecodable("2026-11-20T09:00:00Z")];
    records.push(chat("2026-11-20T09:00:00Z", "a1", "readable"));
    let world = World::new(records);
    let report = world.run().unwrap();
    world.check();
    let seal = world.seal_at("2026-11-20T09:00:00Z");
    assert_eq!((report.dead_letters, seal.tables[&Table::Jm].dead_letters, seal.messages.listed), (2, 2, 1));
    let letters = world.dead_letters(&seal);
    assert_eq!(letters.len(), 2, "equal rows are two letters");
    let DeadLetter::Row { reason, values, .. } = &letters[0] else { panic!("{letters:?}") };
    assert_eq!((reason.as_str(), values["direction"].as_deref()), ("direction: neither O nor I", Some("X")));
}

#[test]
fn a_message_over_the_limit_is_archived_in_parts_and_counted_once() {
    let long = "x".repeat(400_000);
    let world = World::new(vec![
        chat("2026-11-20T09:00:00Z", "a1", "before it"),
        chat("2026-11-20T09:01:00Z", "a2", &long),
        chat("2026-11-20T09:02:00Z", "a3", "behind it"),
    ]);
    world.run().unwrap();
    world.check();
    let seal = world.seal_at("2026-11-20T09:00:00Z");
    assert_eq!((seal.messages.starts, seal.messages.listed, seal.messages.dead_letters), (3, 3, 0));
    let lines: Vec<_> = world.list(&seal).lines().iter().map(|line| line.messages.len()).collect();
    assert!(lines.len() > 3 && lines.iter().sum::<usize>() == 3, "{lines:?}");
    assert!(world.has("before it") && world.has("behind it"));
}

/// Every message a mail of its own, and one of them impossible.
#[derive(Debug)]
struct PerMessage {
    refuses: &'static str,
    class: ErrorClass,
}

impl Converter for PerMessage {
    fn recipe(&self) -> Recipe {
        Recipe::new("per-message", 1, Digest::of(b""))
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        for message in &conversation.messages {
            if message.body == self.refuses {
                return Err(Error::new(ErrorKind::Conversion, self.class, "convert", "refused").about_message(message.key));
            }
            let id = ItemId::new("test", "per-message", &conversation.key, Some(&message.key), &conversation.window, 1, issue.edition);
            let key = ItemKey::new(conversation.window, id);
            let mut item = MailItem::new(key, conversation.key.digest(), issue, Part::new(1, 1), Bytes::from(message.body.clone()));
            item.messages = vec![MessageLine::of(message)];
            emit(item)?;
        }
        Ok(())
    }
}

fn three_messages(refuses: &'static str, class: ErrorClass) -> World {
    let mut world = World::new(vec![
        chat("2026-11-20T09:00:00Z", "a1", "first"),
        chat("2026-11-20T09:01:00Z", "a2", "a message that is somewhat longer"),
        chat("2026-11-20T09:02:00Z", "a3", "third"),
        other_chat("2026-11-20T09:02:00Z", "c1", "other"),
    ]);
    world.converter = Arc::new(PerMessage { refuses, class });
    world
}

#[test]
fn what_a_converter_refuses_of_one_message_concerns_that_message_alone() {
    let world = three_messages("third", ErrorClass::Item);
    world.run().unwrap();
    world.check();
    let seal = world.seal_at("2026-11-20T09:00:00Z");
    assert_eq!((seal.messages.listed, seal.messages.dead_letters, seal.abandoned.len()), (3, 1, 0));
    assert!(world.has("first") && world.has("other") && !world.has("third"));
}

#[test]
fn a_converter_that_fails_for_good_ends_the_run_before_anything_is_sealed_beyond() {
    let world = three_messages("third", ErrorClass::Fatal);
    world.run().unwrap_err();
    world.check();
    assert!(world.seals().iter().all(|seal| seal.items == 0));
}

#[test]
fn a_mail_that_the_sink_refuses_buries_its_own_messages_alone() {
    let mut world = three_messages("", ErrorClass::Item);
    world.sink = Arc::new(MemorySink::new(Capability::full(10)));
    world.run().unwrap();
    world.check();
    let seal = world.seal_at("2026-11-20T09:00:00Z");
    assert_eq!((seal.messages.listed, seal.messages.dead_letters), (3, 1));
    assert_eq!(seal.abandoned.len(), 0, "what is listed is not abandoned, and what was refused is not there");
    let [DeadLetter::Message { message, .. }] = &world.dead_letters(&seal)[..] else { panic!("one letter") };
    assert_eq!(message.body, "a message that is somewhat longer");
}

#[test]
fn a_sink_that_takes_less_than_the_converter_makes_gets_what_it_takes() {
    let mut world = World::new(large_company());
    world.sink = Arc::new(MemorySink::new(Capability::full(120_000)));
    world.run().unwrap();
    world.check();
    let seal = world.seal_at("2026-11-22T18:00:00Z");
    assert_eq!((seal.messages.starts, seal.messages.listed, seal.messages.dead_letters), (4, 1, 3));
    assert!(world.has("see you"));
}

#[test]
fn a_sink_that_cannot_list_is_told_what_was_left_over_by_what_was_put() {
    let undisturbed = World::new(company());
    undisturbed.run().unwrap();
    let seal = undisturbed.seal_at("2026-11-20T09:00:00Z");
    let taken = undisturbed.list(&seal).lines()[0].id.clone();
    let mut capability = Capability::full(1 << 20);
    capability.listable = false;
    let mut world = undisturbed.anew();
    world.sink = Arc::new(MemorySink::new(capability));
    world.sink.place(ItemKey::new(world.facts.grid.window_at(seal.span.start), taken.clone()), Bytes::from_static(b"something else"));
    world.run().unwrap();
    world.check();
    assert_eq!(world.seal_at("2026-11-20T09:00:00Z").abandoned, [taken].into());
}

#[test]
fn dead_letters_are_tried_again_on_request_and_what_can_be_archived_now_is_added_once() {
    let mut world = three_messages("third", ErrorClass::Item);
    assert_eq!(world.run().unwrap().dead_letters, 1);
    let entries = world.chain().len();
    assert_eq!((world.retry().unwrap().addenda, world.chain().len()), (0, entries), "it still cannot be archived, and that is known");
    world.converter = Arc::new(PerMessage { refuses: "", class: ErrorClass::Item });
    let report = world.retry().unwrap();
    world.check();
    assert_eq!((report.seals, report.addenda, report.added), (0, 1, 1));
    assert!(world.has("third"));
    let [added] = &world.addenda()[..] else { panic!("{:?}", world.addenda()) };
    assert_eq!((added.cause, added.seal.messages.elsewhere, added.seal.messages.dead_letters), (Cause::Retry, 3, 0));
    assert_eq!(world.retry().unwrap().addenda, 0);
}

/// Encrypts by hiding, never twice in the same way; fails at this call.
#[derive(Debug, Default)]
struct Hiding {
    calls: std::sync::atomic::AtomicUsize,
    fails_at: usize,
}

impl Encryptor for Hiding {
    fn recipients(&self) -> Vec<String> {
        vec!["auditor".to_owned()]
    }

    fn encrypt(&self, content: &[u8]) -> Result<String> {
        let call = self.calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        if call == self.fails_at {
            return Err(Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "encrypt dead letter", "no randomness"));
        }
        Ok(format!("{call}: {} bytes", content.len()))
    }
}

#[test]
fn encrypted_dead_letters_tell_where_they_belong_and_are_counted_as_any_other() {
    let records = || {
        let mut records = vec![undecodable("2026-11-20T09:00:00Z"), undecodable("2026-11-20T09:00:00Z")];
        records.push(chat("2026-11-20T09:00:00Z", "a1", "readable"));
        records.push(chat("2026-11-20T09:01:00Z", "a2", "impossible"));
        records
    };
    let converter = Arc::new(PerMessage { refuses: "impossible", class: ErrorClass::Item });
    let world = |records| {
        let mut world = World::new(records);
        world.converter = converter.clone();
        world
    };
    let plain = world(records());
    plain.run().unwrap();
    let expected: Vec<Digest> =
        plain.dead_letters(&plain.seal_at("2026-11-20T09:00:00Z")).iter().map(|letter| Digest::of(&letter.to_bytes())).collect();

    let hidden = world(records());
    let run = |encryptor| {
        let archiver = hidden.archiver(&Faults::none()).dead_letters_to(Arc::new(encryptor));
        block_on(archiver.run(hidden.now, std::future::pending()))
    };
    // The first is kept, the second is not: nothing of the window is sealed.
    let error = run(Hiding { fails_at: 2, ..Hiding::default() }).unwrap_err();
    assert!(error.to_string().contains("no randomness") && hidden.seals().iter().all(|seal| seal.dead_letters.is_empty()), "{error}");
    let report = run(Hiding::default()).unwrap();
    let seal = hidden.seal_at("2026-11-20T09:00:00Z");
    assert_eq!((report.dead_letters, seal.dead_letters.len(), seal.messages.dead_letters), (3, 3, 1));
    let letters = hidden.dead_letters(&seal);
    let mut held = Vec::new();
    for letter in &letters {
        let DeadLetter::Encrypted { window, table, sent, conversation, message, reason, sha256, recipients, encrypted } = letter else {
            panic!("{letter:?}")
        };
        held.push(*sha256);
        assert_eq!((window.contains(*sent), recipients.as_slice()), (true, &["auditor".to_owned()][..]));
        assert_eq!((conversation.is_none(), message.is_none()), (table.is_some(), table.is_some()));
        assert!(encrypted.ends_with(" bytes"), "{encrypted}");
        assert!(reason == "direction: neither O nor I" || reason.contains("refused"), "{reason}");
        let text = String::from_utf8(letter.to_bytes().to_vec()).unwrap();
        assert!(!text.contains("impossible") && !text.contains('@'), "{text}");
    }
    held.sort();
    let mut expected = expected;
    expected.sort();
    assert_eq!(held, expected, "each names the plain one by its digest");
}
