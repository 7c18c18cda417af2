//! Checks an archive against its chain.

mod chain;
mod items;
mod problem;

use std::fmt;

pub use self::problem::{Fault, Problem};
use jabber_archive_core::{Digest, Result};
use serde::Serialize;

use crate::Archive;

/// How an archive is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// The digest of an entry, kept elsewhere: it must be in the chain. Without it nothing tells whether entries at the end were removed or the last one was changed.
    pub expect: Option<Digest>,
    /// How many items are read at the same time.
    pub concurrency: usize,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { expect: None, concurrency: 16 }
    }
}

impl VerifyOptions {
    /// With the digest of an entry that must be in the chain.
    #[must_use]
    pub fn expecting(self, digest: Digest) -> Self {
        Self { expect: Some(digest), ..self }
    }
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// Entries of the chain.
    pub entries: u64,
    /// Items that are there and as listed.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Items of windows that are not sealed yet: left by a run that is not done.
    pub pending: u64,
    /// Items that an entry names as counting for nothing.
    pub abandoned: u64,
    /// The digest of the last entry.
    pub head: Option<Digest>,
    /// Everything that is not as it should be, sorted by path.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries, {} items of {} bytes verified, {} problems", self.entries, self.items, self.bytes, self.problems.len())
    }
}

/// Reads everything that the chain refers to and compares. Nothing is written. `progress` is told how many items have been read.
///
/// # Errors
///
/// If the store fails; what is missing or wrong in it is a [`Problem`], not an error.
pub async fn verify(archive: &Archive, options: VerifyOptions, mut progress: impl FnMut(u64) + Send) -> Result<Verification> {
    let mut verification = Verification::default();
    let sealed = chain::walk(archive, &options, &mut verification).await?;
    items::compare(archive, &options, &sealed, &mut verification, &mut progress).await?;
    verification.problems.sort();
    verification.problems.dedup();
    Ok(verification)
}
