use std::collections::BTreeMap;

use super::{MANY, Replays, RoomGap, RoomTraces};
use crate::{BareJid, Finding};

/// How many rooms a finding names.
const NAMED: usize = 20;

/// What the rows of a window tell of rows that are not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traces {
    /// Rows of `jm` that were logged on their way to a recipient, replays left out.
    pub incoming: u64,
    /// Rows of `jm` that were logged on their way from a sender.
    pub outgoing: u64,
    /// The rooms with rows dated in the window, or messages that start in it.
    pub rooms: BTreeMap<BareJid, RoomTraces>,
    /// Replays whose original is not in sight.
    pub replays: Replays,
}

impl Traces {
    /// Adds those of other conversations of the same window.
    pub fn extend(&mut self, other: Self) {
        self.incoming += other.incoming;
        self.outgoing += other.outgoing;
        self.rooms.extend(other.rooms);
        other.replays.iter().for_each(|replay| self.replays.add(replay));
    }

    /// [`Finding::NoOutgoing`], if there are many incoming rows and no outgoing one.
    pub fn no_outgoing(&self) -> Option<Finding> {
        (self.outgoing == 0 && self.incoming >= MANY).then_some(Finding::NoOutgoing { rows: self.incoming })
    }

    /// [`Finding::MissingNumbers`] and [`Finding::UnarchivedRooms`]. `before` says which rooms have rows in `tc_msgarchive` before the window, and their highest
    /// numbers; where that is not known, only holes within the window are told.
    pub fn of_rooms(&self, before: Option<&BTreeMap<BareJid, i64>>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let highest = |room: &BareJid| before.and_then(|before| before.get(room)).copied();
        let mut worst: Vec<RoomGap> = self.rooms.iter().filter_map(|(room, traces)| traces.numbers.gap(room, highest(room))).collect();
        if !worst.is_empty() {
            let numbers = worst.iter().fold(0_u64, |sum, gap| sum.saturating_add(gap.numbers));
            let rooms = worst.len() as u64;
            worst.sort_by(|a, b| (b.numbers, &a.room).cmp(&(a.numbers, &b.room)));
            worst.truncate(NAMED);
            findings.push(Finding::MissingNumbers { rooms, numbers, worst });
        }
        if let Some(before) = before {
            let is_unarchived = |(room, traces): &(&BareJid, &RoomTraces)| {
                traces.persistent && traces.messages > 0 && traces.archived == 0 && !before.contains_key(*room)
            };
            let unarchived: Vec<(&BareJid, &RoomTraces)> = self.rooms.iter().filter(is_unarchived).collect();
            if !unarchived.is_empty() {
                let messages = unarchived.iter().map(|(_, traces)| traces.messages).sum();
                let named = unarchived.iter().take(NAMED).map(|(room, _)| (*room).clone()).collect();
                findings.push(Finding::UnarchivedRooms { rooms: unarchived.len() as u64, messages, named });
            }
        }
        findings
    }

    /// Goes on to the next window: what of this one is before it.
    pub fn note_in(&self, before: &mut BTreeMap<BareJid, i64>) {
        for (room, traces) in self.rooms.iter().filter(|(_, traces)| traces.archived > 0) {
            let highest = traces.numbers.highest().unwrap_or(i64::MIN);
            before.entry(room.clone()).and_modify(|before| *before = highest.max(*before)).or_insert(highest);
        }
    }
}
