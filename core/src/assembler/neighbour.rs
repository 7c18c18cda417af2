use std::{collections::HashMap, time::Duration};

use super::fold::Fold;
use crate::{List, Message, MessageLine, ShortDigest, Timestamp, Window};

/// The messages of the window before that have copies near its end, as its seal lists them: a row folds over the border only into one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbour {
    messages: HashMap<ShortDigest, Vec<Listed>>,
}

/// From the first to the last copy that the window before had in sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    start: Timestamp,
    last: Timestamp,
}

impl Neighbour {
    /// The messages of a list that matter to `window`, which begins where the listed one ends.
    pub fn of(list: &List, window: &Window, margin: Duration) -> Self {
        Self::of_messages(list.lines().iter().flat_map(|line| &line.messages), window, margin)
    }

    /// Those of the messages that matter to `window`: all that the window before has accounted for.
    pub fn of_messages<'m>(accounted: impl IntoIterator<Item = &'m MessageLine>, window: &Window, margin: Duration) -> Self {
        let mut messages: HashMap<ShortDigest, Vec<Listed>> = HashMap::new();
        for message in accounted.into_iter().filter(|message| Self::concerns(message, window, margin)) {
            messages.entry(message.identity).or_default().push(Listed { start: message.start, last: message.last });
        }
        for messages in messages.values_mut() {
            messages.sort_unstable();
        }
        Self { messages }
    }

    /// Whether a message that the window before has accounted for matters to `window`.
    pub(crate) fn concerns(message: &MessageLine, window: &Window, margin: Duration) -> bool {
        // A fold is in sight from two margins before the border on, and follows the last copy of what was listed by at most one. The start may be
        // long before: copies that follow each other make a chain of any length.
        window.start().before(margin * 3) <= message.last && message.start < window.start()
    }

    /// Takes the listed message that a fold belongs to: of the same identity, and one of the fold's copies before the border lies between its start and
    /// the end of the fold's reach behind its last copy. The one whose start is nearest to such a copy counts; each is taken once.
    pub(super) fn take(&mut self, fold: &Fold<'_>, border: Timestamp) -> bool {
        let Some(messages) = self.messages.get_mut(&fold.identity) else { return false };
        let before = || fold.copies.iter().map(|copy| copy.row.sent).take_while(|sent| *sent < border);
        let distance = |listed: &Listed| {
            let near = before().filter(|sent| (listed.start..=listed.last.after(fold.reach)).contains(sent));
            near.map(|sent| sent.distance(listed.start)).min()
        };
        let nearest = (0..messages.len()).filter_map(|index| Some((distance(&messages[index])?, index))).min();
        nearest.map(|(_, index)| messages.remove(index)).is_some()
    }

    /// Takes the listed message that a message of the window is, whose copies before the border have gone since it was listed: of the same identity, with copies in the
    /// same time, or where it has an id within `margin`. To be asked once the conversation has been assembled, so that what folds over the border has been taken.
    pub(crate) fn take_message(&mut self, message: &Message, margin: Duration) -> bool {
        let Some(messages) = self.messages.get_mut(&message.key.identity) else { return false };
        let is_it = |listed: &Listed| message.is_of(listed.start, listed.last, margin);
        let distance = |listed: &Listed| listed.start.distance(message.sent());
        let found = (0..messages.len()).filter(|index| is_it(&messages[*index])).min_by_key(|index| distance(&messages[*index]));
        found.map(|index| messages.remove(index)).is_some()
    }
}
