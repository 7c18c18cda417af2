use std::{
    ffi::OsStr,
    fs::{self, DirEntry},
    io,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Timestamp};
use object_store::path::Path as ObjectPath;

use super::{FOLDERS, leftover::is_leftover};
use crate::Swept;

/// A time of day below the day of a month of a year below the items: no folder of an archive lies deeper.
const DEEPEST: usize = 5;

/// Removes leftovers that were not written to since then, folder by folder.
pub(super) fn sweep(root: &Path, before: Timestamp) -> Result<Swept> {
    // Before 1970 nothing was written.
    let before = UNIX_EPOCH + Duration::from_millis(before.millis().try_into().unwrap_or(0));
    let mut swept = Swept::default();
    let mut open = vec![list(root)?];
    while let Some(entries) = open.last_mut() {
        let Some(entry) = entries.next() else {
            open.pop();
            continue;
        };
        let depth = open.len();
        let entry = entry.map_err(|error| failed(root, error))?;
        match entry.file_type() {
            // A link is neither.
            Ok(kind) if kind.is_dir() && depth <= DEEPEST && (depth > 1 || is_ours(&entry.file_name())) => open.push(list(&entry.path())?),
            Ok(kind) if kind.is_file() && is_leftover_of(root, &entry) => remove(&entry, before, &mut swept)?,
            _ => {}
        }
    }
    Ok(swept)
}

fn is_ours(folder: &OsStr) -> bool {
    FOLDERS.iter().any(|name| folder == *name)
}

fn is_leftover_of(root: &Path, entry: &DirEntry) -> bool {
    let path = entry.path();
    let relative = path.strip_prefix(root).ok().and_then(Path::to_str);
    relative.and_then(|path| ObjectPath::parse(path).ok()).is_some_and(|path| is_leftover(&path))
}

fn remove(entry: &DirEntry, before: SystemTime, swept: &mut Swept) -> Result<()> {
    let removed = entry.metadata().and_then(|metadata| {
        if metadata.modified()? >= before {
            return Ok(None);
        }
        fs::remove_file(entry.path()).map(|()| Some(metadata.len()))
    });
    match removed {
        Ok(Some(bytes)) => {
            swept.files += 1;
            swept.bytes += bytes;
        }
        Ok(None) => {}
        // Another program sweeps too, or the write has come to its end.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(&entry.path(), error)),
    }
    Ok(())
}

fn list(folder: &Path) -> Result<fs::ReadDir> {
    fs::read_dir(folder).map_err(|error| failed(folder, error))
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Sink, ErrorClass::Transient, "sweep", "what killed writes have left cannot be removed")
        .about(path.display())
        .advise("nothing depends on it: the next run tries again")
        .because(error)
}
