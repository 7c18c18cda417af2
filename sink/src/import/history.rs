//! What earlier imports have recorded.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures::TryStreamExt;
use jabber_archive_core::{
    Digest, FieldHasher, ImportEntry, ItemId, KeptKind, Ledger, Receipt, Receipts, Result, ShortDigest, Span, Window,
};

use crate::ObjectLedger;

/// An item and a mailbox, in few bytes.
pub(super) fn pair(item: &ItemId, mailbox: &str) -> ShortDigest {
    FieldHasher::new().field(item.as_str()).field(mailbox).finish().short()
}

/// What the chain says of deliveries.
#[derive(Debug)]
pub(super) struct History {
    /// The lists with which nothing is left to do, by the selection that holds now.
    pub(super) done: BTreeSet<Digest>,
    /// Entries that have receipts.
    kept: Vec<Kept>,
    /// Windows of which mails were being delivered at the end of the chain.
    pub(super) open: Option<Span>,
    /// Windows of which mails may have been delivered without a receipt.
    pub(super) doubt: Option<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    entry: u64,
    span: Span,
    receipts: Digest,
    /// Whether something was refused that has not been tried again since.
    refused: bool,
}

/// Refused deliveries that are to be tried again, and the entries that they are of.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    pub(super) entries: BTreeSet<u64>,
    pub(super) receipts: Vec<Receipt>,
}

impl History {
    pub(super) fn new(imports: &[(u64, ImportEntry)], selection: Digest) -> Self {
        let mut history = Self { done: BTreeSet::new(), kept: Vec::new(), open: None, doubt: None };
        let mut retried: BTreeSet<u64> = BTreeSet::new();
        for (number, entry) in imports {
            if entry.selection == selection {
                history.done.extend(&entry.lists);
            }
            retried.extend(&entry.retried);
            if let (Some(span), Some(receipts)) = (entry.span, entry.receipts) {
                history.kept.push(Kept { entry: *number, span, receipts, refused: entry.refused > 0 });
            }
            history.open = entry.open;
        }
        history.doubt = history.open;
        for kept in &mut history.kept {
            kept.refused &= !retried.contains(&kept.entry);
        }
        history
    }

    /// What there are receipts for, of these windows.
    pub(super) async fn known(&self, ledger: &ObjectLedger, windows: &BTreeSet<Window>) -> Result<HashSet<ShortDigest>> {
        let mut known = HashSet::new();
        for kept in self.kept.iter().filter(|kept| windows.iter().any(|window| window.span().overlaps(&kept.span))) {
            for receipt in receipts(ledger, &kept.receipts).await? {
                if Window::try_from(receipt.window).is_ok_and(|window| windows.contains(&window)) {
                    // What came to no mailbox is known as that.
                    known.insert(pair(&receipt.item, receipt.mailbox.as_deref().unwrap_or_default()));
                }
            }
        }
        Ok(known)
    }

    /// The refused deliveries of windows within `span`, some entries at a time, until there are `enough`.
    pub(super) async fn outstanding(&self, ledger: &ObjectLedger, span: Span, behind: u64, enough: usize) -> Result<Outstanding> {
        let mut outstanding = Outstanding::default();
        let mut refused: BTreeMap<ShortDigest, Receipt> = BTreeMap::new();
        // What lies partly outside of the span cannot be recorded as retried.
        let within = |kept: &&Kept| kept.refused && kept.entry > behind && span.start <= kept.span.start && kept.span.end <= span.end;
        for kept in self.kept.iter().filter(within) {
            outstanding.entries.insert(kept.entry);
            let lines = receipts(ledger, &kept.receipts).await?.into_iter().filter(Receipt::is_refused);
            refused.extend(lines.map(|line| (pair(&line.item, line.mailbox.as_deref().unwrap_or_default()), line)));
            if refused.len() >= enough {
                break;
            }
        }
        // An import that was killed has tried some of them again, and says so in entries of its own.
        let windows: BTreeSet<Span> = refused.values().map(|line| line.window).collect();
        for kept in self.kept.iter().filter(|kept| windows.iter().any(|window| window.overlaps(&kept.span))) {
            for line in receipts(ledger, &kept.receipts).await?.iter().filter(|line| !line.is_refused()) {
                refused.remove(&pair(&line.item, line.mailbox.as_deref().unwrap_or_default()));
            }
        }
        outstanding.receipts = refused.into_values().collect();
        Ok(outstanding)
    }
}

async fn receipts(ledger: &ObjectLedger, digest: &Digest) -> Result<Vec<Receipt>> {
    let pieces: Vec<_> = ledger.load(KeptKind::Receipts, digest).await?.try_collect().await?;
    let read = Receipts::from_bytes(&pieces.concat());
    read.map(Receipts::into_lines).map_err(|error| error.about(KeptKind::Receipts.path(digest)))
}
