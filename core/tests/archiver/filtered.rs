//! What the filter leaves out is counted, and everything else is as without it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use jabber_archive_core::{
    Address, BareJid, Conversation, ConversationKey, ConversationKind, Converter, ErrorKind, Filter, FilterReason, FilterTerm, Finding,
    ItemKey, Journal, KeptKind, MemoryDirectory, Party, PerMessage, Person, Record, RunReport, Transcript, TranscriptSettings,
    testing::{
        faults::Faults,
        memory::MemorySource,
        rows::{Row, rows},
    },
};
use proptest::{prelude::*, sample::subsequence};

use super::world::*;

fn term(text: &str) -> FilterTerm {
    text.parse().unwrap()
}

fn excluding(people: &[&str]) -> Filter {
    let mut filter = Filter::default();
    filter.exclude = people.iter().map(|text| term(text)).collect();
    filter
}

/// The rule, said once more: some kinds, some rooms, and somebody who is included and not excluded.
fn is_wanted(filter: &Filter, conversation: &Conversation) -> bool {
    let names = |term: &FilterTerm, text: &str| {
        let text = text.to_lowercase();
        text == term.as_str() || (!term.as_str().contains('@') && text.rsplit('@').next() == Some(term.as_str()))
    };
    let is_named = |terms: &[FilterTerm], party: &Party, address: &Address| {
        terms.iter().any(|term| {
            let by_jid = matches!(party, Party::User(jid) if names(term, jid.as_str()));
            by_jid || (!matches!(address, Address::Unmapped(_)) && names(term, address.as_str()))
        })
    };
    let list = |terms: &BTreeSet<FilterTerm>| terms.iter().cloned().collect::<Vec<_>>();
    let (include, exclude) = (list(&filter.include), list(&filter.exclude));
    let kind = filter.kinds.is_empty() || filter.kinds.contains(&conversation.kind);
    let room = match (&conversation.key, conversation.kind) {
        (ConversationKey::Room(room), ConversationKind::Room)
        | (ConversationKey::Pair(Party::Occupant { room, .. }, _) | ConversationKey::Pair(_, Party::Occupant { room, .. }), _) => {
            Some(room)
        }
        _ => None,
    };
    let wanted_room = room.is_none_or(|room| {
        (filter.include_rooms.is_empty() || filter.include_rooms.iter().any(|term| names(term, room.as_str())))
            && !filter.exclude_rooms.iter().any(|term| names(term, room.as_str()))
    });
    let mut people = conversation
        .participants
        .iter()
        .filter(|person| !matches!(&person.party, Party::Occupant { nick, .. } if nick.is_empty()))
        .peekable();
    let nobody = include.is_empty() && people.peek().is_none();
    let somebody = people.any(|person| {
        (include.is_empty() || is_named(&include, &person.party, &person.address)) && !is_named(&exclude, &person.party, &person.address)
    });
    kind && wanted_room && (somebody || nobody)
}

fn filter() -> impl Strategy<Value = Filter> {
    const PEOPLE: &[&str] =
        &["alice@example.com", "Bob@example.com", "chen@mail.example.com", "dave@partner.example", "partner.example", "example.com"];
    const ROOMS: &[&str] =
        &["planning@conference.example.com", "conference.example.com", "q3-planning@conference-2-standaloneclusterab12c.example.com"];
    const KINDS: &[ConversationKind] =
        &[ConversationKind::OneToOne, ConversationKind::AdHoc, ConversationKind::Room, ConversationKind::RoomPrivate];
    let some = |from: &'static [&'static str], most| subsequence(from, 0..=most).prop_map(|list| list.into_iter().map(term).collect());
    let kinds = prop_oneof![3 => Just(Vec::new()), 1 => subsequence(KINDS, 1..=4)];
    (some(PEOPLE, 3), some(PEOPLE, 3), some(ROOMS, 1), some(ROOMS, 1), kinds).prop_map(
        |(include, exclude, include_rooms, exclude_rooms, kinds): (BTreeSet<_>, BTreeSet<_>, BTreeSet<_>, BTreeSet<_>, Vec<_>)| {
            let mut filter = Filter::default();
            // What contradicts itself is refused.
            filter.exclude = exclude.difference(&include).cloned().collect();
            filter.exclude_rooms = exclude_rooms.difference(&include_rooms).cloned().collect();
            (filter.include, filter.include_rooms, filter.kinds) = (include, include_rooms, kinds.into_iter().collect());
            if filter.check().is_err() {
                filter.kinds.clear();
            }
            filter
        },
    )
}

/// Mails that tell their conversation, of people of whom some have an address in another domain.
fn world(records: Vec<Record>) -> World {
    let mut world = World::new(records);
    let settings = TranscriptSettings::default().with_conversation_json(true);
    world.converter = Arc::new(Transcript::new(&world.facts, settings).unwrap());
    let mut directory = MemoryDirectory::new();
    directory.add(BareJid::new("chen@example.com").unwrap(), Person::new("Chen@mail.example.com", None));
    world.directory = Arc::new(directory);
    world
}

fn conversation(mail: &Bytes) -> Conversation {
    Conversation::from_mails(&[mail]).unwrap()
}

fn of_the_wanted(filter: &Filter, items: BTreeMap<ItemKey, Bytes>) -> BTreeMap<ItemKey, Bytes> {
    items.into_iter().filter(|(_, mail)| is_wanted(filter, &conversation(mail))).collect()
}

fn messages(items: &BTreeMap<ItemKey, Bytes>) -> u64 {
    items.values().map(|mail| conversation(mail).messages.len() as u64).sum()
}

fn filtered(report: &RunReport) -> u64 {
    report.filtered.values().sum()
}

proptest! {
    #[test]
    fn a_filter_keeps_what_the_rule_says(conversation in jabber_archive_core::testing::generators::conversation(), filter in filter()) {
        prop_assert_eq!(filter.reason(&conversation).is_none(), is_wanted(&filter, &conversation));
        let kept: Filter = serde_json::from_slice(&filter.to_bytes()).unwrap();
        prop_assert_eq!(kept, filter);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn an_archive_holds_the_mails_of_the_conversations_that_are_wanted_and_counts_the_others(
        rows in rows(2, 40, Duration::from_mins(6)), filter in filter(), chunk in 1_usize..8, calls in prop::collection::vec(1_u64..120, 0..3)
    ) {
        let mut everything = world(rows.clone());
        everything.source = Arc::new(MemorySource::new(rows, everything.now).indexed(false));
        let all = everything.run().unwrap();
        prop_assert_eq!(filtered(&all), 0);

        let mut world = everything.anew();
        world.filter = filter.clone();
        let report = world.run().unwrap();
        world.check();
        let wanted = of_the_wanted(&filter, everything.sink.items());
        prop_assert_eq!(report.messages, messages(&wanted));
        prop_assert_eq!(report.messages + filtered(&report), all.messages);
        prop_assert!(world.sink.items() == wanted, "the same bytes as without a filter");

        let mut again = world.anew();
        again.settings.chunk_windows = chunk;
        for call in calls {
            // A run that is killed is completed by the next.
            let _: bool = again.run_with(&Faults::killed_at(call)).is_err();
            again.check();
        }
        again.run().unwrap();
        again.check();
        prop_assert_eq!(again.outcome(), world.outcome());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_counted_is_the_same_whichever_mails_are_made(rows in rows(2, 40, Duration::from_mins(6)), filter in filter()) {
        let mut transcripts = world(rows);
        transcripts.filter = filter;
        let told = transcripts.run().unwrap();
        let accounts = |world: &World| -> Vec<_> {
            world.seals().into_iter().map(|seal| (seal.span, seal.messages, seal.filter, seal.filtered_over_end, seal.findings)).collect()
        };
        let expected = accounts(&transcripts);
        let (facts, settings) = (transcripts.facts.clone(), TranscriptSettings::default());
        let others: Vec<Arc<dyn Converter>> = vec![
            Arc::new(PerMessage::new(&facts, settings.clone()).unwrap()),
            Arc::new(Journal::new(&facts, PerMessage::new(&facts, settings.clone()).unwrap()).unwrap()),
            Arc::new(Journal::new(&facts, Transcript::new(&facts, settings.clone()).unwrap()).unwrap()),
            #[cfg(feature = "rsmf")]
            Arc::new(jabber_archive_core::Rsmf::new(&facts, settings).unwrap()),
        ];
        for converter in others {
            let mut world = transcripts.anew();
            world.converter = converter;
            let report = world.run().unwrap();
            world.check();
            prop_assert_eq!((report.messages, &report.filtered), (told.messages, &told.filtered));
            prop_assert_eq!(accounts(&world), expected.clone(), "{:?}", world.converter.recipe().name);
        }
    }
}

#[test]
fn a_conversation_is_left_out_only_where_nobody_else_took_part() {
    let records =
        vec![chat("2026-11-20T09:00:00Z", "a1", "among themselves"), other_chat("2026-11-20T09:30:00Z", "c1", "with somebody else")];
    let mut world = World::new(records);
    world.filter = excluding(&["alice@example.com", "bob@example.com"]);
    let report = world.run().unwrap();
    world.check();
    assert!(!world.has("among themselves") && world.has("with somebody else"));
    assert_eq!(report.filtered, BTreeMap::from([(FilterReason::Excluded, 1)]));
    let seal = world.seal_at("2026-11-20T09:00:00Z");
    assert_eq!((seal.messages.starts, seal.messages.listed, seal.messages.filtered), (2, 1, report.filtered));
    assert!(seal.findings.iter().all(|finding| *finding == Finding::UnmappedPeople { people: 2 }), "{:?}", seal.findings);
}

#[test]
fn a_seal_names_its_filter_and_no_people() {
    let mut world = World::new(vec![chat("2026-11-20T09:00:00Z", "a1", "hello")]);
    world.filter = excluding(&["example.com"]);
    world.run().unwrap();
    world.check();
    let seal = world.seal_at("2026-11-20T09:00:00Z");
    assert_eq!((seal.items, seal.list, seal.messages.filtered[&FilterReason::Excluded]), (0, None, 1));
    let kept = world.ledger.kept(KeptKind::Context);
    assert_eq!(serde_json::from_slice::<Filter>(&kept[&seal.filter.unwrap()]).unwrap(), world.filter);
    assert!(seal.context.is_some_and(|context| kept.contains_key(&context)), "what decided who took part is kept, though no mail was made");
    for entry in world.ledger.entries().into_values() {
        let text = String::from_utf8_lossy(&entry).into_owned();
        assert!(!text.contains("alice") && !text.contains('@'), "{text}");
    }
}

#[test]
fn copies_over_a_border_of_a_message_that_was_filtered_start_none_in_the_next_window() {
    let over = |time: &str| chat(time, "a1", "over the border");
    let room = |time: &str, id: &str| Row::archived(ROOM, ALICE, "ali").at(time).id(id).body("in the room");
    // In the second window somebody is there who is not excluded.
    let records = vec![
        over("2026-11-20T11:59:59Z"),
        over("2026-11-20T12:00:01Z"),
        room("2026-11-20T11:59:59Z", "r1").record(),
        room("2026-11-20T12:00:01Z", "r1").record(),
        Row::archived(ROOM, "chen@example.com/x", "chen").at("2026-11-20T13:00:00Z").id("r2").body("later").record(),
    ];
    let mut world = World::new(records);
    world.filter = excluding(&["alice@example.com", "bob@example.com"]);
    let faults = Faults::none();
    world.run_with(&faults).unwrap();
    world.check();
    assert!(world.has("later") && !world.has("in the room") && !world.has("over the border"));
    let (before, behind) = (world.seal_at("2026-11-20T11:59:59Z"), world.seal_at("2026-11-20T12:00:01Z"));
    assert_eq!((before.messages.starts, before.filtered_over_end.len()), (2, 2));
    assert_eq!((behind.messages.starts, behind.messages.listed, behind.filtered_over_end.len()), (1, 1, 0));

    // A later run learns it from the chain.
    for call in 1..faults.calls() {
        let world = world.anew();
        world.run_with(&Faults::killed_at(call)).unwrap_err();
        world.run().unwrap();
        assert!(!world.has("in the room"), "killed at call {call}");
    }
}

#[test]
fn a_filter_that_contradicts_itself_is_refused_before_anything_is_written() {
    let mut contradiction = excluding(&["alice@example.com"]);
    contradiction.include.insert(term("ALICE@example.com"));
    let mut rooms = Filter::default();
    rooms.kinds.insert(ConversationKind::OneToOne);
    rooms.exclude_rooms.insert(term(ROOM));
    for (filter, words) in [(contradiction, "`alice@example.com`: both included and excluded"), (rooms, "`rooms`: rooms are named")] {
        let mut world = World::new(company());
        world.filter = filter;
        let error = world.run().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(words), "{error}");
        assert!(world.chain().is_empty());
    }
}
