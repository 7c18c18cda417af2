use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Act, Addendum, Census, ExportEntry, Finding, ImportEntry, KeptKind, NewerEntry};
use crate::{
    Digest, Error, ErrorClass, ErrorKind, FilterReason, ItemId, MessageLine, Recipe, Result, ShortDigest, SkipReason, Span, Table,
    Timestamp,
};

/// One entry of the chain, as stored in `ledger/<number>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// Its place in the chain, from 1.
    pub number: u64,
    /// SHA-256 of the stored bytes of the entry before; of `archive.json` for entry 1.
    pub previous: Digest,
    /// How far the archive has come after this entry.
    pub frontier: Frontier,
    /// What it records.
    #[serde(flatten)]
    pub record: Record,
}

/// What an entry records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Record {
    /// A window, or a range of empty windows, is complete and durable.
    Seal(Box<Seal>),
    /// Something was added to a sealed window.
    Addendum(Box<Addendum>),
    /// A run of the program did something.
    Run(Box<RunEntry>),
    /// Mails were copied out of the archive.
    Export(Box<ExportEntry>),
    /// Mails were put into mailboxes.
    Import(Box<ImportEntry>),
}

impl Record {
    /// What the kinds are called where they are stored.
    pub(super) const KINDS: [&str; 5] = ["seal", "addendum", "run", "export", "import"];

    /// What it says of a window: of one that it seals, or adds to.
    pub fn seal(&self) -> Option<&Seal> {
        match self {
            Self::Seal(seal) => Some(seal),
            Self::Addendum(addendum) => Some(&addendum.seal),
            Self::Run(_) | Self::Export(_) | Self::Import(_) => None,
        }
    }

    /// What is stored by digest and vouched for by this record, but for the items of its list.
    pub fn names(&self) -> Vec<(KeptKind, Digest)> {
        let contexts = |digests: &[Option<Digest>]| digests.iter().flatten().map(|digest| (KeptKind::Context, *digest)).collect::<Vec<_>>();
        match self {
            Self::Seal(_) | Self::Addendum(_) => {
                let Some(seal) = self.seal() else { return Vec::new() };
                let mut names = contexts(&[seal.context, seal.filter]);
                names.extend(seal.dead_letters.iter().map(|digest| (KeptKind::DeadLetter, *digest)));
                names.extend(seal.list.map(|digest| (KeptKind::List, digest)));
                names
            }
            Self::Run(run) => contexts(&[run.by.configuration]),
            Self::Export(export) => contexts(&[export.by.configuration, Some(export.selection)]),
            Self::Import(import) => {
                let mut names = contexts(&[import.by.configuration, Some(import.selection)]);
                names.extend(import.receipts.map(|digest| (KeptKind::Receipts, digest)));
                names
            }
        }
    }

    /// Who did it; a seal or an addendum is of the run whose entry comes next.
    pub fn act(&self) -> Option<&Act> {
        match self {
            Self::Seal(_) | Self::Addendum(_) => None,
            Self::Run(run) => Some(&run.by),
            Self::Export(export) => Some(&export.by),
            Self::Import(import) => Some(&import.by),
        }
    }
}

/// How far an archive has come; in every entry, so that the head alone says where to go on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Frontier {
    /// The end of the last window sealed in order.
    pub end: Option<Timestamp>,
    /// Whether what is dated before 2000 is sealed.
    pub undated: bool,
    /// The number of the last entry that seals a window in order.
    pub seal: Option<u64>,
}

/// A window, or a range of empty windows, that is complete and durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Seal {
    /// From the start of the first window to the end of the last; more than one window only where all are empty.
    pub span: Span,
    /// How the items were made.
    pub recipe: Recipe,
    /// The context that they were made with; none where there are no conversations.
    pub context: Option<Digest>,
    /// The [`Filter`](crate::Filter), kept as the context is; none where there are no conversations, or everything is archived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Digest>,
    /// What became of the rows, by table.
    pub tables: BTreeMap<Table, TableAccount>,
    /// What became of the messages.
    pub messages: Accounts,
    /// How many items are listed.
    pub items: u64,
    /// How many bytes they have together.
    pub bytes: u64,
    /// The list of them; none where there are no items.
    pub list: Option<Digest>,
    /// Items in the store that count for nothing: left over by an interrupted attempt.
    pub abandoned: BTreeSet<ItemId>,
    /// What could not be archived.
    pub dead_letters: BTreeSet<Digest>,
    /// Messages of the window before for which a copy came so late that its recipient stands in no item.
    pub late_copies: BTreeSet<ShortDigest>,
    /// Filtered messages with copies behind the window's end, sorted: the next window does not take those copies for messages of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filtered_over_end: Vec<MessageLine>,
    /// Files whose content is archived, with a mail or beside it. 0 also where nobody was asked for files.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files: u64,
    /// Whom the directory was asked for, and how many it knew; none where there are no messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Census>,
    /// What an auditor ought to know.
    pub findings: Vec<Finding>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it may skip by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What became of the rows of one table that are dated in a window:
/// `rows = starts + folded + presence + skipped + dead_letters`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableAccount {
    /// The rows read.
    pub rows: u64,
    /// The sum of their lengths in characters, as they state them.
    pub length: u64,
    /// What the source counted after reading.
    pub tally_rows: u64,
    /// The sum of lengths that the source counted.
    pub tally_length: u64,
    /// Rows that start a message.
    pub starts: u64,
    /// Further copies of a message.
    pub folded: u64,
    /// Rows that say who entered or left.
    pub presence: u64,
    /// Rows that are no message, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Rows that could not be decoded.
    pub dead_letters: u64,
    /// Values with a broken surrogate, kept with U+FFFD.
    pub replaced: u64,
    /// Rows that look encrypted, archived as they are because no key was set.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub encrypted: u64,
}

impl TableAccount {
    /// Counts a row.
    pub fn count(&mut self, disposition: Disposition) {
        self.rows += 1;
        match disposition {
            Disposition::Start => self.starts += 1,
            Disposition::Folded => self.folded += 1,
            Disposition::Presence => self.presence += 1,
            Disposition::Skipped(reason) => *self.skipped.entry(reason).or_default() += 1,
            Disposition::DeadLetter => self.dead_letters += 1,
        }
    }

    /// Adds what became of other rows of the same table.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { rows, length, tally_rows, tally_length, starts, folded, presence, skipped, dead_letters, replaced, encrypted } = other;
        for (sum, more) in [
            (&mut self.rows, rows),
            (&mut self.length, length),
            (&mut self.tally_rows, tally_rows),
            (&mut self.tally_length, tally_length),
            (&mut self.starts, starts),
            (&mut self.folded, folded),
            (&mut self.presence, presence),
            (&mut self.dead_letters, dead_letters),
            (&mut self.replaced, replaced),
            (&mut self.encrypted, encrypted),
        ] {
            *sum += more;
        }
        for (reason, rows) in skipped {
            *self.skipped.entry(*reason).or_default() += rows;
        }
    }

    /// Whether every row is accounted for.
    pub fn closes(&self) -> bool {
        let parts = [self.starts, self.folded, self.presence, self.dead_letters];
        adds_up(self.rows, parts.into_iter().chain(self.skipped.values().copied()))
    }
}

/// What became of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the sums of a seal have exactly these")]
pub enum Disposition {
    /// It starts a message.
    Start,
    /// It is a further copy of one.
    Folded,
    /// It says who entered or left.
    Presence,
    /// It is no message.
    Skipped(SkipReason),
    /// It could not be decoded.
    DeadLetter,
}

/// What became of the messages that start in a window: `starts = listed + dead_letters + elsewhere + filtered`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Accounts {
    /// Messages that start in the window.
    pub starts: u64,
    /// Those in this seal's items.
    pub listed: u64,
    /// Those in dead letters.
    pub dead_letters: u64,
    /// Those listed already, by an earlier seal of the window or a neighbour's.
    pub elsewhere: u64,
    /// Those in conversations that are not archived, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filtered: BTreeMap<FilterReason, u64>,
}

impl Accounts {
    /// Whether every message is accounted for.
    pub fn closes(&self) -> bool {
        let parts = [self.listed, self.dead_letters, self.elsewhere];
        adds_up(self.starts, parts.into_iter().chain(self.filtered.values().copied()))
    }
}

/// Whether the parts make up the whole; an entry may have been forged, so that their sum need not be a number.
fn adds_up(whole: u64, parts: impl IntoIterator<Item = u64>) -> bool {
    parts.into_iter().try_fold(0_u64, u64::checked_add) == Some(whole)
}

/// A run of the program that did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunEntry {
    /// By whom.
    #[serde(flatten)]
    pub by: Act,
    /// The first and last entry that it appended before this one.
    pub seals: Option<(u64, u64)>,
    /// Items of this run that count for nothing because another program sealed the window first.
    pub abandoned: BTreeSet<ItemId>,
    /// Why somebody let it go on where it would have stopped to be looked at; none where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// What an auditor ought to know.
    pub findings: Vec<Finding>,
}

impl RunEntry {
    /// A run that has done nothing yet.
    pub fn new(by: Act) -> Self {
        Self { by, seals: None, abandoned: BTreeSet::new(), accepted: None, findings: Vec::new() }
    }
}

/// An entry together with the digest of its stored bytes, which the next one names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// The entry.
    pub entry: Entry,
    /// SHA-256 of its stored bytes.
    pub digest: Digest,
}

impl Entry {
    /// The entry after `head`; the first one names the digest of `archive.json`.
    pub fn after(head: Option<&Link>, facts: &Digest, frontier: Frontier, record: Record) -> Self {
        let (number, previous) = match head {
            Some(head) => (head.entry.number + 1, head.digest),
            None => (1, *facts),
        };
        Self { number, previous, frontier, record }
    }

    /// The path in the store: eight digits, more where eight do not do.
    pub fn path(number: u64) -> String {
        format!("ledger/{number:08}.json")
    }

    /// The bytes as stored.
    ///
    /// # Panics
    ///
    /// Never: the model is always JSON.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = serde_json::to_vec_pretty(self).expect("an entry is always JSON");
        bytes.push(b'\n');
        bytes.into()
    }
}

impl Link {
    /// An entry that is stored as [`Entry::to_bytes`] gives it.
    pub fn new(entry: Entry) -> Self {
        let digest = Digest::of(&entry.to_bytes());
        Self { entry, digest }
    }

    /// Reads stored bytes; `number` is the one that their name gives.
    ///
    /// # Errors
    ///
    /// If they are no entry, or one of another number.
    pub fn from_bytes(number: u64, bytes: &[u8]) -> Result<Self> {
        let damaged = |what: &str| {
            Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "read entry", what)
                .about(Entry::path(number))
                .advise("run `jabber-archive verify` to see what else is damaged, and restore it from a copy")
        };
        let entry: Entry = serde_json::from_slice(bytes).map_err(|error| match NewerEntry::from_bytes(number, bytes) {
            Some(newer) => {
                let what =
                    format!("it is of a kind that this version does not know, `{}`: a newer version wrote it", newer.kind.escape_debug());
                Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "read entry", what).about(Entry::path(number)).advise("use that version")
            }
            None => damaged("it is damaged").because(error),
        })?;
        if entry.number != number {
            return Err(damaged("it holds another number"));
        }
        Ok(Self { entry, digest: Digest::of(bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry as it was written before there were filters.
    const UNFILTERED: &str = r#"{
  "number": 2,
  "previous": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
  "frontier": {
    "end": "2026-11-21T00:00:00.000Z",
    "undated": true,
    "seal": 2
  },
  "seal": {
    "span": {
      "start": "2026-11-20T00:00:00.000Z",
      "end": "2026-11-21T00:00:00.000Z"
    },
    "recipe": {
      "name": "transcript",
      "version": 2,
      "settings": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"
    },
    "context": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
    "tables": {},
    "messages": {
      "starts": 3,
      "listed": 2,
      "dead_letters": 1,
      "elsewhere": 0
    },
    "items": 1,
    "bytes": 4711,
    "list": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
    "abandoned": [],
    "dead_letters": [],
    "late_copies": [],
    "findings": []
  }
}
"#;

    #[test]
    fn an_entry_from_before_there_were_filters_is_read_and_keeps_its_bytes() {
        let link = Link::from_bytes(2, UNFILTERED.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(&link.entry.to_bytes()), UNFILTERED);
        assert_eq!(link.digest, Link::new(link.entry.clone()).digest);
        let Record::Seal(seal) = link.entry.record else { panic!("a seal") };
        assert!(seal.messages.closes() && seal.filter.is_none() && seal.people.is_none());
    }

    #[test]
    fn messages_that_are_filtered_are_part_of_the_sum() {
        let filtered = BTreeMap::from([(FilterReason::NotIncluded, 2), (FilterReason::Excluded, 1)]);
        let mut accounts = Accounts { starts: 5, listed: 2, filtered, ..Accounts::default() };
        assert!(accounts.closes());
        let json = serde_json::to_string(&accounts).unwrap();
        assert!(json.ends_with(r#""filtered":{"not-included":2,"excluded":1}}"#), "{json}");
        accounts.filtered.insert(FilterReason::Kind, 1);
        assert!(!accounts.closes());
    }
}
