//! What rows tell of rows that are not there.

use std::collections::{BTreeMap, HashSet};

use super::copy::Copy;
use crate::{
    BareJid, Conversation, ConversationKey, Direction, MessageRow, Numbers, Replay, Replays, RoomKind, Rooms, ShortDigest, Table, Traces,
    Window, context::Inquiry, stanza,
};

/// The traces of the rows that decide a window, replays left out.
pub(super) fn of_rows(rows: &[&MessageRow], window: &Window) -> Traces {
    let mut traces = Traces::default();
    let mut numbers: BTreeMap<&BareJid, (Vec<i64>, Vec<i64>)> = BTreeMap::new();
    for row in rows {
        let own = window.contains(row.sent);
        match (row.table, row.direction) {
            (Table::Jm, Some(Direction::Incoming)) if own && !row.replay => traces.incoming += 1,
            (Table::Jm, Some(Direction::Outgoing)) if own => traces.outgoing += 1,
            (Table::TcMsgarchive, _) => {
                let room = row.to.bare();
                if own {
                    traces.rooms.entry(room.clone()).or_default().archived += 1;
                }
                let (inside, near) = numbers.entry(room).or_default();
                if own { inside } else { near }.extend(row.msg_id);
            }
            _ => {}
        }
    }
    for (room, (own, near)) in numbers {
        if let Some(traces) = traces.rooms.get_mut(room) {
            traces.numbers = Numbers::new(own, near);
        }
    }
    traces
}

/// Adds what was said in rooms.
pub(super) fn note_messages(traces: &mut Traces, conversations: &[Conversation], rooms: &Rooms) {
    for conversation in conversations {
        if let ConversationKey::Room(room) = &conversation.key {
            let of_room = traces.rooms.entry(room.clone()).or_default();
            of_room.messages += conversation.messages.len() as u64;
            of_room.persistent = rooms.room(room).is_some_and(|room| room.kind == RoomKind::Persistent);
        }
    }
}

/// The replays that are logged in a window, without those whose original is among the copies.
///
/// They are asked about on their own: what they are is no part of the context that mails are made with.
pub(super) fn replays(rows: &[&MessageRow], copies: &[Copy<'_>], window: &Window, inquiry: &Inquiry<'_>) -> Replays {
    let replayed = rows.iter().filter(|row| row.replay && window.contains(row.sent));
    let replayed: Vec<Copy<'_>> = replayed.filter_map(|row| Copy::of_replay(row, inquiry).ok()).collect();
    let conversations: HashSet<&ConversationKey> = replayed.iter().map(|copy| &copy.conversation).collect();
    let originals = copies.iter().filter(|copy| conversations.contains(&copy.conversation));
    let said_here: HashSet<ShortDigest> = originals.map(Copy::likeness).collect();
    let mut replays = Replays::default();
    for copy in replayed.iter().filter(|copy| !said_here.contains(&copy.likeness())) {
        let said = stanza::said(copy.row.stanza.as_deref().unwrap_or_default(), copy.row.from.bare());
        // Without an id there is no resource in the identity either.
        let identity = if copy.id.is_some() { copy.identity(copy.sender.resource.as_deref()) } else { copy.likeness() };
        if let Some(said) = said.filter(|said| *said <= copy.row.sent) {
            replays.add(Replay::new(identity, said));
        }
    }
    replays
}
