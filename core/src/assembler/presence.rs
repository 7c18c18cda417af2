//! Who was inside a room, and who entered and left.

use std::collections::BTreeMap;

use crate::{BareJid, Movement, PRESENCE_LOOKBACK, Party, PresenceRow, Timestamp, Window};

/// The presence rows of a chunk, by room.
///
/// Of what was before the windows in question only the last movement of each nick is kept: it decides who is inside, in whatever order the rows come.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    /// Where the first window in question begins.
    since: Timestamp,
    rooms: BTreeMap<BareJid, Room>,
}

#[derive(Debug, Clone, Default)]
struct Room {
    /// The last movement of each nick before [`Presence::since`].
    last: BTreeMap<String, PresenceRow>,
    /// What came then.
    rows: Vec<PresenceRow>,
}

impl Room {
    fn note(&mut self, row: PresenceRow) {
        match self.last.get_mut(&row.nick) {
            Some(last) if *last < row => *last = row,
            Some(_) => {}
            None => {
                self.last.insert(row.nick.clone(), row);
            }
        }
    }
}

/// How one person was present in a window.
#[derive(Debug, Default)]
pub(super) struct Stay {
    pub(super) inside: bool,
    pub(super) movements: Vec<(Timestamp, Movement)>,
}

impl Presence {
    /// For windows that begin here or later.
    pub(super) fn since(since: Timestamp) -> Self {
        Self { since, rooms: BTreeMap::new() }
    }

    /// Takes a row; says whether it is kept beside those that are in hand already.
    pub(super) fn accept(&mut self, row: PresenceRow) -> bool {
        let room = self.rooms.entry(row.room.clone()).or_default();
        let before = room.last.len() + room.rows.len();
        if row.stamp < self.since {
            room.note(row);
        } else {
            room.rows.push(row);
        }
        room.last.len() + room.rows.len() > before
    }

    pub(super) fn sort(&mut self) {
        self.rooms.values_mut().for_each(|room| room.rows.sort_unstable());
    }

    /// How many rows are dated in the window.
    pub(super) fn count(&self, window: &Window) -> u64 {
        self.rooms.values().flat_map(|room| &room.rows).filter(|row| window.contains(row.stamp)).count() as u64
    }

    /// Who was in a room: inside at the window's start by an entry not older than 30 days, or entered in it.
    pub(super) fn stays(&self, room: &BareJid, window: &Window) -> BTreeMap<Party, Stay> {
        let mut stays: BTreeMap<Party, Stay> = BTreeMap::new();
        let Some(room) = self.rooms.get(room) else { return stays };
        let oldest = window.start().before(PRESENCE_LOOKBACK);
        let mut last: BTreeMap<&str, &PresenceRow> = room.last.iter().map(|(nick, row)| (nick.as_str(), row)).collect();
        for row in room.rows.iter().filter(|row| row.stamp < window.end()) {
            if row.stamp < window.start() {
                last.insert(&row.nick, row);
            } else {
                stays.entry(party(row)).or_default().movements.push((row.stamp, row.movement));
            }
        }
        for row in last.into_values().filter(|row| row.movement == Movement::Entered && row.stamp >= oldest) {
            stays.entry(party(row)).or_default().inside = true;
        }
        stays
    }

    /// Goes on to windows that begin here or later, once all rows are in hand: who has left, or entered long ago, does not matter to them.
    pub(super) fn advance(&mut self, since: Timestamp) {
        self.since = since;
        let oldest = since.before(PRESENCE_LOOKBACK);
        self.rooms.retain(|_, room| {
            let (passed, rows): (Vec<_>, _) = std::mem::take(&mut room.rows).into_iter().partition(|row| row.stamp < since);
            room.rows = rows;
            for row in passed {
                room.note(row);
            }
            room.last.retain(|_, row| row.movement == Movement::Entered && row.stamp >= oldest);
            !room.last.is_empty() || !room.rows.is_empty()
        });
    }

    /// All rows that are in hand.
    pub(super) fn take(&mut self) -> impl Iterator<Item = PresenceRow> {
        std::mem::take(&mut self.rooms).into_values().flat_map(|room| room.last.into_values().chain(room.rows))
    }
}

fn party(row: &PresenceRow) -> Party {
    if *row.real.bare() == row.room {
        Party::Occupant { room: row.room.clone(), nick: row.nick.clone() }
    } else {
        Party::User(row.real.bare().clone())
    }
}
