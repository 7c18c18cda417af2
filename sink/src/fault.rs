//! What the errors of a store mean for the archive.

use std::io;

use jabber_archive_core::{Error, ErrorClass, ErrorKind};
use object_store::path::Path;

/// | error | class |
/// |---|---|
/// | not found, not permitted, read-only | fatal: trying again changes nothing |
/// | no space | fatal, so that the run stops where it is |
/// | everything else | transient: the store may come back |
pub(crate) fn classify(kind: ErrorKind, operation: &'static str, path: &Path, error: object_store::Error) -> Error {
    let (class, what, advice) = match (&error, cause(&error)) {
        (_, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) => {
            (ErrorClass::Fatal, "no space is left", Some("make space and run again: what is sealed is intact, the rest is done anew"))
        }
        (_, Some(io::ErrorKind::ReadOnlyFilesystem)) => {
            (ErrorClass::Fatal, "the file system is read-only", Some("mount it writable and run again"))
        }
        (object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }, _)
        | (_, Some(io::ErrorKind::PermissionDenied)) => {
            (ErrorClass::Fatal, "not permitted", Some("give the account that runs this the right to read and create there"))
        }
        (object_store::Error::NotFound { .. }, _) => (ErrorClass::Fatal, "it is not there", None),
        (object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }, _) => {
            (ErrorClass::Fatal, "the store cannot do this", None)
        }
        _ => (ErrorClass::Transient, "the store failed", None),
    };
    let built = Error::new(kind, class, operation, what).about(path).because(error);
    match advice {
        Some(advice) => built.advise(advice),
        None => built,
    }
}

/// The operating system's word for it, however deep it is wrapped.
fn cause(error: &object_store::Error) -> Option<io::ErrorKind> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        source = error.source();
    }
    None
}
