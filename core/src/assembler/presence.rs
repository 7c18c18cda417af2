//! Who was inside a room, and who entered and left.

use std::collections::BTreeMap;

use crate::{BareJid, Movement, PRESENCE_LOOKBACK, Party, PresenceRow, Timestamp, Window};

/// The presence rows of a chunk, by room and in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Presence {
    rooms: BTreeMap<BareJid, Vec<PresenceRow>>,
    sorted: bool,
}

/// How one person was present in a window.
#[derive(Debug, Default)]
pub(super) struct Stay {
    pub(super) inside: bool,
    pub(super) movements: Vec<(Timestamp, Movement)>,
}

impl Presence {
    pub(super) fn accept(&mut self, row: PresenceRow) {
        self.rooms.entry(row.room.clone()).or_default().push(row);
        self.sorted = false;
    }

    pub(super) fn sort(&mut self) {
        if !self.sorted {
            self.rooms.values_mut().for_each(|rows| rows.sort());
            self.sorted = true;
        }
    }

    /// How many rows are dated in the window.
    pub(super) fn count(&self, window: &Window) -> u64 {
        self.rooms.values().flatten().filter(|row| window.contains(row.stamp)).count() as u64
    }

    /// Who was in a room: inside at the window's start by an entry not older than 30 days, or entered in it.
    pub(super) fn stays(&self, room: &BareJid, window: &Window) -> BTreeMap<Party, Stay> {
        let mut inside: BTreeMap<&str, &PresenceRow> = BTreeMap::new();
        let mut stays: BTreeMap<Party, Stay> = BTreeMap::new();
        let oldest = window.start().before(PRESENCE_LOOKBACK);
        for row in self.rooms.get(room).into_iter().flatten() {
            if row.stamp >= window.end() || row.stamp < oldest {
                continue;
            }
            if row.stamp < window.start() {
                match row.movement {
                    Movement::Entered => inside.insert(&row.nick, row),
                    Movement::Left => inside.remove(row.nick.as_str()),
                };
            } else {
                stays.entry(party(row)).or_default().movements.push((row.stamp, row.movement));
            }
        }
        for row in inside.into_values() {
            stays.entry(party(row)).or_default().inside = true;
        }
        stays
    }
}

fn party(row: &PresenceRow) -> Party {
    if *row.real.bare() == row.room {
        Party::Occupant { room: row.room.clone(), nick: row.nick.clone() }
    } else {
        Party::User(row.real.bare().clone())
    }
}
