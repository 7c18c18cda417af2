use std::{
    fs::File,
    io::{self, Read, Seek, Write},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use jabber_archive_core::{ByteStream, Error, ErrorClass, ErrorKind, Result, Spool, SpoolWriter};
use tokio::task::spawn_blocking;

/// How many bytes are read at a time.
const PIECE: usize = 256 << 10;

/// Files without a name in the system's folder for temporary files, which are gone with the process.
#[derive(Debug)]
pub(crate) struct TemporaryFiles;

#[async_trait]
impl Spool for TemporaryFiles {
    async fn create(&self) -> Result<Box<dyn SpoolWriter>> {
        Ok(Box::new(Place(Some(blocking(tempfile::tempfile).await?))))
    }
}

/// A file; none after a write that failed, which nobody reads.
#[derive(Debug)]
struct Place(Option<File>);

#[async_trait]
impl SpoolWriter for Place {
    async fn append(&mut self, content: Bytes) -> Result<()> {
        let file = self.0.take();
        self.0 = blocking(move || {
            let mut file = file.ok_or(io::ErrorKind::BrokenPipe)?;
            file.write_all(&content)?;
            Ok(Some(file))
        })
        .await?;
        Ok(())
    }

    async fn read(self: Box<Self>) -> Result<ByteStream> {
        let file = self.0;
        let file = blocking(move || {
            let mut file = file.ok_or(io::ErrorKind::BrokenPipe)?;
            file.rewind()?;
            Ok(file)
        });
        Ok(stream::try_unfold(file.await?, |mut file| async move {
            blocking(move || {
                let mut piece = Vec::with_capacity(PIECE);
                (&mut file).take(PIECE as u64).read_to_end(&mut piece)?;
                Ok((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
            })
            .await
        })
        .boxed())
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let failed = |error: io::Error| {
        Error::new(ErrorKind::Spool, ErrorClass::Fatal, "spool", "the folder for temporary files cannot be used")
            .about(std::env::temp_dir().display())
            .advise("set TMPDIR to a folder of a disk with room for the largest files")
            .because(error)
    };
    spawn_blocking(work).await.map_err(io::Error::other).and_then(|done| done).map_err(failed)
}
