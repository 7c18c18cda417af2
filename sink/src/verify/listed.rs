//! What seals name, read back and compared: their lists, and the items of these.

#[cfg(any(feature = "export", feature = "import"))]
use std::collections::BTreeSet;

use bytes::Bytes;
use jabber_archive_core::{Digest, ErrorKind, ItemKey, KeptKind, List, ListLine, Result, Window};
use object_store::path::Path;

use super::{Fault, Problem, chain::SealedList};
use crate::Archive;

/// The list that a seal names, if it is there and the one that was sealed.
pub(crate) async fn list(archive: &Archive, sealed: &SealedList) -> Result<Result<List, Problem>> {
    let path = KeptKind::List.path(&sealed.digest);
    let problem = |fault| Ok(Err(Problem::new(path.as_str(), fault)));
    let Some(bytes) = archive.find(ErrorKind::Ledger, &Path::from(path.as_str())).await? else { return problem(Fault::Missing) };
    let found = Digest::of(&bytes);
    if found != sealed.digest {
        return problem(Fault::Changed { says: sealed.entry.clone(), expected: sealed.digest, found });
    }
    match List::from_bytes(&bytes) {
        Ok(list) => Ok(Ok(list)),
        Err(error) => problem(Fault::Damaged { why: error.to_string() }),
    }
}

/// The same, unless something speaks against the entry that names it: a list of an entry that is itself in doubt proves nothing.
#[cfg(any(feature = "export", feature = "import"))]
pub(crate) async fn list_unless(archive: &Archive, sealed: &SealedList, accused: &BTreeSet<&str>) -> Result<Result<List, Problem>> {
    if !accused.contains(sealed.entry.as_str()) {
        return list(archive, sealed).await;
    }
    let how = format!("{} names it, which is itself not as it should be", sealed.entry);
    Ok(Err(Problem::inconsistent(KeptKind::List.path(&sealed.digest), how)))
}

/// An item of a list, as it was archived.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) key: ItemKey,
    pub(crate) bytes: u64,
    pub(crate) sha256: Digest,
    list: Digest,
}

impl Listed {
    /// The item of a line of the list with this digest.
    pub(crate) fn new(window: Window, line: &ListLine, list: Digest) -> Self {
        Self { key: ItemKey::new(window, line.id.clone()), bytes: line.bytes, sha256: line.sha256, list }
    }

    /// Its content, if it is there and the one that was archived.
    pub(crate) async fn read(&self, archive: &Archive) -> Result<Result<Bytes, Problem>> {
        let path = self.key.path();
        let Some(content) = archive.find(ErrorKind::Sink, &Path::from(path.as_str())).await? else {
            return Ok(Err(Problem::new(path, Fault::Missing)));
        };
        let found = Digest::of(&content);
        if found != self.sha256 || content.len() as u64 != self.bytes {
            let fault = Fault::Changed { says: KeptKind::List.path(&self.list), expected: self.sha256, found };
            return Ok(Err(Problem::new(path, fault)));
        }
        Ok(Ok(content))
    }
}
