//! Files that mails name instead of holding them are in the store before the mails are.

use std::sync::Arc;

use bytes::Bytes;
use jabber_archive_core::{
    Conversation, Converter, Digest, FileRef, Issue, MailItem, ObjectKey, Recipe, Result, Transcript, TranscriptSettings,
    testing::faults::Faults,
};

use super::world::*;

/// Sends a file with every message: one that no mail can hold, whose content is the message's text again and again.
#[derive(Debug)]
struct WithFiles(Transcript);

impl WithFiles {
    fn file(body: &str) -> Bytes {
        body.repeat(TranscriptSettings::LEAST_ITEM_BYTES / body.len()).into()
    }
}

impl Converter for WithFiles {
    fn recipe(&self) -> Recipe {
        Recipe::new("with-files", 1, Digest::of(b""))
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        let mut conversation = conversation.clone();
        for message in &mut conversation.messages {
            message.files = vec![FileRef::named("report.pdf").with_content(Self::file(&message.body))];
        }
        self.0.convert(&conversation, issue, emit)
    }
}

fn world() -> World {
    let mut world = World::new(vec![
        chat("2026-11-20T09:00:00Z", "a1", "first"),
        chat("2026-11-20T09:01:00Z", "a2", "second"),
        chat("2026-11-21T09:01:00Z", "a3", "first"),
        other_chat("2026-11-20T09:02:00Z", "c1", "third"),
    ]);
    let settings = TranscriptSettings::default().with_max_item_bytes(TranscriptSettings::LEAST_ITEM_BYTES);
    world.converter = Arc::new(WithFiles(Transcript::new(&world.facts, settings).unwrap()));
    world
}

#[test]
fn a_file_too_large_for_a_mail_is_an_object_that_the_list_names() {
    let world = world();
    world.run().unwrap();
    world.check();
    let expected = ["first", "second", "third"].map(|body| {
        let content = WithFiles::file(body);
        (ObjectKey::new(Digest::of(&content)), content)
    });
    assert_eq!(world.sink.objects(), expected.into());
    let named: usize = world.seals().iter().flat_map(|seal| world.list(seal).lines().to_vec()).map(|line| line.attachments.len()).sum();
    assert_eq!(named, 4, "one file was sent on two days");
}

#[test]
fn a_run_killed_at_any_call_is_completed_by_the_next_with_all_files() {
    let undisturbed = world();
    undisturbed.run().unwrap();
    for call in 1.. {
        let world = undisturbed.anew();
        let died = world.run_with(&Faults::killed_at(call)).is_err();
        world.sink.crash(|key| key.id.as_str().as_bytes()[0].is_multiple_of(2));
        world.check();
        world.run().unwrap();
        world.check();
        assert_eq!(world.sink.objects(), undisturbed.sink.objects(), "killed at call {call}");
        assert!(world.outcome() == undisturbed.outcome(), "killed at call {call}");
        if !died {
            assert!(call > 20, "only {call} calls");
            break;
        }
    }
}
