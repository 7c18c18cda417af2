use std::collections::BTreeMap;

use jabber_archive_core::{Finding, Timestamp};
use serde::Serialize;

use crate::{
    config::Expected,
    finding::{advice, words},
};

/// What was found of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    /// What the kind is called, one of [`Finding::KINDS`].
    pub(crate) kind: &'static str,
    /// How many findings there are.
    pub(crate) times: u64,
    /// The first and the last time that they are about: when a window begins, or when the run did.
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// The last of them in words.
    pub(crate) words: String,
    /// What to do.
    pub(crate) advice: &'static str,
    /// Whether the configuration expects them.
    pub(crate) expected: bool,
}

/// Findings by kind, from some time on.
#[derive(Debug)]
pub(super) struct Findings {
    since: Timestamp,
    kinds: BTreeMap<&'static str, (u64, Timestamp, Timestamp, Finding)>,
}

impl Findings {
    pub(super) fn since(since: Timestamp) -> Self {
        Self { since, kinds: BTreeMap::new() }
    }

    /// Takes a finding that is about this time.
    pub(super) fn take(&mut self, finding: &Finding, at: Timestamp) {
        if at < self.since {
            return;
        }
        match self.kinds.get_mut(finding.kind()) {
            None => {
                self.kinds.insert(finding.kind(), (1, at, at, finding.clone()));
            }
            Some((times, first, last, newest)) => {
                *times += 1;
                *first = (*first).min(at);
                if at >= *last {
                    (*last, *newest) = (at, finding.clone());
                }
            }
        }
    }

    /// The kinds: what nobody expects first, then what was found last.
    pub(super) fn end(self, expected: &Expected) -> Vec<Found> {
        let mut found: Vec<Found> = self
            .kinds
            .into_iter()
            .map(|(kind, (times, first, last, newest))| {
                let (words, count) = words(&newest);
                let words = words.replace("{}", &count.to_string());
                Found { kind, times, first, last, words, advice: advice(kind), expected: expected.names(kind) }
            })
            .collect();
        found.sort_by_key(|found| (found.expected, std::cmp::Reverse(found.last)));
        found
    }
}
