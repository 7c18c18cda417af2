//! What the answers of a server mean for the archive.

use std::time::Duration;

use imap_next::imap_types::response::{Code, Data, StatusKind};
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Refusal, RefusalReason};

/// How much of a server's own words is kept.
const LONGEST_WORDS: usize = 200;

/// The answer to a command.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) kind: StatusKind,
    pub(crate) code: Option<Code<'static>>,
    pub(crate) words: String,
    /// What came before it.
    pub(crate) data: Vec<Data<'static>>,
    /// The codes of what came before it.
    pub(crate) codes: Vec<Code<'static>>,
}

impl Answer {
    pub(crate) fn is_ok(&self) -> bool {
        self.kind == StatusKind::Ok
    }

    /// Whether the code is this one of RFC 5530 and others, which the library does not know.
    fn is(&self, name: &str) -> bool {
        let Some(Code::Other(other)) = &self.code else { return false };
        let first = other.inner().split(|byte| *byte == b' ').next().unwrap_or_default();
        first.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Whether there is something of that name already.
    pub(crate) fn is_there_already(&self) -> bool {
        self.is("ALREADYEXISTS")
    }

    /// Whether the folder is missing.
    pub(crate) fn lacks_folder(&self) -> bool {
        self.code == Some(Code::TryCreate) || self.is("NONEXISTENT")
    }

    /// | answer | meaning |
    /// |---|---|
    /// | `OVERQUOTA` (RFC 9208) | the mailbox is full |
    /// | `TOOBIG` (RFC 4469, RFC 7889) | the mail is too large |
    /// | `NOPERM` (RFC 5530) | no right to write |
    /// | `INUSE`, `UNAVAILABLE`, `LIMIT`, `SERVERBUG` (RFC 5530), a wait that is asked for | it may pass |
    /// | anything else | `otherwise` |
    pub(crate) fn refusal(&self, otherwise: RefusalReason) -> Refusal {
        let reason = match &self.code {
            Some(Code::OverQuota) => RefusalReason::Quota,
            Some(Code::TooBig) => RefusalReason::TooLarge,
            _ if self.is("NOPERM") => RefusalReason::Permission,
            _ if self.may_pass() => RefusalReason::Unavailable,
            _ => otherwise,
        };
        Refusal::new(reason, self.words.clone())
    }

    fn may_pass(&self) -> bool {
        ["INUSE", "UNAVAILABLE", "LIMIT", "SERVERBUG"].into_iter().any(|name| self.is(name)) || self.asked_wait().is_some()
    }

    /// How long Exchange Online asks to be left alone: `Request is throttled. Suggested Backoff Time: 29796 milliseconds`.
    pub(crate) fn asked_wait(&self) -> Option<Duration> {
        let (_, behind) = self.words.split_once("Suggested Backoff Time:")?;
        let milliseconds = behind.split_whitespace().next()?.parse().ok()?;
        Some(Duration::from_millis(milliseconds))
    }

    /// The answer as an error, where nothing but the server is at fault.
    pub(crate) fn error(&self, verb: &'static str, about: &str) -> Error {
        let class = if self.may_pass() { ErrorClass::Transient } else { ErrorClass::Fatal };
        let error = Error::new(ErrorKind::Mailbox, class, verb, format!("the server refuses: {}", self.words)).about(about);
        match self.asked_wait() {
            Some(wait) => error.retry_after(wait),
            None => error,
        }
    }
}

/// What a server says in its own words, as one line.
pub(crate) fn words(text: &str) -> String {
    let line: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(LONGEST_WORDS).collect();
    line.trim().to_owned()
}
