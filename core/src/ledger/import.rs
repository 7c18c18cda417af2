use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Act;
use crate::{Digest, Span};

/// Mails were put into mailboxes, or are about to be.
///
/// An import is a row of such entries. The first comes before the first delivery, the others as receipts come in, the last leaves nothing [open](ImportEntry::open). Where the last entry of an archive
/// does, an import was killed, and made deliveries for which there may be no receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImportEntry {
    /// By whom.
    #[serde(flatten)]
    pub by: Act,
    /// Which item goes to whom, kept as a [context](super::KeptKind::Context) because it names people.
    pub selection: Digest,
    /// The windows of which mails are delivered from here to the next entry of this kind; none after the last delivery.
    pub open: Option<Span>,
    /// The windows of the receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// The [receipts](super::KeptKind::Receipts), sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipts: Option<Digest>,
    /// The windows' lists of which, by this selection, every delivery has a receipt.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lists: BTreeSet<Digest>,
    /// Entries whose refused deliveries were tried again; what is still refused has a receipt here.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub retried: BTreeSet<u64>,
    /// Copies that were delivered.
    pub delivered: u64,
    /// Copies that were there already.
    pub found: u64,
    /// Copies that were refused.
    pub refused: u64,
    /// The bytes of those that were delivered.
    pub bytes: u64,
}

impl ImportEntry {
    /// Nothing yet.
    pub fn new(by: Act, selection: Digest) -> Self {
        Self {
            by,
            selection,
            open: None,
            span: None,
            receipts: None,
            lists: BTreeSet::new(),
            retried: BTreeSet::new(),
            delivered: 0,
            found: 0,
            refused: 0,
            bytes: 0,
        }
    }
}
