//! Folds the copies of one message together.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::copy::Copy;
use crate::{ShortDigest, Timestamp};

/// How far apart copies may be of a message whose stanza has no id.
const WITHOUT_ID: Duration = Duration::from_secs(2);

/// Copies of one message, in order of their rows; never empty.
#[derive(Debug)]
pub(super) struct Fold<'a> {
    pub(super) identity: ShortDigest,
    /// How far its copies may be apart.
    pub(super) reach: Duration,
    pub(super) copies: Vec<Copy<'a>>,
}

impl Fold<'_> {
    /// When the first copy that is in sight was sent.
    pub(super) fn first(&self) -> Timestamp {
        self.copies[0].row.sent
    }
}

/// The messages that copies make up, in order of identity and time. The copies come in order of their rows.
pub(super) fn fold(copies: Vec<Copy<'_>>, margin: Duration) -> Vec<Fold<'_>> {
    let mut folds = Vec::new();
    for copies in alike(copies) {
        if copies[0].id.is_some() {
            for (identity, copies) in by_identity(copies, margin) {
                folds.extend(near(copies, margin).into_iter().map(|copies| Fold { identity, reach: margin, copies }));
            }
        } else {
            let identity = copies[0].likeness();
            for cluster in near(copies, WITHOUT_ID) {
                folds.extend(by_lane(cluster).into_iter().map(|copies| Fold { identity, reach: WITHOUT_ID, copies }));
            }
        }
    }
    folds.sort_by(|a, b| (a.identity, a.copies[0].row).cmp(&(b.identity, b.copies[0].row)));
    folds
}

/// Copies that differ in nothing but the sender's resource, together; each group in order of its rows. Compared as they are: their digests are needed once for each group.
fn alike(copies: Vec<Copy<'_>>) -> Vec<Vec<Copy<'_>>> {
    let (places, number) = {
        let mut groups: HashMap<_, usize> = HashMap::new();
        let mut place = |copy| {
            let next = groups.len();
            *groups.entry(Copy::alike(copy)).or_insert(next)
        };
        (copies.iter().map(&mut place).collect::<Vec<_>>(), groups.len())
    };
    let mut alike: Vec<Vec<Copy<'_>>> = Vec::new();
    alike.resize_with(number, Vec::new);
    for (place, copy) in places.into_iter().zip(copies) {
        alike[place].push(copy);
    }
    alike
}

/// Tells apart what differs only in the sender's resource: a row that shows none takes that of the nearest row that does,
/// within the margin and the earlier one on ties.
fn by_identity(copies: Vec<Copy<'_>>, margin: Duration) -> BTreeMap<ShortDigest, Vec<Copy<'_>>> {
    let shown: Vec<(Timestamp, &str)> = copies.iter().filter_map(|copy| Some((copy.row.sent, copy.sender.resource.as_deref()?))).collect();
    // Those alike differ in nothing else than the resource.
    let mut known: HashMap<Option<&str>, ShortDigest> = HashMap::new();
    let identities: Vec<ShortDigest> = copies
        .iter()
        .map(|copy| {
            let resource = copy.sender.resource.as_deref().or_else(|| nearest(&shown, copy.row.sent, margin));
            *known.entry(resource).or_insert_with(|| copy.identity(resource))
        })
        .collect();
    let mut folds: BTreeMap<ShortDigest, Vec<Copy<'_>>> = BTreeMap::new();
    for (identity, copy) in identities.into_iter().zip(copies) {
        folds.entry(identity).or_default().push(copy);
    }
    folds
}

/// The nearest of what is sorted by time.
fn nearest<'a>(shown: &[(Timestamp, &'a str)], time: Timestamp, margin: Duration) -> Option<&'a str> {
    let after = shown.partition_point(|(shown, _)| *shown < time);
    // Among equals in time the first in order counts, before as well as after.
    let before = after.checked_sub(1).map(|last| shown.partition_point(|(earlier, _)| *earlier < shown[last].0));
    [before, Some(after).filter(|after| *after < shown.len())]
        .into_iter()
        .flatten()
        .map(|index| shown[index])
        .filter(|(shown, _)| shown.distance(time) <= margin)
        .min_by_key(|(shown, _)| shown.distance(time))
        .map(|(_, resource)| resource)
}

/// Cuts where two neighbours in time are further apart than `reach`.
fn near(copies: Vec<Copy<'_>>, reach: Duration) -> Vec<Vec<Copy<'_>>> {
    let mut chains: Vec<Vec<Copy<'_>>> = Vec::new();
    for copy in copies {
        match chains.last_mut() {
            Some(chain) if chain.last().is_some_and(|last| last.row.sent.distance(copy.row.sent) <= reach) => chain.push(copy),
            _ => chains.push(vec![copy]),
        }
    }
    chains
}

/// Copies without an id: the i-th of each lane belong together, so that the longest lane counts the messages.
fn by_lane(cluster: Vec<Copy<'_>>) -> Vec<Vec<Copy<'_>>> {
    let mut places = BTreeMap::new();
    let mut messages: Vec<Vec<Copy<'_>>> = Vec::new();
    for copy in cluster {
        let (table, direction, to) = copy.lane();
        let place = places.entry((table, direction, to.clone())).or_insert(0_usize);
        if *place == messages.len() {
            messages.push(Vec::new());
        }
        messages[*place].push(copy);
        *place += 1;
    }
    messages
}
