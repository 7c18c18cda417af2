//! What is selected is what somebody would select who looks at the conversations themselves.

use std::{cell::Cell, collections::BTreeSet, fs};

use bytes::Bytes;
use jabber_archive_core::{
    Conversation, ConversationKey, ConversationKind, ConverterExt, Issue, Participant, Span, Timestamp, Transcript, TranscriptSettings,
    testing::generators,
};
use jabber_archive_sink::{Archive, ExportFilter, ExportForm};
use proptest::{
    collection::btree_set,
    option,
    prelude::*,
    sample::{Index, select},
    test_runner::TestRunner,
};

use crate::archived::{exported, mails, mbox, seal, time};

const PERSONS: &[&str] = &[
    "Alice@example.com",
    "bob.example@example.com",
    "o'brien@example.co.uk",
    "ALICE@im.example.com",
    "u12345@im.example.com",
    "王@im.example.com",
    "alice@im.example.com.jid.invalid",
    "q3-planning@conference-2-standaloneclusterab12c.example.com/Zoë Müller",
    "example.com",
];
const ROOMS: &[&str] = &[
    "q3-planning@conference-2-standaloneclusterab12c.example.com",
    "Alice example",
    "JOSÉ GARCÍA ÑUÑEZ",
    "Dr. Ann-Sofie \"Sofi\" Lindström (Finance)",
    "Example",
];
const WORDS: &[&str] = &["budget", "STRASSE", "встреча", "会议", "NAÏVE", "Müller", "tomor", "nobody wrote this"];
const KINDS: &[ConversationKind] =
    &[ConversationKind::OneToOne, ConversationKind::AdHoc, ConversationKind::Room, ConversationKind::RoomPrivate];

/// What is asked for.
#[derive(Debug, Clone)]
struct Asked {
    persons: BTreeSet<&'static str>,
    rooms: BTreeSet<&'static str>,
    kinds: BTreeSet<ConversationKind>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    words: BTreeSet<&'static str>,
}

impl Asked {
    fn filter(&self) -> ExportFilter {
        let mut filter = ExportFilter::new();
        filter = self.persons.iter().fold(filter, |filter, person| filter.person(person));
        filter = self.rooms.iter().fold(filter, |filter, room| filter.room(room));
        filter = self.kinds.iter().fold(filter, |filter, kind| filter.kind(*kind));
        filter = self.words.iter().fold(filter, |filter, word| filter.word(word));
        filter = self.since.iter().fold(filter, |filter, since| filter.since(*since));
        self.until.iter().fold(filter, |filter, until| filter.until(*until))
    }

    fn selects(&self, conversation: &Conversation) -> bool {
        let any =
            |asked: &BTreeSet<&str>, is: &dyn Fn(&str) -> bool| asked.is_empty() || asked.iter().any(|asked| is(&asked.to_lowercase()));
        let same = |shown: &str, asked: &str| shown.trim().to_lowercase() == asked;
        any(&self.persons, &|asked| {
            let is = |person: &Participant| same(person.address.as_str(), asked) || same(&person.party.to_string(), asked);
            conversation.participants.iter().any(is)
        }) && any(&self.rooms, &|asked| match &conversation.key {
            ConversationKey::Room(room) => {
                same(room.as_str(), asked) || conversation.title.as_deref().is_some_and(|title| same(title, asked))
            }
            _ => false,
        }) && (self.kinds.is_empty() || self.kinds.contains(&conversation.kind))
            && (self.since.is_none() && self.until.is_none()
                || conversation.messages.iter().any(|message| {
                    self.since.is_none_or(|since| since <= message.key.start) && self.until.is_none_or(|until| message.key.start < until)
                }))
            && self.words.iter().all(|word| said(conversation).contains(&without_case(word)))
    }
}

/// What was said in a conversation, and its title.
fn said(conversation: &Conversation) -> String {
    let mut said: Vec<String> = conversation.title.iter().cloned().collect();
    for message in &conversation.messages {
        said.push(message.body.clone());
        said.extend(message.subject.iter().cloned().chain(message.files.iter().map(|file| file.name.clone())));
    }
    without_case(&said.join("\n"))
}

fn without_case(text: &str) -> String {
    text.to_uppercase().to_lowercase()
}

/// What is asked for in some of the conversations, the dates near those of their messages.
fn asked(times: Vec<Timestamp>) -> impl Strategy<Value = Asked> {
    let instant = (any::<Index>(), -1..=1_i64).prop_map(move |(at, offset)| Timestamp::from_millis(at.get(&times).millis() + offset));
    let some = |values: &'static [&'static str]| prop_oneof![2 => Just(BTreeSet::new()), 1 => btree_set(select(values), 1..3)];
    let kinds = prop_oneof![2 => Just(BTreeSet::new()), 1 => btree_set(select(KINDS), 1..3)];
    (some(PERSONS), some(ROOMS), kinds, option::weighted(0.3, instant.clone()), option::weighted(0.3, instant), some(WORDS))
        .prop_map(|(persons, rooms, kinds, since, until, words)| Asked { persons, rooms, kinds, since, until, words })
}

#[test]
fn a_filter_selects_what_the_conversations_themselves_say() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path().join("archive")).unwrap();
    let mut seen = BTreeSet::new();
    let mut conversations = generators::sample(generators::conversation(), 250);
    conversations.retain(|conversation| seen.insert((conversation.window, conversation.key.clone())));
    let mails = mails(&conversations, TranscriptSettings::default());
    assert_eq!(mails.len(), conversations.len(), "no conversation is cut");
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(seal(&archive, &mails));

    let times = conversations.iter().flat_map(|conversation| &conversation.messages).map(|message| message.key.start).collect();
    let (selected, run) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { cases: ProptestConfig::default().cases.min(32), failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&asked(times), |asked| {
            run.set(run.get() + 1);
            let out = folder.path().join(format!("{}.mbox", run.get()));
            let exported = runtime.block_on(exported(&archive, &asked.filter(), ExportForm::Mbox, &out));
            let found: BTreeSet<Bytes> = mbox(&fs::read(&out).unwrap()).into_iter().collect();
            fs::remove_file(&out).unwrap();
            let expected = conversations.iter().zip(&mails).filter(|(conversation, _)| asked.selects(conversation));
            let expected: BTreeSet<Bytes> = expected.map(|(_, mail)| mail.content.clone()).collect();
            prop_assert_eq!(exported.refused, vec![]);
            prop_assert_eq!(exported.items as usize, found.len());
            prop_assert!(found == expected, "{} found, {} expected", found.len(), expected.len());
            selected.set(selected.get() + usize::from(!found.is_empty()));
            Ok(())
        })
        .unwrap();
    assert!(selected.get() > 0, "{selected:?} of {run:?} filters selected something");
}

#[tokio::test]
async fn windows_and_items_outside_the_dates_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, mails) = crate::archived::varied(&folder.path().join("archive"), 80).await;
    let span = Span::new(time("2026-11-21T12:00:00Z"), time("2026-11-21T18:00:00Z"));
    let inside = mails.iter().filter(|mail| mail.messages.iter().any(|message| span.contains(message.start))).count() as u64;
    // Whatever is outside is gone, with the lists of the other windows.
    for mail in mails.iter().filter(|mail| !mail.messages.iter().any(|message| span.contains(message.start))) {
        fs::remove_file(folder.path().join("archive").join(mail.key.path())).unwrap();
    }
    let filter = ExportFilter::new().since(span.start).until(span.end);
    let mut told = Vec::new();
    let out = folder.path().join("out.mbox");
    let exported = jabber_archive_sink::export(&archive, &filter, ExportForm::Mbox, &out, |read| told.push(read)).await.unwrap();
    assert_eq!((exported.read, exported.items, exported.refused), (inside, inside, vec![]));
    assert!(inside > 0 && told == (1..=inside).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_rest_of_a_long_message_is_exported_with_the_dates_of_its_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path().join("archive")).unwrap();
    let settings = TranscriptSettings::default().with_max_item_bytes(TranscriptSettings::LEAST_ITEM_BYTES);
    let mut conversation = generators::one(generators::large_conversation(3..4, 3..4));
    conversation.messages[1].body = "word ".repeat(200_000);
    let parts = Transcript::new(&generators::facts(), settings).unwrap().mails(&conversation, Issue::FIRST).unwrap();
    assert!(parts.iter().filter(|part| part.messages.is_empty()).count() > 3, "the message is continued");
    seal(&archive, &parts).await;

    let said = conversation.messages[1].key.start;
    let of = |since: Timestamp| ExportFilter::new().since(since).until(Timestamp::from_millis(since.millis() + 1));
    for (name, since, expected) in [
        ("said", said, parts.iter().filter(|part| part.messages.is_empty() || part.messages.iter().any(|line| line.start == said)).count()),
        ("before", Timestamp::from_millis(conversation.messages[0].key.start.millis() - 1), 0),
    ] {
        let out = folder.path().join(name);
        let exported = exported(&archive, &of(since), ExportForm::Mbox, &out).await;
        assert_eq!((exported.items, exported.refused), (expected as u64, vec![]), "{name}");
    }
}

#[tokio::test]
async fn a_person_whom_the_header_cuts_off_is_found_in_every_part_of_the_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path().join("archive")).unwrap();
    let settings = TranscriptSettings::default().with_max_item_bytes(TranscriptSettings::LEAST_ITEM_BYTES);
    let conversation = generators::one(generators::large_conversation(3_000..3_001, 300..301));
    let facts = generators::facts();
    let parts = Transcript::new(&facts, settings).unwrap().mails(&conversation, Issue::FIRST).unwrap();
    assert!(parts.len() > 3, "{} parts", parts.len());
    seal(&archive, &parts).await;

    let shown = |person: &str| parts.iter().filter(|part| String::from_utf8_lossy(&part.content).contains(person)).count();
    let person = "user2999@example.com";
    assert!(shown(person) < parts.len(), "every part shows everybody");
    for (name, asked, expected) in [("last", person, parts.len()), ("nobody", "user3000@example.com", 0)] {
        let out = folder.path().join(name);
        let exported = exported(&archive, &ExportFilter::new().person(asked), ExportForm::Mbox, &out).await;
        assert_eq!((exported.items, exported.refused), (expected as u64, vec![]), "{name}");
    }

    // Where a part that may name the person is damaged, the others are refused rather than left out.
    let victim = parts.iter().map(|part| folder.path().join("archive").join(part.key.path())).next().unwrap();
    fs::write(&victim, b"damaged").unwrap();
    let out = folder.path().join("damaged");
    let exported = exported(&archive, &ExportFilter::new().person("user3000@example.com"), ExportForm::Mbox, &out).await;
    assert_eq!((exported.items, exported.refused.len()), (0, parts.len()));
    assert!(exported.refused[1].to_string().contains("another part of its conversation does not verify"), "{}", exported.refused[1]);
}

#[tokio::test]
async fn a_room_is_found_by_a_title_with_a_colon() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path().join("archive")).unwrap();
    let mut room = generators::sample(generators::conversation(), 200).into_iter().find(|it| it.kind == ConversationKind::Room).unwrap();
    room.title = Some("Project: Apollo".to_owned());
    seal(&archive, &mails(&[room], TranscriptSettings::default())).await;
    for (asked, found) in [("project: apollo", 1), ("Project", 0), ("Apollo", 0)] {
        let out = folder.path().join(asked);
        assert_eq!(exported(&archive, &ExportFilter::new().room(asked), ExportForm::Mbox, &out).await.items, found, "{asked}");
    }
}

#[tokio::test]
async fn neither_the_frame_of_a_mail_nor_who_wrote_counts_as_what_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path().join("archive")).unwrap();
    let mut conversation = generators::sample(generators::conversation(), 200).into_iter().find(|it| it.messages.len() > 1).unwrap();
    conversation.messages[0].body = "Messages: 9\nthe second line: said".to_owned();
    let name = conversation.participants[0].display_name().into_owned();
    let kind = format!("Kind: {}", conversation.kind);
    seal(&archive, &mails(&[conversation], TranscriptSettings::default())).await;
    let words =
        [("Messages: 9", 1), ("the second line: said", 1), ("Cisco Jabber archive", 0), ("all times UTC", 0), ("Known by", 0), (&kind, 0)];
    for (number, (word, found)) in words.into_iter().chain([(format!("] {name}").as_str(), 0)]).enumerate() {
        let out = folder.path().join(number.to_string());
        assert_eq!(exported(&archive, &ExportFilter::new().word(word), ExportForm::Mbox, &out).await.items, found, "{word}");
    }
}
