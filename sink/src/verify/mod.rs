//! Checks an archive against its chain.

mod attachments;
pub(crate) mod chain;
mod items;
mod kept;
mod leftover;
pub(crate) mod listed;
mod problem;
mod sample;

use std::fmt;

#[cfg(feature = "file")]
pub(crate) use self::{attachments::key as attachment, items::folder_start as item_folder_start, kept::kept, leftover::killed_put};
pub use self::{
    problem::{Fault, Problem},
    sample::{Sample, Sampled},
};
use jabber_archive_core::{Digest, Result};
use serde::Serialize;

use self::sample::Choice;
use crate::Archive;

/// How an archive is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// The digest of an entry, kept elsewhere: it must be in the chain. Without it nothing tells whether entries at the end were removed or the last one was changed.
    pub expect: Option<Digest>,
    /// How many items are read at the same time.
    pub concurrency: usize,
    /// How many bytes the items that are read at the same time may have together; a larger one is read alone.
    pub in_flight: u64,
    /// Of how many items the content is read; without it, of all.
    pub sample: Option<Sample>,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { expect: None, concurrency: 16, in_flight: 256 << 20, sample: None }
    }
}

impl VerifyOptions {
    /// With the digest of an entry that must be in the chain.
    #[must_use]
    pub fn expecting(self, digest: Digest) -> Self {
        Self { expect: Some(digest), ..self }
    }

    /// Reads the content of some items only; everything else is checked as without it, but the content of attachments is not read.
    #[must_use]
    pub fn sampling(self, sample: Sample) -> Self {
        Self { sample: Some(sample), ..self }
    }
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyProgress {
    /// Items that are done with: read, or found to be missing.
    pub items: u64,
    /// How many there are to read in all, as the seals count them.
    pub of: u64,
    /// The bytes of those that were read.
    pub bytes: u64,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// Entries of the chain.
    pub entries: u64,
    /// Items whose content is there as listed; of a sample only those that were chosen.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was chosen, if not the content of all items was to be read.
    #[serde(flatten)]
    pub sampled: Option<Sampled>,
    /// Files too large for a mail whose content has the digest in their name; in a sample they are not read.
    pub attachments: u64,
    /// Items of windows that are not sealed yet: left by a run that is not done.
    pub pending: u64,
    /// Items that an entry names as counting for nothing.
    pub abandoned: u64,
    /// Lists, contexts and dead letters that no seal names: left by a run that is not done, or that another one overtook.
    pub unreferenced: u64,
    /// Writes that were killed before they came to their end: they count for nothing.
    pub leftover: u64,
    /// The digest of the last entry.
    pub head: Option<Digest>,
    /// Everything that is not as it should be, sorted by path.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries, {} items of {} bytes verified, {} problems", self.entries, self.items, self.bytes, self.problems.len())?;
        match self.sampled {
            Some(Sampled { items, of, seed }) => write!(f, "; a sample of {items} of {of} items, seed {seed}"),
            None => Ok(()),
        }
    }
}

/// Reads everything that the chain refers to and compares, or a [`Sample`] of its items. Nothing is written, and what is held does not grow with the number of items.
///
/// # Errors
///
/// If the store fails; what is missing or wrong in it is a [`Problem`], not an error.
pub async fn verify(archive: &Archive, options: VerifyOptions, mut progress: impl FnMut(VerifyProgress) + Send) -> Result<Verification> {
    let mut verification = Verification::default();
    let sealed = chain::walk(archive, &options, &mut verification).await?;
    let (choice, sampled) = Choice::among(sealed.items(), options.sample);
    verification.sampled = sampled;
    kept::compare(archive, &sealed, &mut verification).await?;
    attachments::compare(archive, &mut verification).await?;
    items::compare(archive, &options, &sealed, choice, &mut verification, &mut progress).await?;
    verification.problems.sort();
    verification.problems.dedup();
    Ok(verification)
}
