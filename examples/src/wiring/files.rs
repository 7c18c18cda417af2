use std::{fmt, sync::Arc};

use jabber_archive_core::{ErrorKind, FileStore, Result};
#[cfg(feature = "sftp")]
use jabber_archive_files::Sftp;
use serde::Serialize;

use crate::config::{Config, FilesKind};

/// Where the files are that were sent.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) store: Arc<dyn FileStore>,
    place: String,
}

/// The store of files, if there is to be one; nothing is connected yet.
pub(crate) fn files(config: &Config) -> Result<Option<Files>> {
    let Some(settings) = &config.files else { return Ok(None) };
    Ok(Some(match settings.kind {
        FilesKind::Folder => Files::of(settings.folder()?),
        #[cfg(feature = "sftp")]
        FilesKind::Sftp => Files::of(Sftp::new(settings.sftp(config)?)?),
        #[cfg(not(feature = "sftp"))]
        FilesKind::Sftp => {
            return Err(super::refuse("[files]", "this program was built without SFTP").advise("build it with the feature `sftp`"));
        }
    }))
}

impl Files {
    fn of(store: impl FileStore + fmt::Display + 'static) -> Self {
        Self { place: store.to_string(), store: Arc::new(store) }
    }

    /// Whether files could be read now; what is set wrongly is an error.
    pub(crate) async fn survey(&self) -> Result<FilesSurvey> {
        let fault = match self.store.check().await {
            Ok(()) => None,
            Err(error) if error.kind() == ErrorKind::Config => return Err(error),
            Err(error) => Some(error.to_string()),
        };
        Ok(FilesSurvey { place: self.place.clone(), fault })
    }
}

/// Whether files could be read.
#[derive(Debug, Serialize)]
pub(crate) struct FilesSurvey {
    place: String,
    /// Why they could not.
    pub(crate) fault: Option<String>,
}

impl fmt::Display for FilesSurvey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            None => writeln!(f, "files  {}: can be read", self.place),
            Some(fault) => writeln!(f, "files  {fault}"),
        }
    }
}
