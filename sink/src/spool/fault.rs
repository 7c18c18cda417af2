//! What the errors of the operating system mean for a spool.

use std::{io, path::Path};

use jabber_archive_core::{Error, ErrorClass, ErrorKind};

/// The error, with its class and what to do about it.
///
/// What may pass is tried again by reading the rows anew, which is dear: only what is known to pass counts so.
pub(super) fn classify(operation: &'static str, folder: &Path, error: io::Error) -> Error {
    use io::ErrorKind as Kind;
    let (class, what, advice) = match error.kind() {
        Kind::Interrupted | Kind::ResourceBusy | Kind::TimedOut | Kind::StaleNetworkFileHandle => {
            (ErrorClass::Transient, "the folder of the spool failed", None)
        }
        Kind::StorageFull | Kind::QuotaExceeded => (
            ErrorClass::Fatal,
            "no space is left for what outgrows memory",
            Some("make space, name a larger folder with `spool` under [run], or raise `memory` there; what is sealed is intact"),
        ),
        Kind::ReadOnlyFilesystem | Kind::PermissionDenied => (
            ErrorClass::Fatal,
            "files cannot be made in the folder of the spool",
            Some("give the account that runs this the right to write there, or name another folder with `spool` under [run]"),
        ),
        Kind::NotFound | Kind::NotADirectory => {
            (ErrorClass::Fatal, "the folder of the spool is not there", Some("make it, or name another with `spool` under [run]"))
        }
        Kind::FileTooLarge => (
            ErrorClass::Fatal,
            "a file of the spool is larger than a file may be",
            Some("raise the limit of the account or the file system"),
        ),
        _ => (ErrorClass::Fatal, "the folder of the spool failed", Some("name another folder with `spool` under [run]")),
    };
    let built = Error::new(ErrorKind::Spool, class, operation, what).about(folder.display()).because(error);
    match advice {
        Some(advice) => built.advise(advice),
        None => built,
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_no_further_try_can_change_is_fatal_and_says_what_to_do() {
        for (name, number, message) in [
            ("ENOSPC", 28, "write /spool: no space is left for what outgrows memory; make space, name a larger folder with `spool`"),
            ("EDQUOT", 122, "write /spool: no space is left for what outgrows memory; make space"),
            ("EACCES", 13, "write /spool: files cannot be made in the folder of the spool; give the account"),
            ("EROFS", 30, "write /spool: files cannot be made in the folder of the spool; give the account"),
            ("ENOENT", 2, "write /spool: the folder of the spool is not there; make it"),
            ("ENOTDIR", 20, "write /spool: the folder of the spool is not there; make it"),
            ("EFBIG", 27, "write /spool: a file of the spool is larger than a file may be; raise the limit"),
            ("EIO", 5, "write /spool: the folder of the spool failed; name another folder"),
        ] {
            let error = classify("write", Path::new("/spool"), io::Error::from_raw_os_error(number));
            assert_eq!((error.kind(), error.class()), (ErrorKind::Spool, ErrorClass::Fatal), "{name}");
            assert!(error.to_string().starts_with(message), "{name}: {error}");
            assert!(error.source().is_some(), "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_passes_is_tried_again() {
        for (name, number) in [("EINTR", 4), ("EBUSY", 16), ("ETIMEDOUT", 110), ("ESTALE", 116)] {
            let error = classify("read", Path::new("/spool"), io::Error::from_raw_os_error(number));
            assert_eq!(error.class(), ErrorClass::Transient, "{name}");
        }
    }
}
