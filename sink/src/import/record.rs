//! What an import writes into the chain.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::{StreamExt, stream};
use jabber_archive_core::{
    Act, Digest, EntryRecord, Error, ErrorClass, ErrorKind, ImportEntry, KeptKind, Ledger, LedgerExt, Link, Receipt, ReceiptResult,
    Receipts, Result, Span,
};

use super::Imported;
use crate::ObjectLedger;

/// Appends the entries of one import.
#[derive(Debug)]
pub(super) struct Record {
    ledger: ObjectLedger,
    facts: Digest,
    by: Act,
    selection: Digest,
    /// What is kept before the first entry, which names it.
    contexts: Vec<Bytes>,
    /// The last entry of the chain that was looked at.
    seen: u64,
}

/// What an entry is to say beside its receipts.
#[derive(Debug, Default)]
pub(super) struct Says {
    pub(super) open: Option<Span>,
    pub(super) lists: BTreeSet<Digest>,
    pub(super) retried: BTreeSet<u64>,
}

impl Record {
    pub(super) fn new(ledger: ObjectLedger, facts: Digest, by: Act, contexts: Vec<Bytes>, selection: Digest, seen: u64) -> Self {
        Self { ledger, facts, by, selection, contexts, seen }
    }

    /// Appends an entry; what it says is durable on return.
    pub(super) async fn append(&mut self, receipts: Vec<Receipt>, says: Says, imported: &mut Imported) -> Result<()> {
        for content in std::mem::take(&mut self.contexts) {
            self.keep(KeptKind::Context, content).await?;
        }
        let mut entry = ImportEntry::new(self.by.clone(), self.selection);
        (entry.open, entry.lists, entry.retried) = (says.open, says.lists, says.retried);
        for receipt in &receipts {
            match receipt.result {
                ReceiptResult::Delivered(_) => {
                    entry.delivered += 1;
                    entry.bytes += receipt.bytes;
                }
                ReceiptResult::Found(_) => entry.found += 1,
                ReceiptResult::Refused { .. } => entry.refused += 1,
            }
            entry.span = Some(hull(entry.span, receipt.window));
        }
        if !receipts.is_empty() {
            entry.receipts = Some(self.keep(KeptKind::Receipts, Receipts::new(receipts).to_bytes()).await?);
        }
        let recorded = self.ledger.record(&self.facts, EntryRecord::Import(Box::new(entry))).await;
        let link = recorded.map_err(|error| {
            Error::new(ErrorKind::Ledger, error.class(), "record import", "the archive cannot be written, and no more is delivered")
                .advise("make the archive writable and import again: what is in the mailboxes is found there")
                .because(error)
        })?;
        imported.recorded(&link);
        self.alone(&link).await
    }

    async fn keep(&self, kind: KeptKind, content: Bytes) -> Result<Digest> {
        self.ledger.keep(kind, stream::iter([Ok(content)]).boxed()).await
    }

    /// Two imports at once would deliver the same mails.
    async fn alone(&mut self, link: &Link) -> Result<()> {
        for number in self.seen + 1..link.entry.number {
            if matches!(self.ledger.entry(number).await?.entry.record, EntryRecord::Import(_)) {
                return Err(Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "record import", "another import is at work in this archive")
                    .advise("let it come to its end, and import again: what either has delivered is recorded"));
            }
        }
        self.seen = link.entry.number;
        Ok(())
    }
}

/// The smallest span with both in it.
pub(super) fn hull(one: Option<Span>, other: Span) -> Span {
    one.map_or(other, |one| Span::new(one.start.min(other.start), one.end.max(other.end)))
}
