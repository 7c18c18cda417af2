//! What the service logs: one line for each thing that happens, as text or as JSON.

use std::sync::{Arc, Mutex, PoisonError};

use jabber_archive_core::{Error, Event, Observer, RunReport};
use tracing::{error, info, warn};
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use super::vitals::Vitals;
#[cfg(feature = "imap")]
use crate::command::import::Delivered;
use crate::console::{Watcher, causes};

/// Logs to standard error from now on; only what this program says, nothing of its libraries.
pub(super) fn begin(json: bool) {
    let ours = Targets::new().with_target("jabber_archive", tracing::Level::INFO);
    let layer = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let layer = if json { layer.json().flatten_event(true).with_current_span(false).boxed() } else { layer.with_ansi(false).boxed() };
    tracing_subscriber::registry().with(layer.with_filter(ours)).init();
}

/// Logs an error with what led to it.
pub(super) fn failed(what: &'static str, failure: &Error) {
    let causes = causes(failure).join("; ");
    error!(class = ?failure.class(), causes, "{what}: {failure}");
}

/// Logs what an import did, and what was refused.
#[cfg(feature = "imap")]
pub(super) fn delivered(delivered: &Delivered) {
    let imported = &delivered.imported;
    for problem in &imported.problems {
        error!("not delivered: {problem}");
    }
    for problem in &imported.unlisted {
        error!("nothing of it delivered: {problem}");
    }
    for refused in &imported.refused {
        warn!("{refused}");
    }
    let (copies, refused, head) = (imported.delivered, imported.refusals(), imported.head.map(|head| head.to_string()).unwrap_or_default());
    info!(copies, found = imported.found, bytes = imported.bytes, refused, seconds = delivered.seconds, head, "the import ended");
}

/// Logs what a run does, and keeps what it reports at its end.
#[derive(Debug)]
pub(super) struct Logged {
    vitals: Arc<Vitals>,
    report: Mutex<Option<RunReport>>,
}

impl Logged {
    /// What happens counts there, too.
    pub(super) fn counted(vitals: Arc<Vitals>) -> Arc<Self> {
        Arc::new(Self { vitals, report: Mutex::default() })
    }
}

/// Logs nothing.
#[derive(Debug)]
pub(super) struct Quiet;

impl Observer for Quiet {
    fn observe(&self, _: &Event<'_>) {}
}

impl Watcher for Logged {
    fn end(&self) -> Option<RunReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn complain(&self, error: &Error) {
        failed("beside the run", error);
    }
}

impl Observer for Logged {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Planned { span, windows, rows } => {
                info!(start = %span.start, end = %span.end, windows, rows, "rows to archive");
            }
            Event::Sealed { span, entry, messages, items, bytes, rows } => {
                self.vitals.sealed();
                info!(entry, start = %span.start, end = %span.end, rows, messages, mails = items, bytes, "sealed");
            }
            Event::Amended { span, entry, messages, items, bytes } => {
                info!(entry, start = %span.start, end = %span.end, messages, mails = items, bytes, "added to a sealed window");
            }
            Event::ReadAgain { span } => info!(start = %span.start, end = %span.end, "rows came while they were read: reading again"),
            Event::Compared { window, messages, differences } if *differences > 0 => {
                warn!(start = %window.start(), end = %window.end(), messages, differences, "source and archive differ");
            }
            Event::Raced { window } => info!(start = %window.start(), "another program sealed this window first, or added to it"),
            Event::Retrying { error, wait } => {
                self.vitals.count(|counters| counters.retries += 1);
                warn!(seconds = wait.as_secs_f64(), "{error}: trying again");
            }
            Event::Ended { report } => {
                *self.report.lock().unwrap_or_else(PoisonError::into_inner) = Some((*report).clone());
            }
            _ => {}
        }
    }
}
