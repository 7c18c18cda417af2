use std::fmt;

use jabber_archive_core::Digest;
use serde::Serialize;

/// Something in an archive that is not as its chain says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The object.
    pub path: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It cannot be read as what it should be.
    Damaged {
        /// What stands against it.
        why: String,
    },
    /// Its content is not the one that was archived.
    Changed {
        /// Who says so.
        says: String,
        /// The digest of the content that was archived.
        expected: Digest,
        /// The digest of the content that is there.
        found: Digest,
    },
    /// It was added: it is no part of the archive.
    Extra,
    /// It is an entry that a newer version wrote. What it seals is not known here.
    Newer {
        /// Its kind.
        kind: String,
    },
    /// What it says does not agree with what else it says, or with what it refers to.
    Inconsistent {
        /// How.
        how: String,
    },
}

impl Problem {
    pub(super) fn new(path: impl Into<String>, fault: Fault) -> Self {
        Self { path: path.into(), fault }
    }

    pub(super) fn inconsistent(path: impl Into<String>, how: impl Into<String>) -> Self {
        Self::new(path, Fault::Inconsistent { how: how.into() })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        match &self.fault {
            Fault::Missing => f.write_str("missing"),
            Fault::Damaged { why } => write!(f, "damaged: {why}"),
            Fault::Changed { says, expected, found } => write!(f, "changed: {says} says SHA-256 {expected}, its content has {found}"),
            Fault::Extra => f.write_str("extra: it is no part of the archive"),
            Fault::Newer { kind } => {
                write!(f, "written by a newer version: an entry of kind `{}`; verify with that version", kind.escape_debug())
            }
            Fault::Inconsistent { how } => write!(f, "inconsistent: {how}"),
        }
    }
}
