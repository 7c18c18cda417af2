use std::{
    collections::BTreeSet,
    fs::File,
    io,
    path::{Path, PathBuf},
    thread,
};

use async_trait::async_trait;
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Timestamp};
use object_store::path::Path as ObjectPath;

use super::sweep;
use crate::{Swept, archive::Durability};

/// An fsync waits for the disk, not for a core: so many are under way at once.
const THREADS: usize = 16;

/// Sets modes and syncs files, then the folders that lead to them.
#[derive(Debug)]
pub(super) struct LocalDurability {
    root: PathBuf,
}

impl LocalDurability {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }
}

#[async_trait]
impl Durability for LocalDurability {
    async fn settle(&self, paths: Vec<ObjectPath>) -> Result<()> {
        let root = self.root.clone();
        off_the_runtime("sync", move || settle(&root, &paths)).await
    }

    async fn sweep(&self, before: Timestamp) -> Result<Swept> {
        let root = self.root.clone();
        off_the_runtime("sweep", move || sweep::sweep(&root, before)).await
    }

    fn largest_item(&self) -> u64 {
        // The whole of a mail is held in memory while it is written; 150 MB is also where Exchange Online ends.
        150 << 20
    }
}

async fn off_the_runtime<T: Send + 'static>(operation: &'static str, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|error| Error::new(ErrorKind::Sink, ErrorClass::Transient, operation, "the task ended early").because(error))?
}

fn settle(root: &Path, paths: &[ObjectPath]) -> Result<()> {
    let mut folders = BTreeSet::from([root.to_owned()]);
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let file = root.join(path.as_ref());
        folders.extend(file.ancestors().skip(1).take_while(|folder| folder.starts_with(root)).map(Path::to_owned));
        files.push(file);
    }
    sync_all(&files, 0o600)?;
    // A folder is synced after the files in it, and before the folder that holds it.
    let folders: Vec<PathBuf> = folders.into_iter().rev().collect();
    sync_all(&folders, 0o700)
}

fn sync_all(paths: &[PathBuf], mode: u32) -> Result<()> {
    let share = paths.len().div_ceil(THREADS).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> =
            paths.chunks(share).map(|paths| scope.spawn(move || paths.iter().try_for_each(|path| sync(path, mode)))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(synced) => synced,
            Err(_) => Err(Error::new(ErrorKind::Sink, ErrorClass::Fatal, "sync", "a thread panicked")),
        })
    })
}

fn sync(path: &Path, mode: u32) -> Result<()> {
    let synced = restrict(path, mode).and_then(|()| File::open(path)).and_then(|file| file.sync_all());
    synced.map_err(|error| {
        let class = match error.kind() {
            io::ErrorKind::Interrupted | io::ErrorKind::ResourceBusy => ErrorClass::Transient,
            // After a failed fsync the kernel may have dropped the pages: a second one that succeeds proves nothing.
            _ => ErrorClass::Fatal,
        };
        Error::new(ErrorKind::Sink, class, "sync", "it cannot be made durable").about(path.display()).because(error)
    })
}

/// Syncs the folders that lead to a folder, up to where its file system is mounted: without its name, a power cut takes all that is in it.
pub(super) fn keep_name(folder: &Path) -> io::Result<()> {
    let folder = folder.canonicalize()?;
    let device = device(&folder)?;
    for ancestor in folder.ancestors().skip(1) {
        if self::device(ancestor)? != device {
            break;
        }
        match File::open(ancestor).and_then(|ancestor| ancestor.sync_all()) {
            // What may not be read, or is of a kind that knows no sync, is none that was made for an archive.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {}
            synced => synced?,
        }
    }
    Ok(())
}

#[cfg(unix)]
fn device(folder: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;

    Ok(folder.metadata()?.dev())
}

#[cfg(not(unix))]
fn device(_: &Path) -> io::Result<u64> {
    Ok(0)
}

/// Takes all rights from everybody but the owner, whatever the umask.
#[cfg(unix)]
pub(super) fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    use std::{fs, os::unix::fs::PermissionsExt};

    let metadata = fs::metadata(path)?;
    if metadata.permissions().mode() & 0o777 == mode {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
pub(super) fn restrict(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}
