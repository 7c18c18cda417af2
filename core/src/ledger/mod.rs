//! The chain of entries that proves what was archived, and what it refers to.

mod act;
mod addendum;
mod census;
mod discrepancy;
mod entry;
mod export;
mod facts;
mod finding;
mod import;
mod limit;
mod list;
mod newer;
mod receipt;

use std::fmt;

use async_trait::async_trait;

pub use self::{
    act::Act,
    addendum::{Addendum, Cause},
    census::Census,
    discrepancy::DiscrepancyKind,
    entry::{Accounts, Disposition, Entry, Frontier, Link, Record as EntryRecord, RunEntry, Seal, TableAccount},
    export::ExportEntry,
    facts::ArchiveFacts,
    finding::Finding,
    import::ImportEntry,
    limit::Limit,
    list::{List, ListLine, ListReader},
    newer::NewerEntry,
    receipt::{Receipt, ReceiptResult, Receipts},
};
use crate::{ByteStream, Digest, Error, ErrorClass, ErrorKind, Result};

/// Where the chain is kept.
///
/// # Contract
///
/// - `open` creates `archive.json` or compares with it; other facts than those stored are an error that names each difference.
/// - `append` is create-only on the entry's number: of two writers exactly one gets [`Appended::Appended`]. An entry that is there already
///   with the same bytes counts as appended, because a reply may have been lost. It is durable on return.
/// - `keep` is durable on return, keeps equal content once, and never changes what is there.
/// - `entry` and `load` give the stored bytes' meaning or an error, never something else; `load` fails on content that does not have the digest.
#[async_trait]
pub trait Ledger: fmt::Debug + Send + Sync {
    /// Creates the archive with these facts, or compares them with its own; gives the digest of the stored facts, which entry 1 names.
    async fn open(&self, facts: &ArchiveFacts) -> Result<Digest>;

    /// The entry with the highest number.
    async fn head(&self) -> Result<Option<Link>>;

    /// One entry; an error if it is missing.
    async fn entry(&self, number: u64) -> Result<Link>;

    /// Stores something under the digest of its content.
    async fn keep(&self, kind: KeptKind, content: ByteStream) -> Result<Digest>;

    /// Stores something whose digest is known; for what is larger than memory. A content that has another is an error.
    async fn keep_as(&self, kind: KeptKind, digest: &Digest, content: ByteStream) -> Result<()> {
        if self.keep(kind, content).await? == *digest {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "keep", "the content does not have this digest").about(kind.path(digest)))
    }

    /// Reads something back. Content that may be larger than memory comes piece by piece, and its end may be the error that it is damaged.
    async fn load(&self, kind: KeptKind, digest: &Digest) -> Result<ByteStream>;

    /// Adds an entry at the end.
    async fn append(&self, entry: &Entry) -> Result<Appended>;
}

const _: Option<&dyn Ledger> = None;

/// What every [`Ledger`] can do.
#[async_trait]
pub trait LedgerExt: Ledger {
    /// Adds a record that seals nothing behind whatever the head is, and again where another writer was faster; `facts` is the digest of `archive.json`.
    async fn record(&self, facts: &Digest, record: EntryRecord) -> Result<Link> {
        loop {
            let head = self.head().await?;
            let frontier = head.as_ref().map(|head| head.entry.frontier).unwrap_or_default();
            let entry = Entry::after(head.as_ref(), facts, frontier, record.clone());
            if self.append(&entry).await? == Appended::Appended {
                return Ok(Link::new(entry));
            }
        }
    }
}

impl<L: Ledger + ?Sized> LedgerExt for L {}

/// What the chain refers to by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeptKind {
    /// A seal's items, JSON lines.
    List,
    /// What a window was made with, JSON: the directory's answers and the rooms, or the filter; and what somebody acted by: a configuration, a selection.
    Context,
    /// What could not be archived, JSON.
    DeadLetter,
    /// What came of putting mails into mailboxes, JSON lines. They name people.
    Receipts,
}

impl KeptKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::List, Self::Context, Self::DeadLetter, Self::Receipts];

    /// The folder in which it lies.
    pub fn folder(self) -> &'static str {
        match self {
            Self::List => "ledger/lists",
            Self::Context => "context",
            Self::DeadLetter => "dead-letters",
            Self::Receipts => "ledger/receipts",
        }
    }

    /// The path in the store.
    pub fn path(self, digest: &Digest) -> String {
        let suffix = match self {
            Self::List | Self::Receipts => "jsonl",
            Self::Context | Self::DeadLetter => "json",
        };
        format!("{}/{digest}.{suffix}", self.folder())
    }
}

/// What came of appending.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a caller decides each case")]
pub enum Appended {
    /// The entry is the chain's new head.
    Appended,
    /// Another writer took the number: read the head again.
    Raced,
}
