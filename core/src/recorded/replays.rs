//! Replays of room history whose original is not in sight.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use crate::{Grid, ShortDigest, Timestamp, Window};

/// How many are remembered of one window; those beyond are not looked for.
const MOST: usize = 50_000;

/// A message that was shown to somebody who entered a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replay {
    /// The digest of its identity, as lists have it.
    pub identity: ShortDigest,
    /// When it was said, as the replay states it.
    pub said: Timestamp,
}

impl Replay {
    /// A replay of what was said then.
    pub fn new(identity: ShortDigest, said: Timestamp) -> Self {
        Self { identity, said }
    }

    /// The windows in which the original may start.
    pub fn windows(&self, grid: &Grid, margin: Duration) -> impl Iterator<Item = Window> {
        let [first, said, last] = [self.said.before(margin), self.said, self.said.after(margin)].map(|time| grid.window_at(time));
        [Some(first), Some(said).filter(|said| *said != first), Some(last).filter(|last| *last != said)].into_iter().flatten()
    }
}

/// The replays of a window whose original is not among the rows that decide it.
///
/// One that does not say when its message was said (XEP-0203, XEP-0091) is not among them: where to look for the original would be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replays(BTreeMap<ShortDigest, Timestamp>);

impl Replays {
    /// Adds one; a message that was shown to many counts once.
    pub fn add(&mut self, replay: Replay) {
        let full = self.0.len() >= MOST;
        match self.0.entry(replay.identity) {
            Entry::Occupied(mut said) => {
                let said = said.get_mut();
                *said = replay.said.min(*said);
            }
            Entry::Vacant(place) if !full => _ = place.insert(replay.said),
            Entry::Vacant(_) => {}
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Replay> {
        self.0.iter().map(|(identity, said)| Replay::new(*identity, *said))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
