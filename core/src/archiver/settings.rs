use std::time::Duration;

use bytes::Bytes;

use crate::{Act, ArchiveFacts, Digest, Error, ErrorClass, ErrorKind, Result, Timestamp};

/// How an archive is run. What never changes in an archive is in [`ArchiveFacts`](crate::ArchiveFacts) instead.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunSettings {
    /// How long after its end a window is closed, because rows come late; at least the margin.
    pub settle: Duration,
    /// Where a new archive begins: with the window of this instant. Without it, with the first row from 2000 on.
    pub start: Option<Timestamp>,
    /// How many of the last sealed windows every run counts again: those with other rows than were archived are read again, and what they lack is added.
    pub late_windows: u32,
    /// How many windows with rows one scan of a table without an index serves.
    pub chunk_windows: usize,
    /// How many bytes rows, and the conversations that are made of them, may take at the same time.
    ///
    /// A quarter is for rows that are being read, half for those that are being written and what is made of them, the rest is reserve. What does not fit goes to the
    /// [`Spool`](crate::Spool), and comes back some conversations at a time; without one, rows that do not fit are refused.
    ///
    /// A conversation of a window is never divided: one that alone takes more is held as a whole, about two and a half times. Beside all this stand
    /// [`in_flight`](Self::in_flight), the mails of one conversation, the source's rooms and people, 26 bytes for each mail of a window, and what the program itself takes.
    pub memory: usize,
    /// How many conversations are stored at the same time.
    pub concurrency: usize,
    /// How many bytes of mails may wait to be stored at the same time; a conversation with more is stored alone.
    pub in_flight: usize,
    /// How errors that may pass are retried.
    pub retry: RetryPolicy,
    /// After how many days the source's rows are purged, if somebody does: a run that comes late is told in a finding. The shortest, of several sources.
    pub purge_after_days: Option<u32>,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            settle: Duration::from_hours(1),
            start: None,
            late_windows: 7,
            chunk_windows: 7,
            memory: 256 << 20,
            concurrency: 16,
            in_flight: 64 << 20,
            retry: RetryPolicy::default(),
            purge_after_days: None,
        }
    }
}

impl RunSettings {
    /// Clocks further apart than this are a finding; further apart than `settle`, and a run is refused.
    pub const CLOCK_SKEW: Duration = Duration::from_mins(5);

    /// How far back the room archive is asked which rooms it has, and how far their numbers have come.
    pub const NUMBERS_LOOKBACK: Duration = Duration::from_hours(30 * 24);

    /// How many bytes of rows one chunk may hold in memory: two chunks are at work at the same time, and of one copies and conversations are made.
    pub(super) fn held(&self) -> usize {
        self.memory / 4
    }

    /// Checks that an archive with these facts can be run so.
    ///
    /// # Errors
    ///
    /// If the facts are none that an archive can have, or if windows would be closed before the copies of their last messages can have come.
    pub fn check(&self, facts: &ArchiveFacts) -> Result<()> {
        facts.check()?;
        if self.settle < facts.margin() {
            return Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "run", "`settle` is shorter than `margin`")
                .advise("copies of a message may come a margin after its window's end: raise `settle`"));
        }
        Ok(())
    }
}

/// How often and how long an operation is tried again. The waits double from try to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How often an operation is tried, the first time included; as often as `total` allows until told otherwise.
    pub tries: u32,
    /// The first wait.
    pub first: Duration,
    /// The longest wait, unless the other side asks for a longer one.
    pub longest: Duration,
    /// How long the waits of one operation may last together.
    pub total: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { tries: u32::MAX, first: Duration::from_millis(250), longest: Duration::from_secs(30), total: Duration::from_mins(10) }
    }
}

impl RetryPolicy {
    /// The wait after the `tried`-th try, counted from 1, has failed and `waited` was waited before; `None` to give up. `asked` is how long the other side asked to be left alone.
    pub fn wait(&self, tried: u32, waited: Duration, asked: Option<Duration>) -> Option<Duration> {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(tried.saturating_sub(1)).unwrap_or(u32::MAX)).min(self.longest);
        let wait = doubled.max(asked.unwrap_or_default());
        (tried < self.tries && waited.saturating_add(wait) <= self.total).then_some(wait)
    }
}

/// Who runs an archiver, for the run's entry in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunIdentity {
    /// The machine.
    pub host: String,
    /// The account.
    pub account: String,
    /// The program and its version.
    pub version: String,
    /// The whole configuration but for secrets, as JSON: a run that did something keeps it, and its entry names it.
    pub configuration: Option<Bytes>,
    /// Why it goes on where it would stop for somebody to look first; its entry says so. None where it is to stop.
    pub accepted: Option<String>,
}

impl RunIdentity {
    /// A run by this account on this host.
    pub fn new(host: impl Into<String>, account: impl Into<String>, version: impl Into<String>) -> Self {
        Self { host: host.into(), account: account.into(), version: version.into(), configuration: None, accepted: None }
    }

    /// With a configuration, JSON without secrets.
    #[must_use]
    pub fn configured(self, configuration: impl Into<Bytes>) -> Self {
        Self { configuration: Some(configuration.into()), ..self }
    }

    /// Going on for this reason where it would stop for somebody to look first.
    #[must_use]
    pub fn accepting(self, reason: impl Into<String>) -> Self {
        Self { accepted: Some(reason.into()), ..self }
    }

    /// What an entry says of it, for what begins now. The configuration is the digest that it has where it is kept.
    pub fn act(&self, now: Timestamp) -> Act {
        let configuration = self.configuration.as_ref().map(|configuration| Digest::of(configuration));
        Act::new(now, self.host.as_str(), self.account.as_str(), self.version.as_str()).configured(configuration)
    }
}

impl Default for RunIdentity {
    fn default() -> Self {
        Self::new("unknown", "unknown", concat!("jabber-archive-core ", env!("CARGO_PKG_VERSION")))
    }
}
