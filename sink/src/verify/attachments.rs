//! Files that are too large for a mail, and uploads of them that have not come to their end.

use futures::TryStreamExt;
use jabber_archive_core::{Digest, ErrorKind, ObjectKey, Result};
use object_store::path::Path;
use sha2::{Digest as _, Sha256};

use super::{Fault, Problem, Verification, leftover::killed_put};
use crate::Archive;

/// Compares the files with the digests in their names; of a sample only the names are looked at.
pub(super) async fn compare(archive: &Archive, verification: &mut Verification) -> Result<()> {
    let mut paths = archive.below(ErrorKind::Sink, "attachments");
    while let Some(path) = paths.try_next().await? {
        match key(&path) {
            Some(_) if verification.sampled.is_some() => {}
            Some(key) => match check(archive, &path, &key).await? {
                None => verification.attachments += 1,
                Some(fault) => verification.problems.push(Problem::new(path.as_ref(), fault)),
            },
            None if killed_put(&path).is_some_and(|target| key(&target).is_some()) => verification.leftover += 1,
            None => verification.problems.push(Problem::new(path.as_ref(), Fault::Extra)),
        }
    }
    let mut uploads = archive.below(ErrorKind::Sink, "incoming");
    while uploads.try_next().await?.is_some() {
        verification.leftover += 1;
    }
    Ok(())
}

/// One file after another, piece by piece: any of them may be larger than memory.
async fn check(archive: &Archive, path: &Path, key: &ObjectKey) -> Result<Option<Fault>> {
    let mut hasher = Sha256::new();
    let mut pieces = archive.pieces(ErrorKind::Sink, path).await?;
    while let Some(piece) = pieces.try_next().await? {
        hasher.update(piece);
    }
    let found = Digest::from_bytes(hasher.finalize().into());
    Ok((found != *key.digest()).then(|| Fault::Changed { says: "its name".to_owned(), expected: *key.digest(), found }))
}

/// The key of a path such as `attachments/<sha256>`.
pub(crate) fn key(path: &Path) -> Option<ObjectKey> {
    let key = ObjectKey::new(path.filename()?.parse().ok()?);
    (key.path() == path.as_ref()).then_some(key)
}
