use std::{fmt, path::Path};

use bytes::Bytes;
use jabber_archive_core::{ItemKey, ListLine, Result, Timestamp};

use super::{maildir::Maildir, mbox::Mbox, zip::Zip};
use crate::mail::Mail;

/// What an export looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExportForm {
    /// One file in the `mboxrd` form: mails behind each other, lines ending in LF.
    Mbox,
    /// A folder with one file a mail, byte for byte as archived.
    Maildir,
    /// A zip of the mails, byte for byte as archived, with a load file for review tools and the digests of all.
    Zip,
}

impl fmt::Display for ExportForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mbox => "mbox",
            Self::Maildir => "maildir",
            Self::Zip => "zip",
        })
    }
}

/// A mail that goes into an export.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) key: ItemKey,
    pub(super) line: ListLine,
    pub(super) content: Bytes,
    pub(super) mail: Mail,
}

impl Item {
    /// When the mail is dated; the window's start where it does not say.
    pub(super) fn date(&self) -> Timestamp {
        self.mail.date.unwrap_or(self.key.window.start())
    }
}

/// An export that is being written.
pub(super) trait Form: Send {
    /// Adds a mail.
    fn add(&mut self, item: &Item) -> Result<()>;

    /// Puts the whole of it in its place.
    fn finish(self: Box<Self>) -> Result<()>;
}

impl ExportForm {
    /// Begins an export to a place where nothing is.
    pub(super) fn begin(self, path: &Path) -> Result<Box<dyn Form>> {
        Ok(match self {
            Self::Mbox => Box::new(Mbox::begin(path)?),
            Self::Maildir => Box::new(Maildir::begin(path)?),
            Self::Zip => Box::new(Zip::begin(path)?),
        })
    }
}
