use serde::{Deserialize, Serialize};

/// A limit beyond which nothing is sealed unless somebody accepts it. The numbers are those of [`Limits`](crate::Limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Limit {
    /// How much of a window may not be archived.
    DeadLetters,
    /// How far the share of people with an address may fall.
    MappedPeople,
    /// How far the directory may shrink.
    Directory,
}
