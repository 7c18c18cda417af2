//! How rows become conversations.

use std::{sync::Arc, time::Duration};

use super::windows::*;
use jabber_archive_core::{
    Address, BareJid, Conversation, ConversationKind, Jid, MemoryDirectory, MessageKind, Movement, Party, People, Person, Record, Room,
    RoomKind, Rooms, SkipReason, Table, Timestamp,
    testing::rows::{Row, presence},
};

const ALICE: &str = "alice@example.com/jabber_1";
const BOB: &str = "bob@example.com";
const ROOM: &str = "planning@conference.example.com";

fn user(jid: &str) -> Party {
    Party::User(BareJid::new(jid).unwrap())
}

fn bodies(conversation: &Conversation) -> Vec<&str> {
    conversation.messages.iter().map(|message| message.body.as_str()).collect()
}

fn copies(conversation: &Conversation) -> Vec<u32> {
    conversation.messages.iter().map(|message| message.copies).collect()
}

#[test]
fn copies_of_one_message_fold_and_their_recipients_add_up() {
    let assembly = one_day(vec![
        Row::jm(ALICE, BOB).at("2026-11-21T09:00:00.007Z").outgoing().id("a").body("hi").record(),
        Row::jm(ALICE, "bob@example.com/jabber_9").at("2026-11-21T09:00:01Z").id("a").body("hi").record(),
        Row::jm("alice@example.com", "bob@example.com/phone").at("2026-11-21T09:00:02Z").id("a").body("hi").record(),
    ]);
    let [conversation] = &assembly.conversations[..] else { panic!("{:?}", assembly.conversations) };
    assert_eq!(bodies(conversation), ["hi"]);
    let message = &conversation.messages[0];
    assert_eq!((message.copies, message.sent().to_string()), (3, "2026-11-21T09:00:00.007Z".to_owned()));
    assert_eq!(message.recipients, [user(BOB)]);
    assert_eq!((assembly.tables[&Table::Jm].starts, assembly.tables[&Table::Jm].folded), (1, 2));
}

#[test]
fn an_id_used_again_with_another_body_is_another_message() {
    let assembly = one_day(vec![
        Row::jm(ALICE, BOB).at("2026-11-21T09:00:00Z").id("m1").body("yes").record(),
        Row::jm(ALICE, BOB).at("2026-11-21T09:00:01Z").id("m1").body("no").record(),
    ]);
    assert_eq!(bodies(&assembly.conversations[0]), ["yes", "no"]);
}

#[test]
fn an_id_used_again_by_another_resource_is_another_message() {
    let assembly = one_day(vec![
        Row::jm("alice@example.com/jabber_1", BOB).at("2026-11-21T09:00:00Z").id("m1").body("ok").record(),
        Row::jm("alice@example.com/jabber_2", BOB).at("2026-11-21T09:00:10Z").id("m1").body("ok").record(),
    ]);
    assert_eq!(bodies(&assembly.conversations[0]), ["ok", "ok"]);
}

#[test]
fn an_id_used_again_after_the_margin_is_another_message() {
    let at = |time| Row::jm(ALICE, BOB).at(time).id("m1").body("ok").record();
    let apart = one_day(vec![at("2026-11-21T09:00:00Z"), at("2026-11-21T09:05:00.003Z")]);
    assert_eq!(bodies(&apart.conversations[0]), ["ok", "ok"]);
    let near = one_day(vec![at("2026-11-21T09:00:00Z"), at("2026-11-21T09:05:00Z")]);
    assert_eq!(bodies(&near.conversations[0]), ["ok"]);
}

#[test]
fn a_row_without_resource_takes_that_of_the_nearest_row_and_the_earlier_one_on_ties() {
    let at = |from: &str, to: &str, time| Row::jm(from, to).at(time).id("m1").body("ok").record();
    let assembly = one_day(vec![
        at("alice@example.com/jabber_1", BOB, "2026-11-21T09:00:00Z"),
        at("alice@example.com", "bob@example.com/tie", "2026-11-21T09:00:10Z"),
        at("alice@example.com/jabber_2", BOB, "2026-11-21T09:00:20Z"),
        at("alice@example.com", "bob@example.com/near", "2026-11-21T09:00:21Z"),
        at("alice@example.com", "bob@example.com/nearer", "2026-11-21T09:00:21Z"),
    ]);
    assert_eq!(copies(&assembly.conversations[0]), [2, 3]);
}

#[test]
fn ok_sent_twice_without_ids_is_two_messages_in_the_longest_lane() {
    let at = |time, to: &str| Row::jm(ALICE, to).at(time).body("ok").record();
    let assembly = one_day(vec![
        Row::jm(ALICE, BOB).at("2026-11-21T09:00:00Z").outgoing().body("ok").record(),
        at("2026-11-21T09:00:00.500Z", "bob@example.com/jabber_1"),
        at("2026-11-21T09:00:00.500Z", "bob@example.com/phone"),
        at("2026-11-21T09:00:01Z", "bob@example.com/jabber_1"),
        at("2026-11-21T09:00:09Z", "bob@example.com/jabber_1"),
    ]);
    assert_eq!(copies(&assembly.conversations[0]), [3, 1, 1], "two within two seconds, one later");
}

#[test]
fn rows_that_are_no_message_are_counted_by_reason() {
    let row = || Row::jm(ALICE, BOB).at("2026-11-21T09:00:00Z").id("x");
    let assembly = one_day(vec![
        row().body("again").groupchat().replay().record(),
        row().record(),
        row().body("alert").kind(MessageKind::Headline).record(),
        row().body("failed").kind(MessageKind::Error).record(),
    ]);
    let skipped = &assembly.tables[&Table::Jm].skipped;
    assert!(assembly.conversations.is_empty());
    for reason in [SkipReason::Replay, SkipReason::Empty, SkipReason::Headline, SkipReason::Error] {
        assert_eq!(skipped.get(&reason), Some(&1), "{reason:?}");
    }
}

#[test]
fn a_row_without_body_is_a_message_if_its_stanza_has_text_or_a_file() {
    let xhtml = "<message id='h'><html xmlns='http://jabber.org/protocol/xhtml-im'><body><p>bold <b>words</b></p></body></html></message>";
    let file = "<message id='f'><advanced-file-transfer><filename>plan.pdf</filename></advanced-file-transfer></message>";
    let assembly = one_day(vec![
        Row::jm(ALICE, BOB).at("2026-11-21T09:00:00Z").stanza(xhtml).record(),
        Row::jm(ALICE, BOB).at("2026-11-21T09:00:01Z").stanza(file).record(),
    ]);
    assert_eq!(bodies(&assembly.conversations[0]), ["bold words", ""]);
    assert_eq!(assembly.conversations[0].messages[1].files[0].name, "plan.pdf");
}

#[test]
fn text_typed_beside_a_file_is_part_of_the_body_even_if_the_first_copy_is_cut_off() {
    let whole = "<message id='f'><body>no files here</body><advanced-file-transfer><filename>plan.pdf</filename>\
                 <aft-html><p>for your <b>signature</b></p></aft-html></advanced-file-transfer></message>";
    let cut = "<message id='f'><body>no files here</body><advanced-file-transfer><file";
    let copy = |time, stanza| Row::jm(ALICE, BOB).at(time).body("no files here").stanza(stanza).record();
    let assembly = one_day(vec![copy("2026-11-21T09:00:00Z", cut), copy("2026-11-21T09:00:01Z", whole)]);
    let conversation = &assembly.conversations[0];
    assert_eq!(copies(conversation), [2]);
    assert_eq!(bodies(conversation), ["no files here\nfor your signature"]);

    let alone = "<message id='g'><aft-html>for your signature</aft-html></message>";
    let assembly = one_day(vec![Row::jm(ALICE, BOB).at("2026-11-21T09:00:00Z").stanza(alone).record()]);
    assert_eq!(bodies(&assembly.conversations[0]), ["for your signature"]);
}

#[test]
fn files_are_those_of_the_first_copy_that_has_any() {
    let whole = "<message id='f'><body>no files here</body><advanced-file-transfer><filename>plan.pdf</filename></advanced-file-transfer></message>";
    let copy = |time, stanza| Row::jm(ALICE, BOB).at(time).body("no files here").stanza(stanza).record();
    let cut = copy("2026-11-21T09:00:00Z", "<message id='f'><body>no files here</body><advanced-");
    let assembly = one_day(vec![cut, copy("2026-11-21T09:00:01Z", whole)]);
    let [message] = &assembly.conversations[0].messages[..] else { panic!("{:?}", assembly.conversations) };
    assert_eq!(message.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["plan.pdf"]);
}

#[test]
fn an_ad_hoc_chat_is_one_conversation_of_people_known_by_their_nicks() {
    let nick = "Alice@Example.com/jabber_1";
    let room = "adhoc1@conference.example.com";
    let copy = |to: &str| Row::jm(&format!("{room}/{nick}"), to).groupchat().at("2026-11-21T09:00:01Z").id("g1").body("all?").record();
    let assembly = one_day(vec![
        Row::jm(nick, room).groupchat().outgoing().at("2026-11-21T09:00:00Z").id("g1").body("all?").record(),
        copy("bob@example.com/jabber_4"),
        copy("chen@example.com"),
    ]);
    let [conversation] = &assembly.conversations[..] else { panic!("{:?}", assembly.conversations) };
    assert_eq!(conversation.kind, ConversationKind::AdHoc);
    assert_eq!(copies(conversation), [3]);
    assert_eq!(conversation.messages[0].sender, user("alice@example.com"));
    assert_eq!(conversation.messages[0].recipients, [user(BOB), user("chen@example.com")]);
}

#[test]
fn the_room_archive_and_the_copies_for_recipients_are_one_message_of_the_real_user() {
    let stanza = "<message id='r1' archived='yes'/>";
    let assembly = one_day(vec![
        Row::archived(ROOM, "alice@example.com", "Ally").at("2026-11-21T09:00:01Z").body("Q3?").stanza(stanza).record(),
        Row::jm(&format!("{ROOM}/Ally"), BOB).groupchat().at("2026-11-21T09:00:00Z").id("r1").body("Q3?").record(),
    ]);
    let message = &assembly.conversations[0].messages[0];
    assert_eq!((message.copies, &message.sender), (2, &user("alice@example.com")));
    assert_eq!(message.stanza.as_deref(), Some(stanza));
    assert_eq!(assembly.unresolved_nicks, 0);
}

#[test]
fn a_nick_is_resolved_by_the_nick_map_and_else_stays_a_nick() {
    let mut rooms = Rooms::new();
    let room = BareJid::new(ROOM).unwrap();
    rooms.add_room(room.clone(), Room::new(RoomKind::Persistent, Some("Q3 planning".into())));
    rooms.add_nick(room.clone(), "Ally".into(), Jid::parse(ALICE).unwrap());
    let row = |row: Row| row.groupchat().at("2026-11-21T09:00:00Z").id("r1").body("Q3?").record();
    let copy = |nick: &str| row(Row::jm(&format!("{ROOM}/{nick}"), BOB));
    let assembly = one_day_of(vec![copy("Ally"), row(Row::jm(ALICE, ROOM).outgoing()), copy("Ghost")], rooms, people());
    let conversation = &assembly.conversations[0];
    assert_eq!((conversation.kind, conversation.title.as_deref()), (ConversationKind::Room, Some("Q3 planning")));
    let senders: Vec<&Party> = conversation.messages.iter().map(|message| &message.sender).collect();
    assert!(
        senders.contains(&&user("alice@example.com")) && senders.contains(&&Party::Occupant { room, nick: "Ghost".into() }),
        "{senders:?}"
    );
    assert_eq!((senders.len(), assembly.unresolved_nicks), (2, 1));
}

#[test]
fn a_row_that_shows_its_device_is_not_taken_for_another_device_that_the_nick_map_knows() {
    let (nick, room) = ("alice@example.com/jabber_1", "adhoc1@conference.example.com");
    let mut rooms = Rooms::new();
    rooms.add_nick(BareJid::new(room).unwrap(), "alice@example.com/jabber_2".into(), Jid::parse("alice@example.com/jabber_2").unwrap());
    let row = |row: Row| row.groupchat().at("2026-11-21T09:00:00Z").id("g1").body("all?").record();
    let rows = vec![row(Row::jm(nick, room).outgoing()), row(Row::jm(&format!("{room}/{nick}"), BOB))];
    let assembly = one_day_of(rows, rooms, people());
    assert_eq!(copies(&assembly.conversations[0]), [2]);
}

#[test]
fn a_nick_in_a_persistent_room_cannot_pass_for_somebody_elses_jid() {
    let room = BareJid::new(ROOM).unwrap();
    let nick = "ceo@example.com/phone";
    let mut rooms = Rooms::new();
    rooms.add_room(room.clone(), Room::new(RoomKind::Persistent, None));
    let row = |row: Row, id: &str| row.groupchat().at("2026-11-21T09:00:00Z").id(id).body("you are all fired").record();
    let copy = |id: &str| row(Row::jm(&format!("{ROOM}/{nick}"), BOB), id);
    let archived = row(Row::archived(ROOM, "eve@example.com", nick), "r1");
    let assembly = one_day_of(vec![copy("r1"), archived.clone(), copy("r2")], rooms.clone(), people());
    let senders: Vec<&Party> = assembly.conversations[0].messages.iter().map(|message| &message.sender).collect();
    let unknown = Party::Occupant { room: room.clone(), nick: nick.into() };
    assert_eq!(senders.len(), 2);
    assert!(senders.contains(&&user("eve@example.com")) && senders.contains(&&unknown), "{senders:?}");

    // Of a room that is not known to be persistent, the room archive's word counts all the same.
    let assembly = one_day(vec![copy("r1"), archived]);
    assert_eq!(assembly.conversations[0].messages[0].sender, user("eve@example.com"));

    rooms.add_nick(room, nick.into(), Jid::parse("mallory@example.com/x").unwrap());
    let assembly = one_day_of(vec![copy("r2")], rooms, people());
    assert_eq!(assembly.conversations[0].messages[0].sender, user("mallory@example.com"));
}

#[test]
fn a_private_message_through_a_room_is_a_conversation_with_the_nick() {
    let from = format!("{ROOM}/Ally");
    let assembly = one_day(vec![
        Row::jm(&from, BOB).groupchat().at("2026-11-21T09:00:00Z").id("r1").body("hello room").record(),
        Row::jm(&from, BOB).at("2026-11-21T09:00:05Z").id("p1").body("hello Bob").record(),
    ]);
    let private = assembly.conversations.iter().find(|conversation| conversation.kind == ConversationKind::RoomPrivate).unwrap();
    assert_eq!(bodies(private), ["hello Bob"]);
    assert_eq!(private.participants.len(), 2);
}

#[test]
fn nobody_becomes_a_room_by_the_resource_that_they_choose_or_by_a_domain_that_looks_alike() {
    for odd in ["eve@example.com/x@y/z", "eve@conferencing-inc.com/x", "eve@conferences.example.com"] {
        let row = || Row::jm(odd, BOB).at("2026-11-21T09:00:00Z").id("p1").body("hello");
        let conversation =
            &one_day(vec![row().record(), Row::jm(BOB, odd).at("2026-11-21T09:00:01Z").id("p2").body("hi").record()]).conversations[0];
        assert_eq!((conversation.kind, bodies(conversation)), (ConversationKind::OneToOne, vec!["hello", "hi"]), "{odd}");
    }
    for room in ["q@conference.example.com/eve", "q@conference-2-cluster.example.com/eve"] {
        let assembly = one_day(vec![Row::jm(room, BOB).at("2026-11-21T09:00:00Z").id("p1").body("hello").record()]);
        assert_eq!(assembly.conversations[0].kind, ConversationKind::RoomPrivate, "{room}");
    }
}

#[test]
fn presence_makes_participants_and_an_entry_older_than_30_days_does_not() {
    let assembly = one_day(vec![
        Row::archived(ROOM, "alice@example.com", "Ally").at("2026-11-21T09:00:00Z").id("r1").body("Q3?").record(),
        presence(ROOM, "Bob", "bob@example.com/x", Movement::Entered, "2026-11-01T00:00:00Z"),
        presence(ROOM, "Old", "old@example.com/x", Movement::Entered, "2026-10-21T23:59:59Z"),
        presence(ROOM, "Gone", "gone@example.com/x", Movement::Entered, "2026-11-20T08:00:00Z"),
        presence(ROOM, "Gone", "gone@example.com/x", Movement::Left, "2026-11-20T09:00:00Z"),
        presence(ROOM, "Chen", "chen@example.com/x", Movement::Entered, "2026-11-21T10:00:00Z"),
    ]);
    let people = &assembly.conversations[0].participants;
    let present: Vec<(String, bool, usize)> =
        people.iter().map(|person| (person.party.to_string(), person.inside, person.movements.len())).collect();
    let expected = [("alice@example.com", false, 0), ("bob@example.com", true, 0), ("chen@example.com", false, 1)];
    assert_eq!(present, expected.map(|(party, inside, movements)| (party.to_owned(), inside, movements)));
    assert_eq!(assembly.tables[&Table::TcTimelog].presence, 1);
}

#[test]
fn a_copy_over_midnight_folds_into_the_message_that_the_earlier_window_lists() {
    let rows = || {
        vec![
            Row::jm(ALICE, BOB).outgoing().at("2026-11-20T23:59:59Z").id("m").body("late").record(),
            Row::jm(ALICE, BOB).at("2026-11-21T00:00:01Z").id("m").body("late").record(),
        ]
    };
    let days = by_window(&rows(), Duration::from_hours(24), &[]);
    assert_eq!(days.iter().map(|(_, assembly)| messages(assembly)).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(days[1].1.tables[&Table::Jm].folded, 1);

    let unlisted = one_day(rows());
    assert_eq!(bodies(&unlisted.conversations[0]), ["late"], "nobody has listed it, so it starts here");
}

#[test]
fn a_message_without_id_folds_over_midnight_only_into_one_within_two_seconds() {
    let outgoing = |time| Row::jm(ALICE, BOB).outgoing().at(time).body("ok").record();
    let earlier = outgoing("2026-11-20T23:57:00Z");
    let late = outgoing("2026-11-20T23:59:59Z");
    let copy = Row::jm(ALICE, BOB).at("2026-11-21T00:00:00.500Z").body("ok").record();
    let rows = vec![earlier.clone(), late.clone(), copy];
    let unlisted = one_day_after(vec![earlier.clone()], rows.clone());
    assert_eq!(bodies(&unlisted.conversations[0]), ["ok"], "only the one of 23:57 was listed");
    let listed = one_day_after(vec![earlier, late], rows);
    assert_eq!(messages(&listed), 0, "both were");
}

#[test]
fn a_chain_of_copies_that_reaches_far_over_midnight_is_one_message() {
    let midnight: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let copy =
        |minutes: i64| Row::jm(ALICE, BOB).at_time(Timestamp::from_millis(midnight.millis() + minutes * 60_000)).id("m").body("again");
    let rows: Vec<Record> = (-5..=5).map(|step| copy(step * 4).record()).collect();
    let days = by_window(&rows, Duration::from_hours(24), &[]);
    assert_eq!(days.iter().map(|(_, assembly)| messages(assembly)).collect::<Vec<_>>(), [1, 0]);
    let message = &days[0].1.conversations[0].messages[0];
    assert_eq!((message.sent(), message.last()), (midnight.before(Duration::from_mins(20)), midnight.after(Duration::from_mins(4))));
    assert_eq!(days[1].1.tables[&Table::Jm].folded, 6);
}

#[test]
fn a_copy_that_was_logged_before_the_listed_start_and_came_later_does_not_make_another_message() {
    let copy = |time: &str| Row::jm(ALICE, BOB).at(time).id("m").body("late").record();
    let sealed = vec![copy("2026-11-20T23:59:59Z")];
    let came_later = [copy("2026-11-20T23:58:00Z"), copy("2026-11-21T00:00:01Z")];
    let assembly = one_day_after(sealed.clone(), [&sealed[..], &came_later].concat());
    assert_eq!(messages(&assembly), 0);
}

#[test]
fn what_lies_more_than_two_margins_before_a_window_or_one_behind_it_decides_nothing_of_it() {
    let copy = |time: &str| Row::jm("alice@example.com/jabber_1", "bob@example.com").at(time).id("m1").body("x").record();
    let seen = ["2026-11-20T23:55:00Z", "2026-11-21T00:00:00Z", "2026-11-21T23:58:00Z", "2026-11-22T00:02:00Z"].map(copy);
    let beyond = ["2026-11-20T23:49:59Z", "2026-11-22T00:05:00Z", "2026-11-22T00:06:00Z"].map(copy);
    assert_eq!(one_day([&seen[..], &beyond].concat()).conversations, one_day(seen.to_vec()).conversations);
}

#[test]
fn a_copy_that_comes_too_late_to_name_its_recipient_is_counted() {
    let copy = |to: &str, time: &str| Row::jm(&format!("{ROOM}/Ally"), to).groupchat().at(time).id("m").body("x").record();
    let rows = vec![
        copy("bob@example.com", "2026-11-20T23:58:00Z"),
        copy("bob@example.com", "2026-11-21T00:02:00Z"),
        copy("bob@example.com", "2026-11-21T00:06:00Z"),
        copy("chen@example.com", "2026-11-21T00:07:00Z"),
    ];
    let days = by_window(&rows, Duration::from_hours(24), &[]);
    assert_eq!(days[1].1.late_copies.values().copied().collect::<Vec<_>>(), [1]);
    assert_eq!(days[1].1.tables[&Table::Jm].folded, 3);
}

#[test]
fn people_are_described_as_of_the_windows_start_and_nobody_else_is_addressed() {
    let mut directory = MemoryDirectory::new();
    directory.add(BareJid::new("alice@example.com").unwrap(), Person::new("alice.smith@example.com", Some("Alice Smith".into())));
    let people = People::new(Arc::new(directory)).internal_domains(["example.com".to_owned()]);
    let row = |from: &str| Row::jm(from, "bob@example.com").at("2026-11-21T09:00:00Z").id("m").body("x").record();
    let assembly = one_day_of(vec![row(ALICE), row("dave@partner.example/x"), row("we\\20ird\"@example.com/x")], Rooms::new(), people);
    let participants = assembly.conversations.iter().flat_map(|conversation| &conversation.participants);
    let addresses: Vec<Address> = participants.map(|person| person.address.clone()).collect();
    assert!(addresses.contains(&Address::Mapped("alice.smith@example.com".into())));
    assert!(addresses.contains(&Address::Foreign("dave@partner.example".into())));
    assert!(addresses.contains(&Address::Unmapped("bob@example.com.jid.invalid".into())));
    let odd = addresses.iter().find(|address| address.as_str().starts_with("we20ird%")).unwrap();
    assert!(odd.as_str().ends_with("@example.com.jid.invalid"), "{odd:?}");
    assert_eq!(assembly.context.people.len(), 4);
    assert_eq!(assembly.context.internal_domains, ["example.com".to_owned()].into(), "they decide whose JID is an address");
}
