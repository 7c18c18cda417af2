//! An archive in which every message is a mail of its own ends as any other, whatever happens to it.

use std::{collections::BTreeSet, sync::Arc};

use jabber_archive_core::{
    ArchiveFacts, Capability, Conversation, Converter, DeadLetter, Issue, ItemKey, Journal, MailItem, Movement, PerMessage, Recipe, Record,
    Result, TranscriptSettings,
    testing::{
        faults::Faults,
        memory::{MemorySink, MemorySource},
        rows::{Row, presence},
    },
};
use mail_parser::MessageParser;

use super::world::*;

fn per_message(facts: &ArchiveFacts) -> PerMessage {
    let settings = TranscriptSettings::default().with_max_item_bytes(TranscriptSettings::LEAST_ITEM_BYTES);
    PerMessage::new(facts, settings.with_conversation_json(true)).unwrap()
}

fn world(records: Vec<Record>) -> World {
    let mut world = World::new(records);
    world.converter = Arc::new(per_message(&world.facts));
    world
}

fn in_journal(records: Vec<Record>) -> World {
    let mut world = World::new(records);
    world.converter = Arc::new(Journal::new(&world.facts, per_message(&world.facts)).unwrap());
    world
}

#[test]
fn every_message_is_listed_in_a_mail_of_its_own() {
    for world in [world(company()), in_journal(company())] {
        world.run().unwrap();
        world.check();
        for seal in world.seals() {
            assert_eq!((seal.items, seal.messages.dead_letters), (seal.messages.starts, 0));
            assert!(world.list(&seal).lines().iter().all(|line| line.messages.len() == 1 && line.part == 1));
        }
        assert!(world.has("good morning") && world.has("see you"));
        let transcripts = World::new(company());
        transcripts.run().unwrap();
        let messages = |world: &World| -> Vec<_> { world.seals().iter().map(|seal| (seal.span, seal.messages.clone())).collect() };
        assert_eq!(messages(&world), messages(&transcripts));
    }
}

#[test]
fn a_run_killed_at_any_call_is_completed_by_the_next_to_the_same_bytes() {
    for undisturbed in [world(company()), in_journal(company())] {
        undisturbed.run().unwrap();
        let expected = undisturbed.outcome();
        for call in 1.. {
            let world = undisturbed.anew();
            let died = world.run_with(&Faults::killed_at(call)).is_err();
            world.sink.crash(|key| key.id.as_str().as_bytes()[0].is_multiple_of(2));
            world.check();
            world.run().unwrap();
            world.check();
            assert!(world.outcome() == expected, "killed at call {call}");
            if !died {
                assert!(call > 40, "only {call} calls");
                break;
            }
        }
    }
}

#[test]
fn a_message_over_the_limit_is_several_mails_and_the_others_are_what_they_are_without_it() {
    let (before, behind) = (chat("2026-11-20T09:00:00Z", "a1", "before it"), chat("2026-11-20T09:02:00Z", "a3", "behind it"));
    let long = chat("2026-11-20T09:01:00Z", "a2", &"x".repeat(400_000));
    for of in [world, in_journal] {
        let world = of(vec![before.clone(), long.clone(), behind.clone()]);
        world.run().unwrap();
        world.check();
        let seal = world.seal_at("2026-11-20T09:00:00Z");
        assert_eq!((seal.messages.starts, seal.messages.listed, seal.messages.dead_letters, seal.abandoned.len()), (3, 3, 0, 0));
        let without = of(vec![before.clone(), behind.clone()]);
        without.run().unwrap();
        let (all, others) = (world.sink.items(), without.sink.items());
        assert!(all.len() > others.len() + 2);
        assert!(others.iter().all(|(key, content)| all.get(key) == Some(content)));
    }
}

#[test]
fn a_mail_that_the_sink_refuses_buries_its_message_alone() {
    let longer = "a message that is somewhat longer ".repeat(60);
    let mut world = world(vec![
        chat("2026-11-20T09:00:00Z", "a1", "first"),
        chat("2026-11-20T09:01:00Z", "a2", &longer),
        chat("2026-11-20T09:02:00Z", "a3", "third"),
        other_chat("2026-11-20T09:02:00Z", "c1", "other"),
    ]);
    world.sink = Arc::new(MemorySink::new(Capability::full(8_000)));
    world.run().unwrap();
    world.check();
    let seal = world.seal_at("2026-11-20T09:00:00Z");
    assert_eq!((seal.messages.listed, seal.messages.dead_letters, seal.abandoned.len()), (3, 1, 0));
    let [DeadLetter::Message { message, .. }] = &world.dead_letters(&seal)[..] else { panic!("one letter") };
    assert_eq!(message.body, longer);
}

/// Each mail, and another without messages that goes on with it.
#[derive(Debug)]
struct Followed(PerMessage);

impl Converter for Followed {
    fn recipe(&self) -> Recipe {
        self.0.recipe()
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        self.0.convert(conversation, issue, &mut |mail| {
            let id: String = mail.key.id.as_str().chars().rev().collect();
            let key = ItemKey::new(mail.key.window, id.parse()?);
            let is_refused = String::from_utf8_lossy(&mail.content).contains("to be refused");
            let content = if is_refused { vec![b'x'; 9_000] } else { b"more of it".to_vec() };
            let further = MailItem::new(key, mail.conversation, issue, mail.part, content.into());
            emit(mail)?;
            emit(further)
        })
    }
}

#[test]
fn a_mail_without_messages_that_the_sink_refuses_buries_those_that_it_goes_on_with() {
    let mut world = World::new(vec![
        chat("2026-11-20T09:00:00Z", "a1", "first"),
        chat("2026-11-20T09:01:00Z", "a2", "to be refused"),
        chat("2026-11-20T09:02:00Z", "a3", "third"),
    ]);
    world.converter = Arc::new(Followed(per_message(&world.facts)));
    world.sink = Arc::new(MemorySink::new(Capability::full(8_000)));
    world.run().unwrap();
    world.check();
    let seal = world.seal_at("2026-11-20T09:00:00Z");
    assert_eq!((seal.items, seal.messages.listed, seal.messages.dead_letters, seal.abandoned.len()), (4, 2, 1, 1));
    let [DeadLetter::Message { message, .. }] = &world.dead_letters(&seal)[..] else { panic!("one letter") };
    assert_eq!(message.body, "to be refused");
}

#[test]
fn a_message_to_a_large_room_is_counted_once_however_many_reports_it_takes() {
    let enters = |number: usize| {
        presence(ROOM, &format!("nick{number}"), &format!("user{number}@example.com/x"), Movement::Entered, "2026-11-20T12:40:00Z")
    };
    let mut rows: Vec<Record> = (0..1_000).map(enters).collect();
    for (time, id) in [("2026-11-20T12:45:00Z", "r1"), ("2026-11-20T12:46:00Z", "r2")] {
        rows.push(Row::archived(ROOM, ALICE, "ali").at(time).id(id).body("welcome").record());
    }
    let undisturbed = in_journal(rows);
    let calls = Faults::none();
    undisturbed.run_with(&calls).unwrap();
    undisturbed.check();
    let seal = undisturbed.seal_at("2026-11-20T12:45:00Z");
    assert_eq!((seal.messages.starts, seal.messages.listed, seal.messages.dead_letters, seal.abandoned.len()), (2, 2, 0, 0));
    let lines = undisturbed.list(&seal);
    let listing = lines.lines().iter().filter(|line| !line.messages.is_empty()).count();
    let to: BTreeSet<String> = undisturbed
        .sink
        .items()
        .values()
        .filter(|report| String::from_utf8_lossy(report).contains(": welcome\r\n"))
        .flat_map(|report| {
            let parsed = MessageParser::default().parse(&report[..]).unwrap();
            let fields = parsed.parts[1].text_contents().unwrap().to_owned();
            fields.lines().filter_map(|line| Some(line.strip_prefix("To: ")?.split(',').next()?.to_owned())).collect::<Vec<_>>()
        })
        .collect();
    assert!(listing == 2 && lines.lines().len() > 6, "{listing} of {}", lines.lines().len());
    assert!((0..1_000).all(|number| to.iter().any(|to| to.starts_with(&format!("user{number}@")))), "{} recipients", to.len());

    for call in (1..calls.calls()).step_by(11) {
        let world = undisturbed.anew();
        world.run_with(&Faults::killed_at(call)).unwrap_err();
        world.run().unwrap();
        world.check();
        assert!(world.outcome() == undisturbed.outcome(), "killed at call {call}");
    }
}

#[test]
fn rows_that_come_after_a_kill_leave_the_mails_of_the_other_messages_as_they_are() {
    let world = world(vec![chat("2026-11-20T09:00:00Z", "a1", "first"), other_chat("2026-11-20T09:00:00Z", "c1", "untouched")]);
    let calls = Faults::none();
    world.anew().run_with(&calls).unwrap();
    let stored = |call: &u64| {
        let world = world.anew();
        world.run_with(&Faults::killed_at(*call)).unwrap_err();
        world.sink.items().len() == 2
    };
    let killed = (1..calls.calls()).find(stored).unwrap();
    world.run_with(&Faults::killed_at(killed)).unwrap_err();
    world.source.edit(|rows| rows.push(chat("2026-11-20T09:10:00Z", "a2", "second")));
    world.run().unwrap();
    world.check();
    let seal = world.seal_at("2026-11-20T09:00:00Z");
    let editions: Vec<u32> = world.list(&seal).lines().iter().map(|line| line.edition).collect();
    assert_eq!((editions, seal.messages.listed, seal.abandoned.len()), (vec![1, 1, 1], 3, 0));
}

#[test]
fn an_archive_whose_converter_is_changed_goes_on_with_other_mails_and_loses_nothing() {
    let transcripts = World::new(company());
    transcripts.run().unwrap();
    let mut world = World::new(company());
    let end = world.now;
    // A copy of a message before 12:00 comes behind it.
    for (now, converter) in [("2026-11-20T13:30:00Z", None), ("2026-11-24T06:30:00Z", Some(per_message(&world.facts)))] {
        world.now = at(now);
        world.source = Arc::new(MemorySource::new(company(), world.now));
        if let Some(converter) = converter {
            world.converter = Arc::new(converter);
        }
        world.run().unwrap();
        world.check();
    }
    assert_eq!(world.now, end);
    let accounts = |world: &World| -> Vec<_> {
        world.seals().into_iter().filter(|seal| seal.items > 0).map(|seal| (seal.span, seal.messages.clone())).collect()
    };
    assert_eq!(accounts(&world), accounts(&transcripts));
    let recipes: BTreeSet<String> = world.seals().into_iter().map(|seal| seal.recipe.name).collect();
    assert_eq!(recipes, ["per-message".to_owned(), "transcript".to_owned()].into());
}

#[test]
fn the_recipe_of_the_archive_is_that_of_the_converter() {
    let world = in_journal(company());
    world.run().unwrap();
    let recipe = Journal::new(&world.facts, per_message(&world.facts)).unwrap().recipe();
    assert!(world.seals().iter().all(|seal| seal.recipe == recipe));
}
