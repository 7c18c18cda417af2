//! What the chain names by digest, and what lies in its folders beside that.

use futures::{StreamExt, TryStreamExt, stream};
use jabber_archive_core::{Digest, ErrorKind, KeptKind, Result};
use object_store::path::Path;

use super::{Fault, Problem, Verification, chain::Sealed, leftover::killed_put};
use crate::{Archive, ledger::entry_number};

/// How many are read at the same time: no list tells their sizes.
const AT_ONCE: usize = 4;

/// Reads contexts and dead letters, and looks what else lies beside them, the entries and the lists. The lists are read with their items.
pub(super) async fn compare(archive: &Archive, sealed: &Sealed, verification: &mut Verification) -> Result<()> {
    let named = sealed.kept.iter().filter(|((kind, _), _)| *kind != KeptKind::List);
    let checks = named.map(|((kind, digest), entry)| check(archive, entry, *kind, digest));
    let mut checks = std::pin::pin!(stream::iter(checks).buffer_unordered(AT_ONCE));
    while let Some(problem) = checks.try_next().await? {
        verification.problems.extend(problem);
    }
    for folder in ["ledger", KeptKind::Context.folder(), KeptKind::DeadLetter.folder()] {
        let mut paths = archive.below(ErrorKind::Ledger, folder);
        while let Some(path) = paths.try_next().await? {
            match kept(&path) {
                Some(named) if sealed.kept.contains_key(&named) => {}
                Some(_) => verification.unreferenced += 1,
                None if entry_number(&path).is_some() => {}
                None => match killed_put(&path) {
                    Some(target) if kept(&target).is_some() || entry_number(&target).is_some() => verification.leftover += 1,
                    _ => verification.problems.push(Problem::new(path.as_ref(), Fault::Extra)),
                },
            }
        }
    }
    Ok(())
}

async fn check(archive: &Archive, entry: &str, kind: KeptKind, digest: &Digest) -> Result<Option<Problem>> {
    let path = kind.path(digest);
    let fault = match archive.find(ErrorKind::Ledger, &Path::from(path.as_str())).await? {
        None => Fault::Missing,
        Some(bytes) if Digest::of(&bytes) != *digest => {
            Fault::Changed { says: entry.to_owned(), expected: *digest, found: Digest::of(&bytes) }
        }
        Some(_) => return Ok(None),
    };
    Ok(Some(Problem::new(path, fault)))
}

/// What a path such as `context/<sha256>.json` holds, by its name.
pub(crate) fn kept(path: &Path) -> Option<(KeptKind, Digest)> {
    let (folder, name) = path.as_ref().rsplit_once('/')?;
    let kind = KeptKind::ALL.into_iter().find(|kind| kind.folder() == folder)?;
    let digest = name.split_once('.')?.0.parse().ok()?;
    (kind.path(&digest) == path.as_ref()).then_some((kind, digest))
}
