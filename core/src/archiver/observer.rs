use std::{fmt, time::Duration};

use crate::{Error, RunReport, Span, Window};

/// Is told what an archiver does; for progress, logs and metrics.
///
/// # Contract
///
/// Calls come from wherever the run is polled and must return at once.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Something happened.
    fn observe(&self, event: &Event<'_>);
}

/// What an archiver does. Holds counts and ids, never text or people.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event<'a> {
    /// What is to be done is known: windows with rows, and the rows in them.
    Planned {
        /// From the first window to the last.
        span: Span,
        /// Windows with rows.
        windows: u64,
        /// Rows that the source counted in them.
        rows: u64,
    },
    /// Rows of a chunk arrived.
    Read {
        /// How many rows of the chunk have arrived so far.
        rows: u64,
    },
    /// More rows than were read: the chunk is read again.
    ReadAgain {
        /// The chunk's windows.
        span: Span,
    },
    /// A window, or a range of empty windows, is sealed.
    Sealed {
        /// From start to end.
        span: Span,
        /// The number of the entry.
        entry: u64,
        /// Messages in its items.
        messages: u64,
        /// Items.
        items: u64,
        /// Their bytes.
        bytes: u64,
        /// Rows accounted for.
        rows: u64,
    },
    /// Something was found in a sealed window when it was read again, and added to it.
    Amended {
        /// From start to end.
        span: Span,
        /// The number of the entry.
        entry: u64,
        /// Messages that are added.
        messages: u64,
        /// Their items.
        items: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A sealed window was compared with the source.
    Compared {
        /// The window.
        window: Window,
        /// Messages of the source in it.
        messages: u64,
        /// Differences that nobody has recorded.
        differences: u64,
    },
    /// Another program sealed this window first, or added to it.
    Raced {
        /// The window.
        window: Window,
    },
    /// An error may pass; it is tried again after a while.
    Retrying {
        /// What went wrong.
        error: &'a Error,
        /// How long is waited.
        wait: Duration,
    },
    /// The run is over, whether it is done, was stopped or failed; always the last event of a run, or of a repair that wrote something.
    Ended {
        /// What it did until then. After an error nothing else tells.
        report: &'a RunReport,
    },
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Silence;

impl Observer for Silence {
    fn observe(&self, _: &Event<'_>) {}
}
