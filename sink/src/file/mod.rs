//! Archives in a folder of the local file system.

mod durable;
mod leftover;
mod sweep;

use std::{fs, io, path::Path, sync::Arc};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use object_store::local::LocalFileSystem;

use self::durable::LocalDurability;
use crate::{Archive, archive::unique};

impl Archive {
    /// The archive in a folder, which is created if it is not there: readable by its owner alone, durable by fsync.
    ///
    /// # Errors
    ///
    /// If the folder cannot be created or written, holds other things and no archive, or if its file system has no hard links, by which files are created without ever replacing one.
    pub fn file(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder).map_err(|error| refuse(folder, "the folder cannot be created", error))?;
        if !folder.join("archive.json").exists() {
            refuse_occupied(folder)?;
            probe(folder)?;
            // Who knows which of them are new: an earlier run may have made them and been killed.
            durable::keep_name(folder).map_err(|error| refuse(folder, "its name cannot be made durable", error))?;
        }
        Self::existing_file(folder)
    }

    /// The archive in a folder that is there; nothing is created or written by opening it.
    ///
    /// # Errors
    ///
    /// If there is no such folder.
    pub fn existing_file(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        if !folder.is_dir() {
            return Err(Error::new(ErrorKind::Sink, ErrorClass::Fatal, "open archive", "there is no such folder")
                .about(folder.display())
                .advise("check `path` under [sink]; the first run makes the folder"));
        }
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| {
            Error::new(ErrorKind::Sink, ErrorClass::Fatal, "open archive", "the folder cannot be opened")
                .about(folder.display())
                .because(error)
        })?;
        let ordered = store.clone().with_fsync(true);
        Ok(Self::new(Arc::new(store), Arc::new(LocalDurability::new(folder.to_owned()))).with_ordered(Arc::new(ordered)))
    }
}

/// What may be there without `archive.json`.
const FOLDERS: [&str; 7] = ["attachments", "context", "dead-letters", "incoming", "items", "ledger", "lost+found"];

/// An archive takes all rights to its folder from others: that must not happen to a folder that is something else.
fn refuse_occupied(folder: &Path) -> Result<()> {
    let unreadable = |error| refuse(folder, "the folder cannot be read", error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let name = name.to_string_lossy();
        // What a file system, a trial or a run that was killed at its first write leaves there; a chain without its facts is refused when it is opened.
        let ours = FOLDERS.contains(&&*name) || name.starts_with(".probe-") || name.starts_with("archive.json");
        if !ours {
            return Err(Error::new(
                ErrorKind::Sink,
                ErrorClass::Fatal,
                "open archive",
                format!("the folder holds `{name}` and no archive"),
            )
            .about(folder.display())
            .advise("choose a folder that is empty or not there for a new archive"));
        }
    }
    Ok(())
}

/// Tries what every put needs: a file, its mode, and a hard link to it.
fn probe(folder: &Path) -> Result<()> {
    let file = folder.join(format!(".probe-{:016x}", unique()));
    let link = file.with_extension("link");
    let tried = (|| {
        durable::restrict(folder, 0o700).map_err(|error| refuse(folder, "its mode cannot be set", error))?;
        fs::write(&file, b"probe").map_err(|error| refuse(folder, "the folder is not writable", error))?;
        fs::hard_link(&file, &link).map_err(|error| {
            refuse(folder, "the file system has no hard links", error)
                .advise("put the archive on a local file system such as ext4, xfs, btrfs or NTFS")
        })
    })();
    for path in [link, file] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound && tried.is_ok() => {
                return Err(refuse(&path, "the trial file cannot be removed", error));
            }
            _ => {}
        }
    }
    tried
}

fn refuse(path: &Path, what: &str, error: io::Error) -> Error {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "no space is left: make some and run again",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "a file is in the way: choose another `path` under [sink]",
        _ => "give the account that runs this the right to write there, or choose another `path` under [sink]",
    };
    Error::new(ErrorKind::Sink, ErrorClass::Fatal, "open archive", what).about(path.display()).advise(advice).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_is_synced_before_it_appears_and_mails_at_their_commit() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::file(folder.path()).unwrap();
        let shown = format!("{archive:?}");
        let syncs: Vec<&str> = shown.split("fsync: ").skip(1).map(|rest| &rest[..4]).collect();
        assert_eq!(syncs, ["fals", "true"], "store, ordered: {shown}");
    }
}
