use serde::{Deserialize, Serialize};

/// How a message of the source and an archive differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DiscrepancyKind {
    /// The source has it, the archive does not.
    Missing,
    /// The source has another text, sender or time in its place than was archived.
    Changed,
    /// The source has it in a room of another name, and nothing is left there of the room that it was archived under.
    Renamed,
    /// The source names other recipients, or another text beside its files, than were archived.
    Recipients,
    /// It is archived, and rows of it have gone from the source.
    Purged,
    /// It is archived, and the source does not have it, though no row is gone.
    Extra,
}

impl DiscrepancyKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Missing, Self::Changed, Self::Renamed, Self::Recipients, Self::Purged, Self::Extra];
}
