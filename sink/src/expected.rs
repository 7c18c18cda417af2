use jabber_archive_core::{Digest, Error, ErrorClass, ErrorKind, Result};
use object_store::path::Path;
use sha2::{Digest as _, Sha256};

use crate::archive::Accept;

/// Content that is to have a digest.
#[derive(Clone)]
pub(crate) struct Expected {
    kind: ErrorKind,
    operation: &'static str,
    path: Path,
    digest: Digest,
    hasher: Sha256,
}

impl Expected {
    /// What is stored under this path by an operation of this kind.
    pub(crate) fn of(kind: ErrorKind, operation: &'static str, path: &Path, digest: Digest) -> Self {
        Self { kind, operation, path: path.clone(), digest, hasher: Sha256::new() }
    }
}

impl Accept for Expected {
    fn piece(&mut self, piece: &[u8]) {
        self.hasher.update(piece);
    }

    fn whole(self) -> Result<()> {
        if Digest::from_bytes(self.hasher.finalize().into()) == self.digest {
            return Ok(());
        }
        // A file may have changed while it was read; what the archiver makes itself has not.
        let class = if self.kind == ErrorKind::Ledger { ErrorClass::Fatal } else { ErrorClass::Item };
        Err(Error::new(self.kind, class, self.operation, "the content does not have this digest").about(self.path))
    }
}
