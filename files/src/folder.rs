use std::{
    fmt,
    fs::File,
    io::{self, Read},
    os::fd::OwnedFd,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use jabber_archive_core::{ByteStream, Error, ErrorClass, FileStore, Opened, Result, Transfer};
use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat},
    io::Errno,
};
use tokio::task::spawn_blocking;

use crate::{
    fault::{changed, denied, unreadable, without_sentinel},
    root::{Root, SENTINEL, locate},
};

/// How many bytes are read at a time.
const PIECE: usize = 256 << 10;

/// Files in folders of this machine: a disk, or what is mounted from a file server. Needs a tokio runtime.
///
/// A file is opened name by name from its root, each name in the folder that the one before has opened (`openat`, `O_NOFOLLOW`), so that nothing that is changed
/// meanwhile leads out of the root. The root itself may be or contain links: it is the administrator's.
///
/// ```
/// use jabber_archive_files::{Folder, Root};
///
/// let folder = Folder::new([Root::new("/opt/mftFileStore", "/mnt/mft")?]);
/// assert_eq!(folder.to_string(), "/mnt/mft");
/// # Ok::<(), jabber_archive_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Folder {
    roots: Vec<Root>,
    sentinel: String,
}

/// The places that are read.
impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<&str> = self.roots.iter().map(Root::place).collect();
        f.write_str(&places.join(", "))
    }
}

impl Folder {
    /// Reads below these roots, each of which has a file [`SENTINEL`].
    pub fn new(roots: impl IntoIterator<Item = Root>) -> Self {
        Self { roots: roots.into_iter().collect(), sentinel: SENTINEL.to_owned() }
    }

    /// Another name of the file that every root has.
    #[must_use]
    pub fn sentinel(self, name: impl Into<String>) -> Self {
        Self { sentinel: name.into(), ..self }
    }

    /// Opens a root, if it is the one that it should be.
    fn enter(&self, root: &Root) -> Result<OwnedFd> {
        let gone = |errno: Errno| match errno {
            Errno::ACCESS | Errno::PERM => unreadable(ErrorClass::Fatal, "the folder may not be read")
                .about(root.place())
                .advise("let the account that archives read it")
                .because(io::Error::from(errno)),
            _ => unreadable(ErrorClass::Transient, "the folder cannot be read")
                .about(root.place())
                .advise("check that it is there and mounted")
                .because(io::Error::from(errno)),
        };
        let folder = openat(CWD, root.place(), FOLDER, Mode::empty()).map_err(gone)?;
        match statat(&folder, &self.sentinel, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::RegularFile => Ok(folder),
            Ok(_) | Err(Errno::NOENT) => Err(without_sentinel(root.place(), &self.sentinel)),
            Err(errno) => Err(gone(errno)),
        }
    }

    fn open_now(&self, transfer: &Transfer) -> Result<Found> {
        let Some((root, names)) = locate(&self.roots, transfer) else { return Ok(Found::Refused) };
        let mut folder = self.enter(root)?;
        let Some((name, folders)) = names.split_last() else { return Ok(Found::Refused) };
        for name in folders {
            folder = match openat(&folder, *name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(folder) => folder,
                Err(errno) => return Found::of(errno),
            };
        }
        // Looked at before it is opened, because opening a device may do something.
        let seen = match statat(&folder, *name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(seen) if FileType::from_raw_mode(seen.st_mode) == FileType::RegularFile => seen,
            Ok(_) => return Ok(Found::Refused),
            Err(errno) => return Found::of(errno),
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match openat(&folder, *name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(errno) => return Found::of(errno),
        };
        let opened = fstat(&file).map_err(failed)?;
        if (opened.st_dev, opened.st_ino) != (seen.st_dev, seen.st_ino) {
            return Err(changed());
        }
        Ok(Found::File(File::from(file), u64::try_from(opened.st_size).unwrap_or_default()))
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// What is at a path.
enum Found {
    /// A file, and its size.
    File(File, u64),
    Missing,
    Refused,
}

impl Found {
    /// What it means that a name below a root cannot be opened.
    fn of(errno: Errno) -> Result<Self> {
        match errno {
            Errno::NOENT => Ok(Self::Missing),
            // A link, or a file where a folder should be; a socket; a name that no file can have.
            Errno::LOOP | Errno::NOTDIR | Errno::NXIO | Errno::NAMETOOLONG => Ok(Self::Refused),
            Errno::ACCESS | Errno::PERM => Err(denied().because(io::Error::from(errno))),
            errno => Err(failed(errno)),
        }
    }
}

/// Whatever else a file system says may pass, as most do when a server behind a mount comes back.
fn failed(errno: impl Into<io::Error>) -> Error {
    unreadable(ErrorClass::Transient, "it cannot be read").because(errno.into())
}

/// A content that is read piece by piece, to the size that the file had when it was opened.
fn content(file: File, size: u64) -> ByteStream {
    let reading = Some((file, size, 0));
    stream::unfold(reading, |reading| async move {
        let (mut file, size, read) = reading?;
        let next = spawn_blocking(move || {
            let mut piece = vec![0; PIECE];
            let mut filled = 0;
            while filled < PIECE {
                match file.read(&mut piece[filled..]) {
                    Ok(0) => break,
                    Ok(bytes) => filled += bytes,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(failed(error)),
                }
            }
            piece.truncate(filled);
            Ok((file, Bytes::from(piece)))
        })
        .await;
        let (file, piece) = match next {
            Ok(Ok(next)) => next,
            Ok(Err(error)) => return Some((Err(error), None)),
            Err(_) => return Some((Err(unreadable(ErrorClass::Transient, "reading was cancelled")), None)),
        };
        let read = read + piece.len() as u64;
        if read > size || (piece.is_empty() && read < size) {
            return Some((Err(changed()), None));
        }
        (!piece.is_empty()).then_some((Ok(piece), Some((file, size, read))))
    })
    .boxed()
}

/// Runs what may wait for a disk or a network where that keeps nobody else waiting.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|_| Err(unreadable(ErrorClass::Transient, "opening was cancelled")))
}

#[async_trait]
impl FileStore for Folder {
    async fn check(&self) -> Result<()> {
        let folder = self.clone();
        blocking(move || folder.roots.iter().try_for_each(|root| folder.enter(root).map(drop))).await
    }

    async fn open(&self, transfer: &Transfer) -> Result<Opened> {
        let (folder, asked) = (self.clone(), transfer.clone());
        let found = blocking(move || folder.open_now(&asked)).await;
        Ok(match found.map_err(|error| named(error, transfer))? {
            Found::File(file, size) => {
                let transfer = transfer.clone();
                Opened::Content(content(file, size).map(move |piece| piece.map_err(|error| named(error, &transfer))).boxed())
            }
            Found::Missing => Opened::Missing,
            Found::Refused => Opened::Refused,
        })
    }
}

/// Says which file it was, unless it was the root.
fn named(error: Error, transfer: &Transfer) -> Error {
    if error.subject().is_some() { error } else { error.about(transfer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_what_is_refused_and_what_cannot_be_read_are_told_apart() {
        assert!(matches!(Found::of(Errno::NOENT), Ok(Found::Missing)));
        for errno in [Errno::LOOP, Errno::NOTDIR, Errno::NXIO, Errno::NAMETOOLONG] {
            assert!(matches!(Found::of(errno), Ok(Found::Refused)), "{errno}");
        }
        let class = |errno| Found::of(errno).err().map(|error| error.class());
        assert_eq!(class(Errno::ACCESS), Some(ErrorClass::Item));
        assert_eq!(class(Errno::PERM), Some(ErrorClass::Item));
        for errno in [Errno::IO, Errno::STALE, Errno::MFILE, Errno::TIMEDOUT] {
            assert_eq!(class(errno), Some(ErrorClass::Transient), "{errno}");
        }
    }
}
