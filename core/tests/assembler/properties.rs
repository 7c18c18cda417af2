//! What holds for any rows.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::windows::*;
use jabber_archive_core::{
    Assembly, Context, People, Record, SkipReason, Timestamp, Window,
    testing::rows::{self, Row},
};
use proptest::prelude::*;

const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);

/// Every message with its time, text, sender, recipients and number of copies.
fn content(assemblies: &[(Window, Assembly)]) -> Vec<String> {
    let mut messages: Vec<String> = assemblies
        .iter()
        .flat_map(|(_, assembly)| &assembly.conversations)
        .flat_map(|conversation| {
            conversation.messages.iter().map(move |message| {
                format!("{:?} {:?} {} {:?} {:?}", conversation.key, message.key, message.body, message.sender, message.recipients)
            })
        })
        .collect();
    messages.sort();
    messages
}

/// Copies of one message around midnight or noon, at most five minutes apart, over less than an hour.
fn chain() -> impl Strategy<Value = Vec<Timestamp>> {
    let border = prop::sample::select(vec!["2026-11-20T12:00:00Z", "2026-11-21T00:00:00Z"]);
    (border, 0..3_600_000_u64, prop::collection::vec(0..=300_000_u64, 0..11)).prop_map(|(border, before, steps)| {
        let mut time = border.parse::<Timestamp>().unwrap().before(Duration::from_millis(before));
        let mut times = vec![time];
        times.extend(steps.into_iter().map(|step| {
            time = time.after(Duration::from_millis(step));
            time
        }));
        times
    })
}

/// Every message with its text. Who received it is not known of copies that come more than a margin after a window, nor who sent it if only they tell.
fn names(assemblies: &[(Window, Assembly)]) -> Vec<String> {
    let mut names: Vec<String> = assemblies
        .iter()
        .flat_map(|(_, assembly)| &assembly.conversations)
        .flat_map(|conversation| conversation.messages.iter().map(|message| format!("{:?} {}", message.key, message.body)))
        .collect();
    names.sort();
    names
}

proptest! {
    #[test]
    fn the_order_of_rows_does_not_matter((rows, shuffled) in rows::rows(2, 40, Duration::from_mins(6)).prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))) {
        prop_assert_eq!(by_window(&rows, HOUR, &[]), by_window(&shuffled, HOUR, &[]));
    }

    #[test]
    fn how_chunks_cut_the_stream_does_not_matter(rows in rows::rows(2, 40, Duration::from_mins(6)), cuts in prop::collection::vec(0_usize..48, 0..12)) {
        prop_assert_eq!(by_window(&rows, HOUR, &[]), by_window(&rows, HOUR, &cuts));
    }

    #[test]
    fn how_windows_cut_the_stream_does_not_change_the_messages(rows in rows::rows(2, 40, Duration::from_mins(1))) {
        prop_assert_eq!(content(&by_window(&rows, DAY, &[])), content(&by_window(&rows, HOUR, &[])));
    }

    #[test]
    fn chains_of_copies_longer_than_the_margin_are_one_message_however_windows_cut_them(
        rows in rows::rows(2, 40, Duration::from_mins(20)), chains in prop::collection::vec(chain(), 1..6)
    ) {
        let chains = chains.into_iter().enumerate().flat_map(|(number, times)| {
            times.into_iter().map(move |time| Row::jm("alice@example.com/x", "bob@example.com").at_time(time).id(&format!("chain{number}")).body("ok").record())
        });
        let rows: Vec<Record> = rows.into_iter().chain(chains).collect();
        prop_assert_eq!(names(&by_window(&rows, DAY, &[])), names(&by_window(&rows, HOUR, &[])));
    }

    #[test]
    fn every_row_is_accounted_for(rows in rows::rows(2, 60, Duration::from_mins(7))) {
        let assemblies = by_window(&rows, HOUR, &[]);
        let mut counted = BTreeMap::new();
        for (window, assembly) in &assemblies {
            let starts: u64 = assembly.tables.values().map(|account| account.starts).sum();
            prop_assert_eq!(starts as usize, messages(assembly), "{}", window);
            for (table, account) in &assembly.tables {
                prop_assert!(account.closes(), "{:?}", account);
                *counted.entry(*table).or_insert(0) += account.rows;
            }
        }
        let mut expected = BTreeMap::new();
        for row in &rows {
            *expected.entry(row.table()).or_insert(0) += 1;
        }
        prop_assert_eq!(counted, expected);
    }

    #[test]
    fn no_text_is_lost(rows in rows::rows(2, 60, Duration::from_mins(7))) {
        let assemblies = by_window(&rows, HOUR, &[]);
        let skipped: u64 = assemblies.iter().flat_map(|(_, assembly)| assembly.tables.values()).flat_map(|account| account.skipped.iter()).filter(|(reason, _)| **reason == SkipReason::Empty).map(|(_, count)| count).sum();
        let mut empty = 0;
        for row in rows {
            let Record::Message(row) = row else { continue };
            let body = row.body.clone().unwrap_or_default();
            if row.replay || row.kind == jabber_archive_core::MessageKind::Error {
                continue;
            }
            if body.is_empty() {
                empty += 1;
                continue;
            }
            let near = |sent: jabber_archive_core::Timestamp| sent <= row.sent && sent.distance(row.sent) <= DAY;
            let found = assemblies.iter().flat_map(|(_, assembly)| &assembly.conversations).flat_map(|conversation| &conversation.messages).any(|message| message.body == body && near(message.sent()));
            prop_assert!(found, "{:?} {}", row, body);
        }
        prop_assert_eq!(skipped, empty);
    }

    #[test]
    fn a_window_is_made_again_from_its_context_alone(
        rows in rows::rows(1, 30, Duration::from_mins(1)), domains in prop::sample::subsequence(vec!["Example.com", "partner.example"], 0..=2)
    ) {
        let first = one_day_of(rows.clone(), rooms(), people().internal_domains(domains.into_iter().map(str::to_owned)));
        let kept: Context = serde_json::from_slice(&first.context.to_bytes()).unwrap();
        let (rooms, domains) = (kept.rooms.clone(), kept.internal_domains.clone());
        let again = one_day_of(rows, rooms, People::new(Arc::new(kept)).internal_domains(domains));
        prop_assert_eq!(first, again);
    }
}

fn rooms() -> jabber_archive_core::Rooms {
    use jabber_archive_core::{BareJid, Jid, Room, RoomKind, Rooms};
    let room = BareJid::new("planning@conference.example.com").unwrap();
    let mut rooms = Rooms::new();
    rooms.add_room(room.clone(), Room::new(RoomKind::Persistent, Some("Planning".into())));
    rooms.add_room(BareJid::new("unused@conference.example.com").unwrap(), Room::new(RoomKind::AdHoc, None));
    for (nick, real) in [
        ("ali", "alice@example.com/jabber_1"),
        ("ali", "alice@example.com/jabber_2"),
        ("bob", "bob@example.com/jabber_1"),
        ("bob", "chen@example.com/x"),
    ] {
        rooms.add_nick(room.clone(), nick.into(), Jid::parse(real).unwrap());
    }
    rooms
}
