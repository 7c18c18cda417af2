//! What went wrong, and what may be done about it.

use jabber_archive_core::{Error, ErrorClass, ErrorKind};

/// A file, or the place where files are, cannot be read.
pub(crate) fn unreadable(class: ErrorClass, what: impl Into<String>) -> Error {
    Error::new(ErrorKind::File, class, "read file", what)
}

/// A setting is wrong, or a server is not as it is set.
pub(crate) fn refuse(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "set up file store", what)
}

/// It is there and may not be read.
pub(crate) fn denied() -> Error {
    unreadable(ErrorClass::Item, "it is there and may not be read").advise("let the account that archives read it")
}

/// Its size is not the one that it had when it was opened. It is read again from its start.
pub(crate) fn changed() -> Error {
    unreadable(ErrorClass::Transient, "it changed while it was read")
}

/// The sentinel of a root is not there.
pub(crate) fn without_sentinel(place: &str, sentinel: &str) -> Error {
    unreadable(
        ErrorClass::Transient,
        format!("it has no file `{sentinel}`, so that nobody can tell whether files are missing or all of it is"),
    )
    .about(place)
    .advise(format!("check that it is mounted and the right one; if it is, make an empty file `{sentinel}` in it"))
}
