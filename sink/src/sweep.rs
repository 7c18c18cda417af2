use std::fmt;

use jabber_archive_core::{Result, Timestamp};
use serde::Serialize;

use crate::Archive;

/// What a [sweep](Archive::sweep) has removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Swept {
    /// How many files.
    pub files: u64,
    /// Their bytes together.
    pub bytes: u64,
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files of {} bytes", self.files, self.bytes)
    }
}

impl Archive {
    /// Removes what writes that were killed have left, if nobody has written to it since `before`: a day ago is long enough for every write that is still under way.
    ///
    /// Only files go whose names an archive gives to what is on its way, `<name>#<number>` beside an object's place and what is in `incoming/`; no entry, list or
    /// mail can name one of them. Links are not followed. What is held does not grow with the archive, but all its folders are listed. Of a store that does away with
    /// unfinished uploads by itself, as Azure does, nothing is removed.
    ///
    /// # Errors
    ///
    /// If a folder cannot be listed or a file cannot be removed. What was removed before is gone.
    pub async fn sweep(&self, before: Timestamp) -> Result<Swept> {
        self.durability().sweep(before).await
    }
}
