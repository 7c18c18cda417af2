use std::{collections::HashMap, time::Duration};

use super::fold::Fold;
use crate::{List, ShortDigest, Timestamp, Window};

/// The messages of the window before that start near its end, as its seal lists them: a row folds over the border only into one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbour {
    starts: HashMap<ShortDigest, Vec<Timestamp>>,
}

impl Neighbour {
    /// The messages of a list that matter to `window`, which begins where the listed one ends.
    pub fn of(list: &List, window: &Window, margin: Duration) -> Self {
        // A fold is in sight from two margins before the border, and its listed start is at most one margin before that.
        let near = window.start().before(margin * 3);
        let mut starts: HashMap<ShortDigest, Vec<Timestamp>> = HashMap::new();
        for message in list.lines().iter().flat_map(|line| &line.messages) {
            if near <= message.start && message.start < window.start() {
                starts.entry(message.identity).or_default().push(message.start);
            }
        }
        for starts in starts.values_mut() {
            starts.sort_unstable();
        }
        Self { starts }
    }

    /// Takes the listed message that a fold belongs to: of the same identity, the nearest start within the fold's reach of its first copy in sight.
    /// Each is taken once.
    pub(super) fn take(&mut self, fold: &Fold<'_>) -> bool {
        let Some(starts) = self.starts.get_mut(&fold.identity) else { return false };
        let distance = |index: &usize| starts[*index].distance(fold.first());
        let nearest = (0..starts.len()).filter(|index| distance(index) <= fold.reach).min_by_key(distance);
        nearest.map(|index| starts.remove(index)).is_some()
    }
}
