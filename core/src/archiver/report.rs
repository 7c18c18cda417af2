use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{LateRows, Spread};
use crate::{Digest, FilterReason, Finding, ItemId, Seal, SkipReason, Span, Timestamp, Unmapped};

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunReport {
    /// Entries that seal windows or ranges of empty ones.
    pub seals: u64,
    /// Entries that add to sealed windows.
    pub addenda: u64,
    /// Messages that they add; they are part of those archived.
    pub added: u64,
    /// What came late into sealed windows, by window: what to set `settle` by.
    pub late: Vec<LateRows>,
    /// How far copies of one message were apart in the windows that were sealed: what to set `margin` by, in the next archive.
    pub spread: Spread,
    /// From the start of the first sealed window to the end of the last.
    pub sealed: Option<Span>,
    /// The end of the last window that is sealed in order, by this run or an earlier one.
    pub frontier: Option<Timestamp>,
    /// Rows accounted for.
    pub rows: u64,
    /// Rows that were further copies of a message.
    pub folded: u64,
    /// Rows that say who entered or left a room.
    pub presence: u64,
    /// Rows that are no message, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Messages archived.
    pub messages: u64,
    /// Messages of conversations that the filter leaves out, by reason.
    pub filtered: BTreeMap<FilterReason, u64>,
    /// Rows and messages that became dead letters.
    pub dead_letters: u64,
    /// Mails.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files whose content is archived.
    pub files: u64,
    /// Mails in the store that count for nothing.
    pub abandoned: BTreeSet<ItemId>,
    /// What an auditor ought to know.
    pub findings: Vec<Finding>,
    /// People without an address in the directory, and in how much of what was archived they took part.
    pub unmapped: Unmapped,
    /// The digest of the chain's last entry: keep it elsewhere, and `verify` can tell whether the end of the chain is still there.
    pub head: Option<Digest>,
    /// Whether the run was asked to stop before it was done.
    pub cancelled: bool,
}

impl RunReport {
    pub(super) fn add(&mut self, seal: &Seal) {
        self.seals += 1;
        let span = self.sealed.get_or_insert(seal.span);
        span.start = span.start.min(seal.span.start);
        span.end = span.end.max(seal.span.end);
        for account in seal.tables.values() {
            self.rows += account.rows;
            self.folded += account.folded;
            self.presence += account.presence;
            for (reason, rows) in &account.skipped {
                *self.skipped.entry(*reason).or_default() += rows;
            }
        }
        for (reason, messages) in &seal.messages.filtered {
            *self.filtered.entry(*reason).or_default() += messages;
        }
        self.add_items(seal);
    }

    /// The rows of the window were accounted for when it was sealed.
    pub(super) fn add_addendum(&mut self, seal: &Seal) {
        self.addenda += 1;
        self.added += seal.messages.listed;
        self.add_items(seal);
    }

    fn add_items(&mut self, seal: &Seal) {
        self.messages += seal.messages.listed;
        self.dead_letters += seal.dead_letters.len() as u64;
        self.items += seal.items;
        self.bytes += seal.bytes;
        self.files += seal.files;
        self.abandoned.extend(seal.abandoned.iter().cloned());
        self.findings.extend(seal.findings.iter().cloned());
    }

    /// Whether something was added to the archive.
    pub fn did_something(&self) -> bool {
        self.seals + self.addenda > 0
    }
}
