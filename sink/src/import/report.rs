use std::{collections::BTreeMap, fmt};

use jabber_archive_core::{Digest, EntryRecord, Link, Refusal, RefusalReason};
use serde::Serialize;

use crate::Problem;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Imported {
    /// Items that were looked at for the first time.
    pub items: u64,
    /// Copies that were to be delivered.
    pub due: u64,
    /// Copies that were delivered.
    pub delivered: u64,
    /// Copies that were there already.
    pub found: u64,
    /// The bytes of those that were delivered.
    pub bytes: u64,
    /// Copies, and items that came to no mailbox, that were refused, by reason.
    pub refused_by: BTreeMap<RefusalReason, u64>,
    /// The first [`NAMED`](Imported::NAMED) of them.
    pub refused: Vec<Refused>,
    /// Lists that do not verify: nothing of them was delivered.
    pub unlisted: Vec<Problem>,
    /// What else is not as it should be with the chain.
    pub problems: Vec<Problem>,
    /// The first and the last entry that say what was done.
    pub entries: Option<(u64, u64)>,
    /// The digest of the chain's last entry.
    pub head: Option<Digest>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

/// A copy that is not where it belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Refused {
    /// The item.
    pub path: String,
    /// The mailbox; none where it came to none.
    pub mailbox: Option<String>,
    /// Why.
    pub reason: RefusalReason,
    /// The server's own words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub words: String,
}

/// How far an import has come since it told last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportProgress {
    /// Copies that are done with.
    pub copies: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Imported {
    /// So many refused copies are named.
    pub const NAMED: usize = 100;

    /// How many copies were refused.
    pub fn refusals(&self) -> u64 {
        self.refused_by.values().sum()
    }

    /// Whether there is nothing that a person ought to look at.
    pub fn is_whole(&self) -> bool {
        self.refused_by.is_empty() && self.unlisted.is_empty() && self.problems.is_empty()
    }

    /// Counts what an entry says.
    pub(super) fn recorded(&mut self, link: &Link) {
        let EntryRecord::Import(entry) = &link.entry.record else { return };
        self.delivered += entry.delivered;
        self.found += entry.found;
        self.bytes += entry.bytes;
        self.entries = Some((self.entries.map_or(link.entry.number, |(first, _)| first), link.entry.number));
        self.head = Some(link.digest);
    }
}

impl Refused {
    pub(super) fn new(path: String, mailbox: Option<String>, refusal: Refusal) -> Self {
        Self { path, mailbox, reason: refusal.reason, words: refusal.words }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, mailbox, reason, words } = self;
        write!(f, "{path}: not delivered")?;
        if let Some(mailbox) = mailbox {
            write!(f, " to {mailbox}")?;
        }
        write!(f, ": {reason}")?;
        if words.is_empty() { Ok(()) } else { write!(f, ", {words}") }
    }
}
