use serde::{Deserialize, Serialize};

use super::Act;
use crate::Digest;

/// Mails were copied out of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExportEntry {
    /// By whom.
    #[serde(flatten)]
    pub by: Act,
    /// What was asked for, kept as a [context](super::KeptKind::Context) because it names people.
    pub selection: Digest,
    /// What the copy looks like: `mbox`, `maildir`, `zip`.
    pub form: String,
    /// Items that were copied.
    pub items: u64,
    /// The messages in them.
    pub messages: u64,
    /// Their bytes, as archived.
    pub bytes: u64,
    /// Lists and items that were asked for, or may have been, and were not copied because they do not verify.
    pub refused: u64,
    /// SHA-256 of the file that was written; none of a folder.
    pub sha256: Option<Digest>,
}

impl ExportEntry {
    /// An export of nothing yet.
    pub fn new(by: Act, selection: Digest, form: impl Into<String>) -> Self {
        Self { by, selection, form: form.into(), items: 0, messages: 0, bytes: 0, refused: 0, sha256: None }
    }
}
