use std::collections::BTreeMap;

use serde::Serialize;

use crate::{ConversationKey, Digest, DiscrepancyKind, RunReport, Timestamp, Window};

/// What an audit found. It names people where the source does: it is for those who may see both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditReport {
    /// Sealed windows that were looked at.
    pub windows: u64,
    /// Windows of the time that was asked for that no entry seals: those still to come, those that wait for a run, those before the archive begins.
    pub not_sealed: u64,
    /// Messages of the source in sealed windows; all of them were compared.
    pub messages: u64,
    /// Those that are archived.
    pub archived: u64,
    /// Those that a filter leaves out, today's or that of the time.
    pub filtered: u64,
    /// Those that are dead letters.
    pub dead_letters: u64,
    /// Archived messages from before the source's first row: it has purged them, and they cannot be compared.
    pub gone: u64,
    /// Differences that an earlier repair has recorded.
    pub known: u64,
    /// All others, by kind.
    pub found: BTreeMap<DiscrepancyKind, u64>,
    /// Those of them that a repair adds to the archive, or has added.
    pub addable: u64,
    /// The first of them by window, [`MOST_NAMED`](Self::MOST_NAMED) at most.
    pub discrepancies: Vec<Discrepancy>,
    /// The chain's last entry, as it was looked at last.
    pub head: Option<Digest>,
    /// What a repair has done; none where nothing was repaired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<RunReport>,
    /// Whether it was asked to stop before it was done.
    pub cancelled: bool,
}

/// One message that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Discrepancy {
    /// How.
    pub kind: DiscrepancyKind,
    /// The sealed window.
    pub window: Window,
    /// The conversation, as the source has it now; none where it has nothing left of it in the window: then the mail says whose it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationKey>,
    /// When the message was sent: as the source has it, else as it is archived.
    pub start: Timestamp,
    /// Where the mail that has it lies in the archive; none where no mail has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
}

impl AuditReport {
    /// How many discrepancies are named.
    pub const MOST_NAMED: usize = 10_000;

    /// How many of a thousand messages a repair may add before somebody has to [accept](crate::RunSettings::accept) that.
    pub const MOST_ADDED_PERMILLE: u64 = 10;

    /// How many differences were found that nobody has recorded.
    pub fn differences(&self) -> u64 {
        self.found.values().sum()
    }

    /// Whether archive and source agree, and there was something that could.
    pub fn is_clean(&self) -> bool {
        self.found.is_empty() && !(self.messages == 0 && self.gone > 0)
    }

    /// Whether a repair would add more than is plausible.
    pub(super) fn is_excessive(&self) -> bool {
        u128::from(self.addable) * 1_000 > u128::from(self.messages) * u128::from(Self::MOST_ADDED_PERMILLE)
    }
}
