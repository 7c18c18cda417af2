//! What the rows of rooms tell of rows that are not there.

use serde::{Deserialize, Serialize};

use crate::BareJid;

/// Numbers of a room's messages that no row has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RoomGap {
    /// The room.
    pub room: BareJid,
    /// How many.
    pub numbers: u64,
    /// The first of them.
    pub first: i64,
    /// The last of them.
    pub last: i64,
}

/// What the rows of one room in one window tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomTraces {
    /// Whether `tc_rooms` says that the room is persistent; asked only where something was said.
    pub persistent: bool,
    /// Its rows in `tc_msgarchive`.
    pub archived: u64,
    /// Its messages that start in the window.
    pub messages: u64,
    /// Its numbers.
    pub numbers: Numbers,
}

/// The numbers (`tc_msgarchive.msg_id`) that rows of one room have.
///
/// ```
/// use jabber_archive_core::{BareJid, Numbers};
///
/// let room = BareJid::new("q3@conference.example.com").unwrap();
/// let numbers = Numbers::new([4, 5, 9], [8]);
/// let gap = numbers.gap(&room, Some(1)).unwrap();
/// assert_eq!((gap.numbers, gap.first, gap.last), (4, 2, 7));
/// assert_eq!(numbers.gap(&room, None).unwrap().numbers, 2, "what was before 4 is not known");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The first and last of each run of numbers, ascending.
    runs: Vec<(i64, i64)>,
    /// The lowest and highest of the window's own.
    own: Option<(i64, i64)>,
}

impl Numbers {
    /// The numbers of rows dated in the window, and of those dated near it: they come in order of their numbers, but not to the second.
    pub fn new(own: impl IntoIterator<Item = i64>, near: impl IntoIterator<Item = i64>) -> Self {
        let mut all: Vec<i64> = own.into_iter().collect();
        all.sort_unstable();
        let own = all.first().copied().zip(all.last().copied());
        all.extend(near);
        all.sort_unstable();
        let mut runs: Vec<(i64, i64)> = Vec::new();
        for number in all {
            match runs.last_mut() {
                Some((_, last)) if number <= last.saturating_add(1) => *last = number,
                _ => runs.push((number, number)),
            }
        }
        Self { runs, own }
    }

    /// The highest of the window's own.
    pub fn highest(&self) -> Option<i64> {
        self.own.map(|(_, highest)| highest)
    }

    /// The numbers that no row has, between the highest one of the windows before, else the lowest of this one, and the highest of this one.
    ///
    /// None where all of the window's are lower than what was before: the room was made anew, or rows came late.
    pub fn gap(&self, room: &BareJid, before: Option<i64>) -> Option<RoomGap> {
        let (lowest, highest) = self.own?;
        let mut last_seen = before.unwrap_or(lowest);
        let (mut numbers, mut bounds) = (0_u64, None::<(i64, i64)>);
        for (first, last) in self.runs.iter().take_while(|(first, _)| *first <= highest) {
            if *first > last_seen && first.abs_diff(last_seen) > 1 {
                numbers += first.abs_diff(last_seen) - 1;
                bounds = Some((bounds.map_or(last_seen + 1, |(from, _)| from), first - 1));
            }
            last_seen = last_seen.max(*last);
        }
        let (first, last) = bounds?;
        Some(RoomGap { room: room.clone(), numbers, first, last })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn the_largest_and_smallest_numbers_there_are_make_one_gap() {
        let room = BareJid::new("q3@conference.example.com").unwrap();
        let gap = Numbers::new([i64::MAX, i64::MIN], []).gap(&room, None).unwrap();
        assert_eq!((gap.numbers, gap.first, gap.last), (u64::MAX - 1, i64::MIN + 1, i64::MAX - 1));
    }

    proptest! {
        #[test]
        fn a_gap_is_the_numbers_that_no_row_has(own in vec(-30..30_i64, 0..20), near in vec(-40..40_i64, 0..20), before in proptest::option::of(-35..35_i64)) {
            let room = BareJid::new("q3@conference.example.com").unwrap();
            let gap = Numbers::new(own.clone(), near.clone()).gap(&room, before);
            let held: BTreeSet<i64> = own.iter().chain(&near).copied().collect();
            let missing: Vec<i64> = match (own.iter().min(), own.iter().max()) {
                (Some(lowest), Some(highest)) => (before.unwrap_or(*lowest) + 1..*highest).filter(|number| !held.contains(number)).collect(),
                _ => Vec::new(),
            };
            let told = gap.map(|gap| (gap.numbers, gap.first, gap.last));
            prop_assert_eq!(told, missing.first().zip(missing.last()).map(|(first, last)| (missing.len() as u64, *first, *last)));
        }
    }
}
