//! Space on disk for what outgrows memory.

mod fault;

use std::{
    env,
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use jabber_archive_core::{ByteStream, Error, ErrorClass, ErrorKind, Result, Spool, SpoolWriter};

/// How much of a place is read at once, in bytes: a hundred places that are read side by side take some megabytes.
const PIECE: u64 = 64 << 10;

/// A spool of files in a folder: they are readable by their owner alone, have no name from the moment they are opened, and are gone when the process ends,
/// however it ends.
///
/// What is spooled is what chats hold, in the clear: the folder belongs on a disk that may hold them. Reading and writing is done on threads that may block, so that
/// it needs a runtime of tokio.
#[derive(Debug, Clone)]
pub struct FileSpool {
    folder: Arc<Path>,
}

impl FileSpool {
    /// A spool in a folder that is there.
    ///
    /// # Errors
    ///
    /// If no file can be made in it: better now than in the middle of a run.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder: Arc<Path> = folder.into().into();
        open(&folder)?;
        Ok(Self { folder })
    }

    /// A spool in the system's folder for temporary files.
    ///
    /// # Errors
    ///
    /// As of [`new`](Self::new).
    pub fn of_system() -> Result<Self> {
        Self::new(env::temp_dir())
    }
}

#[async_trait]
impl Spool for FileSpool {
    async fn create(&self) -> Result<Box<dyn SpoolWriter>> {
        let folder = self.folder.clone();
        let file = off_the_runtime(move || open(&folder)).await?;
        Ok(Box::new(Place { folder: self.folder.clone(), file: Arc::new(Mutex::new(file)), length: 0 }))
    }
}

/// A file without a name, for its owner alone whatever the umask.
fn open(folder: &Path) -> Result<File> {
    tempfile::tempfile_in(folder)
        .and_then(|file| {
            #[cfg(unix)]
            file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
            Ok(file)
        })
        .map_err(|error| fault::classify("open", folder, error))
}

/// A file without a name, and how much of it counts.
#[derive(Debug, Clone)]
struct Place {
    folder: Arc<Path>,
    file: Arc<Mutex<File>>,
    length: u64,
}

impl Place {
    async fn at<T: Send + 'static>(
        &self,
        start: u64,
        operation: &'static str,
        work: impl FnOnce(&mut File) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (folder, file) = (self.folder.clone(), self.file.clone());
        off_the_runtime(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let worked = file.seek(SeekFrom::Start(start)).and_then(|_| work(&mut file));
            worked.map_err(|error| fault::classify(operation, &folder, error))
        })
        .await
    }
}

#[async_trait]
impl SpoolWriter for Place {
    async fn append(&mut self, content: Bytes) -> Result<()> {
        let bytes = content.len() as u64;
        self.at(self.length, "write", move |file| file.write_all(&content)).await?;
        self.length += bytes;
        Ok(())
    }

    async fn read(&mut self) -> Result<ByteStream> {
        let pieces = stream::unfold((self.clone(), 0), |(place, start)| async move {
            let piece = PIECE.min(place.length - start);
            if piece == 0 {
                return None;
            }
            let read = place.at(start, "read", move |file| {
                let mut bytes = vec![0; piece as usize];
                file.read_exact(&mut bytes).map(|()| Bytes::from(bytes))
            });
            // Nothing comes behind an error.
            Some(match read.await {
                Ok(bytes) => (Ok(bytes), (place, start + piece)),
                Err(error) => {
                    let end = place.length;
                    (Err(error), (place, end))
                }
            })
        });
        Ok(pieces.boxed())
    }
}

async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|error| Error::new(ErrorKind::Spool, ErrorClass::Fatal, "spool", "the task ended early").because(error))?
}
