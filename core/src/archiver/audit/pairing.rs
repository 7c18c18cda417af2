//! Says what becomes of messages that have no counterpart.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{ConversationKey, DiscrepancyKind, ItemId, MessageKey, MessageLine, ShortDigest, Timestamp};

/// A message that the source has and no list names.
#[derive(Debug, Clone)]
pub(super) struct Unlisted {
    /// Digest of the conversation's key.
    pub(super) key: ShortDigest,
    pub(super) conversation: Arc<ConversationKey>,
    pub(super) message: MessageKey,
    pub(super) content: ShortDigest,
    /// How many rows it has.
    pub(super) copies: u64,
}

/// A message that a list names and the source does not have.
#[derive(Debug, Clone)]
pub(super) struct Unfound {
    pub(super) key: ShortDigest,
    /// None where the source has nothing of the conversation in the window.
    pub(super) conversation: Option<Arc<ConversationKey>>,
    pub(super) line: MessageLine,
    pub(super) item: ItemId,
    /// Whether another message that starts with it is archived too: what stands in its place now.
    pub(super) superseded: bool,
}

/// How one message differs.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    pub(super) kind: DiscrepancyKind,
    pub(super) conversation: Option<Arc<ConversationKey>>,
    pub(super) start: Timestamp,
    /// What the source has.
    pub(super) message: Option<MessageKey>,
    /// What is archived.
    pub(super) archived: Option<(ShortDigest, MessageLine, ItemId)>,
}

impl Difference {
    /// Whether a repair adds something.
    pub(super) fn is_addable(&self) -> bool {
        matches!(self.kind, DiscrepancyKind::Missing | DiscrepancyKind::Changed) && self.message.is_some()
    }

    fn of_source(kind: DiscrepancyKind, unlisted: Unlisted) -> Self {
        let Unlisted { conversation, message, .. } = unlisted;
        Self { kind, conversation: Some(conversation), start: message.start, message: Some(message), archived: None }
    }

    fn of_archive(kind: DiscrepancyKind, unfound: Unfound) -> Self {
        let Unfound { key, conversation, line, item, .. } = unfound;
        Self { kind, conversation, start: line.start, message: None, archived: Some((key, line, item)) }
    }

    fn of_both(kind: DiscrepancyKind, unlisted: Unlisted, unfound: Unfound) -> Self {
        let archived = Some((unfound.key, unfound.line, unfound.item));
        Self { archived, ..Self::of_source(kind, unlisted) }
    }
}

/// Pairs what is left of a window's messages. `is_purged` says whether rows have gone, if so many rows were not archived before.
///
/// Lists name messages by digests, so that only what both sides have tells which belong together: of one conversation, the same start or else the same identity
/// ([`Changed`](DiscrepancyKind::Changed)); of rooms, the same start, text and recipients, where all of one room has gone to one other
/// ([`Renamed`](DiscrepancyKind::Renamed)).
pub(super) fn pair(unlisted: Vec<Unlisted>, unfound: Vec<Unfound>, is_purged: impl FnOnce(u64) -> bool) -> Vec<Difference> {
    let mut differences = Vec::new();
    let by_start = matched(unlisted, unfound, |of| (of.key, of.message.start), |of| (of.key, of.line.start), |_, _| true);
    let (pairs, unlisted, unfound) = by_start;
    differences.extend(pairs.into_iter().map(|(new, old)| Difference::of_both(DiscrepancyKind::Changed, new, old)));
    let by_identity = matched(unlisted, unfound, |of| (of.key, of.message.identity), |of| (of.key, of.line.identity), |_, _| true);
    let (pairs, unlisted, unfound) = by_identity;
    differences.extend(pairs.into_iter().map(|(new, old)| Difference::of_both(DiscrepancyKind::Changed, new, old)));

    let renamed = renamed(&unlisted, &unfound);
    let is_renamed = |new: &Unlisted, old: &Unfound| renamed.get(&old.key) == Some(&new.key);
    let place = |start: Timestamp, content: ShortDigest| (start, content);
    let by_content =
        matched(unlisted, unfound, |of| place(of.message.start, of.content), |of| place(of.line.start, of.line.content), is_renamed);
    let (pairs, unlisted, unfound) = by_content;
    differences.extend(pairs.into_iter().map(|(new, old)| Difference::of_both(DiscrepancyKind::Renamed, new, old)));

    let new_rows = unlisted.iter().map(|message| message.copies).sum();
    let left = if is_purged(new_rows) { DiscrepancyKind::Purged } else { DiscrepancyKind::Extra };
    differences.extend(unlisted.into_iter().map(|message| Difference::of_source(DiscrepancyKind::Missing, message)));
    differences.extend(unfound.into_iter().map(|message| {
        let kind = if message.superseded { DiscrepancyKind::Changed } else { left };
        Difference::of_archive(kind, message)
    }));
    differences.sort_by_key(|difference| (difference.start, difference.kind));
    differences
}

/// Pairs of the same place that belong together, and the others. Each counts once.
fn matched<P: Eq + std::hash::Hash>(
    unlisted: Vec<Unlisted>,
    unfound: Vec<Unfound>,
    new_place: impl Fn(&Unlisted) -> P,
    old_place: impl Fn(&Unfound) -> P,
    belong: impl Fn(&Unlisted, &Unfound) -> bool,
) -> (Vec<(Unlisted, Unfound)>, Vec<Unlisted>, Vec<Unfound>) {
    let mut by_place: HashMap<P, Vec<Unfound>> = HashMap::new();
    // Taken from the end.
    for old in unfound.into_iter().rev() {
        by_place.entry(old_place(&old)).or_default().push(old);
    }
    let (mut pairs, mut others) = (Vec::new(), Vec::new());
    for new in unlisted {
        let at = by_place.get_mut(&new_place(&new));
        let old = at.and_then(|at| at.iter().rposition(|old| belong(&new, old)).map(|index| at.remove(index)));
        match old {
            Some(old) => pairs.push((new, old)),
            None => others.push(new),
        }
    }
    let mut left: Vec<Unfound> = by_place.into_values().flatten().collect();
    left.sort_by(|a, b| (a.key, a.line, &a.item).cmp(&(b.key, b.line, &b.item)));
    (pairs, others, left)
}

/// Under which key a room goes now, by the key that it was archived under: where nothing is left of the old one, and each has more in common with the other than with any
/// else.
fn renamed(unlisted: &[Unlisted], unfound: &[Unfound]) -> HashMap<ShortDigest, ShortDigest> {
    let rooms = unlisted.iter().filter(|message| matches!(*message.conversation, ConversationKey::Room(_)));
    let mut new: HashMap<(Timestamp, ShortDigest), Vec<ShortDigest>> = HashMap::new();
    for message in rooms {
        new.entry((message.message.start, message.content)).or_default().push(message.key);
    }
    let mut common: BTreeMap<(ShortDigest, ShortDigest), u64> = BTreeMap::new();
    for old in unfound.iter().filter(|message| message.conversation.is_none()) {
        for key in new.get(&(old.line.start, old.line.content)).into_iter().flatten() {
            *common.entry((old.key, *key)).or_default() += 1;
        }
    }
    // The most in common first; of as much, the first in order.
    let mut pairs: Vec<_> = common.into_iter().collect();
    pairs.sort_by_key(|(pair, messages)| (u64::MAX - messages, *pair));
    let (mut renamed, mut taken) = (HashMap::new(), std::collections::HashSet::new());
    for ((old, new), _) in pairs {
        if !renamed.contains_key(&old) && taken.insert(new) {
            renamed.insert(old, new);
        }
    }
    renamed
}
