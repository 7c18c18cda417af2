//! What the errors of a store mean for the archive.

use std::io;

use jabber_archive_core::{Error, ErrorClass, ErrorKind};
use object_store::path::Path;

/// What the operating system and a store's library say. Back ends that know more have a table of their own: Azure's refusals pass through here unchanged.
///
/// | error | class |
/// |---|---|
/// | not found, not permitted, read-only | fatal: trying again changes nothing |
/// | no space | fatal, so that the run stops where it is |
/// | something in the way, a path or size that cannot be | fatal |
/// | an answer of Azure that is none | fatal |
/// | everything else | transient: the store may come back |
pub(crate) fn classify(kind: ErrorKind, operation: &'static str, path: &Path, error: object_store::Error) -> Error {
    #[cfg(feature = "azure")]
    if let Some(refusal) = crate::azure::Refusal::within(&error) {
        return refusal.error(kind, operation, path);
    }
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
        (object_store::Error::NotFound { .. }, _) if operation == "read" => (
            ErrorClass::Fatal,
            "it is not there",
            Some("run `jabber-archive verify` to see what else is missing, and restore it from a copy"),
        ),
        (object_store::Error::NotFound { .. }, _) => (ErrorClass::Fatal, "it is not there", None),
        (_, Some(io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists)) => {
            (ErrorClass::Fatal, "something else is in the way", Some("move away what stands in its path and is no part of the archive"))
        }
        (_, Some(io::ErrorKind::FileTooLarge)) => {
            (ErrorClass::Fatal, "it is larger than a file may be", Some("raise the limit of the account or the file system"))
        }
        (object_store::Error::InvalidPath { .. }, _) => {
            (ErrorClass::Fatal, "the path cannot be", Some("move away what has a name that is not UTF-8: it is no part of the archive"))
        }
        (object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }, _) => {
            (ErrorClass::Fatal, "the store cannot do this", None)
        }
        // Its requests have been sent again already.
        (object_store::Error::Generic { store: "MicrosoftAzure", .. }, _) => {
            (ErrorClass::Fatal, "the service's answer cannot be read", Some("check `endpoint` under [sink], and what answers in its place"))
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

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use jabber_archive_core::ErrorClass::{Fatal, Transient};

    use super::*;

    fn of(operation: &'static str, error: object_store::Error) -> Error {
        classify(ErrorKind::Sink, operation, &Path::from("items/undated/a.eml"), error)
    }

    /// As the local file system gives it: wrapped twice.
    fn system(number: i32) -> object_store::Error {
        #[derive(Debug)]
        struct Wrapped(io::Error);

        impl std::fmt::Display for Wrapped {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("Unable to copy data to file")
            }
        }

        impl std::error::Error for Wrapped {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }

        object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(Wrapped(io::Error::from_raw_os_error(number))) }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_no_further_try_can_change_is_fatal_and_says_what_to_do() {
        let cases = [
            ("ENOSPC", 28, "put items/undated/a.eml: no space is left; make space and run again"),
            ("EDQUOT", 122, "put items/undated/a.eml: no space is left; make space and run again"),
            ("EROFS", 30, "put items/undated/a.eml: the file system is read-only; mount it writable and run again"),
            ("EACCES", 13, "put items/undated/a.eml: not permitted; give the account that runs this the right"),
            ("EPERM", 1, "put items/undated/a.eml: not permitted; give the account that runs this the right"),
            ("ENOTDIR", 20, "put items/undated/a.eml: something else is in the way; move away"),
            ("EISDIR", 21, "put items/undated/a.eml: something else is in the way; move away"),
            ("EEXIST", 17, "put items/undated/a.eml: something else is in the way; move away"),
            ("EFBIG", 27, "put items/undated/a.eml: it is larger than a file may be; raise the limit"),
        ];
        for (name, number, message) in cases {
            let error = of("put", system(number));
            assert_eq!(error.class(), Fatal, "{name}");
            assert!(error.to_string().starts_with(message), "{name}: {error}");
            assert!(error.source().is_some(), "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_may_pass_is_tried_again() {
        for (name, number) in
            [("EIO", 5), ("EINTR", 4), ("EAGAIN", 11), ("EMFILE", 24), ("ESTALE", 116), ("ETIMEDOUT", 110), ("ECONNRESET", 104)]
        {
            let error = of("put", system(number));
            assert_eq!(error.class(), Transient, "{name}");
            assert_eq!(error.to_string(), "put items/undated/a.eml: the store failed", "{name}");
        }
    }

    #[test]
    fn what_a_remote_store_refuses_is_fatal() {
        let source = || "403 Forbidden".into();
        let path = || "a.eml".to_owned();
        for error in [
            object_store::Error::PermissionDenied { path: path(), source: source() },
            object_store::Error::Unauthenticated { path: path(), source: source() },
        ] {
            let error = of("put", error);
            assert_eq!((error.class(), error.kind()), (Fatal, ErrorKind::Sink));
            assert!(error.to_string().contains("not permitted"), "{error}");
        }
        let error = of("put", object_store::Error::NotSupported { source: source() });
        assert_eq!((error.class(), error.to_string().as_str()), (Fatal, "put items/undated/a.eml: the store cannot do this"));
    }

    #[test]
    fn what_is_missing_is_looked_for_with_verify() {
        let missing = || object_store::Error::NotFound { path: "a.eml".to_owned(), source: "404".into() };
        let error = of("read", missing());
        assert_eq!(error.class(), Fatal);
        assert!(error.to_string().starts_with("read items/undated/a.eml: it is not there; run `jabber-archive verify`"), "{error}");
        assert_eq!(of("put", missing()).to_string(), "put items/undated/a.eml: it is not there");
    }

    #[test]
    fn a_transport_error_without_a_status_may_pass() {
        let error = of("put", object_store::Error::Generic { store: "S3", source: "error sending request".into() });
        assert_eq!(error.class(), Transient);
    }
}
