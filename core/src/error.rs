use std::{error::Error as StdError, fmt, time::Duration};

use crate::MessageKey;

/// The result of every fallible operation of the project.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, to what, and what may be done about it.
///
/// One type serves all crates; it is built where the fault arises, where its [`ErrorClass`] is known.
/// `Display` is one line without the source; [`source`](std::error::Error::source) always gives the cause.
/// Neither ever holds a secret or the text of a message.
///
/// ```
/// use jabber_archive_core::{Error, ErrorClass, ErrorKind};
///
/// let error = Error::new(ErrorKind::Sink, ErrorClass::Transient, "put", "the store did not answer")
///     .about("items/2026/11/21/abc.eml");
/// assert_eq!(error.to_string(), "put items/2026/11/21/abc.eml: the store did not answer");
/// assert!(error.class().is_retried());
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Inner>);

#[derive(Debug, thiserror::Error)]
#[error("{operation}{}: {what}{}", Behind(" ", .subject.as_deref()), Behind("; ", .advice.as_deref()))]
struct Inner {
    kind: ErrorKind,
    class: ErrorClass,
    operation: &'static str,
    subject: Option<String>,
    what: String,
    advice: Option<String>,
    message: Option<MessageKey>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The part of the archive in which an error arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is missing, unknown or wrong.
    Config,
    /// The database, or what it sent.
    Source,
    /// A conversation or a mail made from it.
    Conversion,
    /// The store of mails.
    Sink,
    /// The chain of entries and what it refers to.
    Ledger,
    /// The directory of people.
    Directory,
    /// A transferred file.
    File,
    /// A mailbox, or the server that has it.
    Mailbox,
    /// The space that a chunk outgrew.
    Spool,
    /// A window, or what it would be made with, is so unlike the one before that nobody should seal it without a look.
    Limit,
    /// What the program prints.
    Output,
    /// The run was asked to stop.
    Cancelled,
}

/// What a caller does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// It may pass: try again after a while. Transport errors without a status are of this class.
    Transient,
    /// Fetch the credential anew, then try again.
    Credential,
    /// This one thing cannot be archived: write a dead letter, go on with the others.
    Item,
    /// Stop, and leave everything as it is.
    Fatal,
}

impl ErrorClass {
    /// Whether trying again can help.
    pub fn is_retried(self) -> bool {
        matches!(self, Self::Transient | Self::Credential)
    }
}

impl Error {
    /// An error of `operation`, a verb such as `put` or `connect`; `what` says what happened.
    pub fn new(kind: ErrorKind, class: ErrorClass, operation: &'static str, what: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            class,
            operation,
            subject: None,
            what: what.into(),
            advice: None,
            message: None,
            retry_after: None,
            source: None,
        }))
    }

    /// Names the thing that it happened to: a key, a table, a setting.
    #[must_use]
    pub fn about(mut self, subject: impl fmt::Display) -> Self {
        self.0.subject = Some(subject.to_string());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Names the one message that it happened to, so that its conversation can go on without it.
    #[must_use]
    pub fn about_message(mut self, key: MessageKey) -> Self {
        self.0.message = Some(key);
        self
    }

    /// The same as of another class, where a caller knows more than the place where it arose.
    #[must_use]
    pub(crate) fn of_class(mut self, class: ErrorClass) -> Self {
        self.0.class = class;
        self
    }

    /// How long the other side asked to be left alone.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The part of the archive in which it arose.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What a caller does about it.
    pub fn class(&self) -> ErrorClass {
        self.0.class
    }

    /// The verb of the failed operation.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The key, table or setting that it happened to.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The one message that it happened to.
    pub fn message(&self) -> Option<&MessageKey> {
        self.0.message.as_ref()
    }

    /// What a person can do about it.
    pub fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    /// How long the other side asked to be left alone.
    pub fn wait(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

/// A text that may be missing, behind what parts it from the text before.
struct Behind<'a>(&'static str, Option<&'a str>);

impl fmt::Display for Behind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(text) => write!(f, "{}{text}", self.0),
            None => Ok(()),
        }
    }
}
