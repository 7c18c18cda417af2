//! Rows that collide in everything: few people, texts and ids, at the same moments, with and without ids and devices. How many messages they are is hard to say; what can
//! never be, is not.
//!
//! - A text that was in a conversation when its window was sealed, or added to, is in the archive.
//! - What is archived stood in a row at that time, and each row begins at most one message of one identity.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use jabber_archive_core::{
    Conversation, ConversationKey, Converter, Digest, Issue, ItemId, ItemKey, Jid, MailItem, MessageKind, MessageLine, Part, Party, Recipe,
    Record, Result, ShortDigest, Timestamp,
    testing::{memory::MemorySource, rows::rows},
};
use proptest::{collection::vec, prelude::*};

use crate::{
    step::{How, Task, Way, how, way},
    work::{is_expected, set_up, work},
    world::{World, at},
};

/// Where something was said, and what.
type Said = (String, String);

/// Each message an item of its own, which says where it was said, and the text.
#[derive(Debug)]
struct Plain;

impl Converter for Plain {
    fn recipe(&self) -> Recipe {
        Recipe::new("plain", 1, Digest::of(b""))
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        for message in &conversation.messages {
            let id = ItemId::new("test", "plain", &conversation.key, Some(&message.key), &conversation.window, 1, issue.edition);
            let key = ItemKey::new(conversation.window, id);
            let content = format!("{}\n{}", place_of(&conversation.key), message.body);
            let mut item = MailItem::new(key, conversation.key.digest(), issue, Part::new(1, 1), Bytes::from(content));
            item.messages = vec![MessageLine::of(message)];
            emit(item)?;
        }
        Ok(())
    }
}

fn place_of(key: &ConversationKey) -> String {
    let party = |party: &Party| match party {
        Party::User(user) => user.to_string(),
        Party::Occupant { room, nick } => format!("{room}/{nick}"),
        other => panic!("{other:?}"),
    };
    match key {
        ConversationKey::Pair(one, other) => pair([party(one), party(other)]),
        ConversationKey::Room(room) => room.to_string(),
        other => panic!("{other:?}"),
    }
}

fn pair(mut parties: [String; 2]) -> String {
    parties.sort_unstable();
    parties.join(" ")
}

/// What a row says, if it is one that is archived.
fn said(record: &Record) -> Option<Said> {
    let Record::Message(row) = record else { return None };
    let body = row.body.as_ref().filter(|body| !body.is_empty() && !row.replay && row.kind != MessageKind::Error)?;
    let is_room = |jid: &Jid| jid.bare().domain().starts_with("conference");
    let party = |jid: &Jid| if is_room(jid) { jid.to_string() } else { jid.bare().to_string() };
    let place = if row.kind == MessageKind::Groupchat {
        [&row.from, &row.to].into_iter().find(|jid| is_room(jid))?.bare().to_string()
    } else {
        pair([party(&row.from), party(&row.to)])
    };
    Some((place, body.clone()))
}

#[derive(Debug, Clone)]
enum Step {
    /// So many rows more are there.
    Came(u8),
    /// One is gone.
    Went(u8),
    Passed(u32),
    Worked(Task, Way, How),
}

fn step() -> impl Strategy<Value = Step> {
    let task = prop_oneof![5 => Just(Task::Run), 1 => Just(Task::Retry), 2 => Just(Task::Repair)];
    let how = how().prop_map(|how| if let How::Moving { .. } = how { How::Undisturbed } else { how });
    prop_oneof![
        4 => (1_u8..12).prop_map(Step::Came),
        1 => any::<u8>().prop_map(Step::Went),
        3 => (1_u32..900).prop_map(Step::Passed),
        4 => (task, way(), how).prop_map(|(task, way, how)| Step::Worked(task, way, how)),
    ]
}

#[derive(Debug, Default)]
struct Known {
    /// How many rows ever said what when.
    ever: BTreeMap<(Said, Timestamp), u64>,
    listed: BTreeMap<(Said, Timestamp, ShortDigest), u64>,
    texts: BTreeSet<Said>,
    entries: usize,
}

impl Known {
    fn look(&mut self, world: &World, there: &[Record]) {
        // Debris of those who died while adding is another test's matter.
        world.unaccounted();
        let items = world.sink.items();
        let chain = world.chain();
        for seal in chain.iter().skip(self.entries).filter_map(|entry| entry.record.seal()) {
            for line in world.list(seal).lines() {
                let key = ItemKey::new(world.facts.grid.window_at(seal.span.start), line.id.clone());
                let content = String::from_utf8(items[&key].to_vec()).unwrap();
                let (place, body) = content.split_once('\n').unwrap();
                let said = (place.to_owned(), body.to_owned());
                for message in &line.messages {
                    let rows = self.ever.get(&(said.clone(), message.start)).copied().unwrap_or_default();
                    let listed = self.listed.entry((said.clone(), message.start, message.identity)).or_default();
                    *listed += 1;
                    assert!(*listed <= rows, "{said:?} at {} is archived {listed} times, of {rows} rows", message.start);
                }
                self.texts.insert(said);
            }
            for said in there.iter().filter(|record| seal.span.contains(record.sent())).filter_map(said) {
                assert!(self.texts.contains(&said), "{said:?} was there when {:?} was sealed", seal.span);
            }
        }
        self.entries = chain.len();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_the_rows_no_text_is_lost_and_no_row_begins_two_messages(
        records in rows(1, 20, Duration::from_mins(6)),
        steps in vec(step(), 1..16),
    ) {
        let mut world = World::new(Vec::new());
        world.now = at("2026-11-20T07:30:00Z");
        world.settings.start = Some(at("2026-11-19T00:00:00Z"));
        let (mut coming, mut there, mut known) = (records.into_iter(), Vec::new(), Known::default());
        let end = [Step::Came(u8::MAX), Step::Passed(5_000), Step::Worked(Task::Run, Way::QUIET, How::Undisturbed), Step::Worked(Task::Repair, Way::QUIET, How::Undisturbed)];
        for step in steps.into_iter().chain(end) {
            match step {
                Step::Came(rows) => there.extend(coming.by_ref().take(rows.into())),
                Step::Went(which) => if let Some(which) = usize::from(which).checked_rem(there.len()) {
                    there.remove(which);
                },
                Step::Passed(minutes) => world.now = world.now.after(Duration::from_mins(minutes.into())),
                Step::Worked(task, way, how) => {
                    let mut rows: BTreeMap<_, u64> = BTreeMap::new();
                    for record in &there {
                        if let Some(said) = said(record) {
                            *rows.entry((said, record.sent())).or_default() += 1;
                        }
                    }
                    for (row, times) in rows {
                        let ever = known.ever.entry(row).or_default();
                        *ever = times.max(*ever);
                    }
                    let mut world = world.clone();
                    world.source = Arc::new(MemorySource::new(there.clone(), world.now).batches_of(way.batch).indexed(way.chunk.is_none()));
                    set_up(&mut world, way);
                    world.converter = Arc::new(Plain);
                    for (task, done) in work(&world, &world, task, how, there.clone()) {
                        prop_assert!(done.as_ref().err().is_none_or(|error| is_expected(error, task, way, how)), "{task:?}: {:?}", done.err());
                    }
                    known.look(&world, &there);
                }
            }
        }
        for record in there.iter().filter(|record| record.sent() < at("2026-11-23T00:00:00Z") ) {
            if let Some(said) = said(record) {
                prop_assert!(known.texts.contains(&said), "{said:?} is not archived");
            }
        }
    }
}
