//! What is told of an archive, to whoever watches it: how far it has come, what was found, and whether that is as it should be.
//!
//! The chain is read once, entry by entry, and folded into what is shown: [`Reading`] holds the last runs, the days of a year and the windows that have dead letters,
//! however long the chain is.

mod days;
mod findings;
mod health;
mod page;
mod purge;
mod reading;
mod runs;
#[cfg(test)]
mod tests;
mod text;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use jabber_archive_core::{ArchiveFacts, Census, DeadLetter, Digest, FilterReason, KeptKind, Ledger, Result, RunEntry, Span, Timestamp};
use jabber_archive_sink::{Archive, ObjectLedger};
use serde::Serialize;

use self::reading::Reading;
pub(crate) use self::{
    days::Day,
    findings::Found,
    health::Health,
    page::{MARK, page},
    purge::Purge,
    runs::Ran,
};
use crate::{
    config::{Config, Expected},
    wiring::{self, Place},
};

/// How many entries are read at the same time.
const AHEAD: usize = 16;

/// What is told of an archive.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) archive: String,
    /// When it was asked for.
    pub(crate) asked: Timestamp,
    /// Whether the archive is as it should be; none where no configuration says that it is to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) health: Option<Health>,
    pub(crate) facts: ArchiveFacts,
    pub(crate) entries: u64,
    /// Where the first window begins.
    pub(crate) archived_from: Option<Timestamp>,
    pub(crate) archived_until: Option<Timestamp>,
    pub(crate) windows: Windows,
    pub(crate) messages: u64,
    pub(crate) filtered: BTreeMap<FilterReason, u64>,
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    /// Those that the last entry of their window names: what was archived since is none.
    pub(crate) dead_letters: u64,
    pub(crate) findings: u64,
    pub(crate) head: Option<Digest>,
    pub(crate) last_run: Option<RunEntry>,
    /// The next one, where somebody plans it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_run: Option<Timestamp>,
    /// When rows that are not archived are purged, if the configuration says that they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) purge: Option<Purge>,
    pub(crate) lateness: Lateness,
    /// Of whom the directory knew an address in the last window in which anybody took part.
    pub(crate) people: Option<People>,
    /// The windows that have dead letters, the newest first, so many at most as are worth a look at once.
    pub(crate) dead_letter_windows: Vec<DeadLetterWindow>,
    /// What was found in the last year, by kind.
    pub(crate) findings_by_kind: Vec<Found>,
    /// The last runs that did something, the newest first.
    pub(crate) runs: Vec<Ran>,
    /// What was done behind the last run's entry: by one that is at work, or did not come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unfinished: Option<Ran>,
    /// A year of days in UTC, the last one today.
    pub(crate) days: Vec<Day>,
}

/// How many windows are sealed and are not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Windows {
    /// Those that are sealed, with rows or without.
    pub(crate) sealed: u64,
    /// Those that are closed and not sealed; none where nobody says when windows are closed, or where the archive is to begin.
    pub(crate) due: Option<u64>,
}

/// What comes late: the archive itself, and rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Lateness {
    /// How long ago the last sealed window ended.
    pub(crate) age_seconds: Option<u64>,
    /// From when on the runs are counted that added late rows.
    pub(crate) since: Option<Timestamp>,
    /// To how many windows they added.
    pub(crate) windows: u64,
    /// How many messages.
    pub(crate) messages: u64,
}

/// Of how many people of a window an address is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct People {
    pub(crate) window: Span,
    #[serde(flatten)]
    pub(crate) census: Census,
}

/// A window that has dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DeadLetterWindow {
    pub(crate) window: Span,
    /// How many.
    pub(crate) dead_letters: u64,
    /// The first of them: `dead-letters/<digest>.json`.
    pub(crate) named: Vec<Digest>,
    /// Why the first could not be archived; none where it cannot be read.
    pub(crate) reason: Option<String>,
}

/// What is known beside the chain by whoever runs the archiver, and what is expected of it.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// For how long nothing may be sealed while something is due.
    pub(crate) limit: Duration,
    /// When the last window was sealed, by the clock: a run that is at work has no entry yet.
    pub(crate) sealed: Option<Timestamp>,
    /// How the last run failed, if it did.
    pub(crate) failed: Option<Failed>,
    /// When the next run is to begin.
    pub(crate) next_run: Option<Timestamp>,
}

impl Service {
    /// A window of a day, the time until it is closed, and half a day in which somebody may mend what is broken.
    pub(crate) const LIMIT: Duration = Duration::from_hours(36);
}

impl Default for Service {
    fn default() -> Self {
        Self { limit: Self::LIMIT, sealed: None, failed: None, next_run: None }
    }
}

/// That a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    /// When it began.
    pub(crate) started: Timestamp,
    /// The error in one line, with its advice.
    pub(crate) error: String,
}

/// How an archive is to be judged.
#[derive(Debug, Clone, Default)]
struct Judgement {
    /// How long after its end a window is closed; none where no configuration says that the archive is to go on.
    settle: Option<Duration>,
    /// Where an archive without a window is to begin.
    start: Option<Timestamp>,
    purge_after_days: Option<u32>,
    expected: Expected,
}

impl From<&Config> for Judgement {
    fn from(config: &Config) -> Self {
        let settings = wiring::settings(config);
        Self {
            settle: Some(settings.settle),
            start: settings.start,
            purge_after_days: settings.purge_after_days,
            expected: config.run.expected_findings.clone(),
        }
    }
}

impl Status {
    /// What the chain tells of an archive. It is judged where there is a configuration: a copy of an archive, named by its folder, need not go on.
    pub(crate) async fn of(place: &Place, archive: &Archive, config: Option<&Config>, service: &Service, now: Timestamp) -> Result<Self> {
        let ledger = archive.ledger();
        let Some((facts, _)) = ledger.facts().await? else {
            return Err(place.empty());
        };
        let mut reading = Reading::new(facts, config.map(Judgement::from).unwrap_or_default(), now);
        let mut links = stream::iter(ledger.numbers().await?).map(|number| ledger.entry(number)).buffered(AHEAD);
        while let Some(link) = links.try_next().await? {
            reading.take(link);
        }
        let mut status = reading.end(place.to_string(), service);
        let named: Vec<Option<Digest>> = status.dead_letter_windows.iter().map(|window| window.named.first().copied()).collect();
        let reasons: Vec<Option<String>> = stream::iter(named).map(|digest| reason(&ledger, digest)).buffered(AHEAD).collect().await;
        for (window, reason) in status.dead_letter_windows.iter_mut().zip(reasons) {
            window.reason = reason;
        }
        Ok(status)
    }

    /// Whether somebody has to do something for the archive to go on.
    pub(crate) fn is_unhealthy(&self) -> bool {
        self.health.as_ref().is_some_and(|health| !health.healthy)
    }
}

/// Why a dead letter is one. Whether it is as it was kept is a matter of verification.
async fn reason(ledger: &ObjectLedger, digest: Option<Digest>) -> Option<String> {
    let stored = ledger.load(KeptKind::DeadLetter, &digest?).await.ok()?;
    let bytes: Vec<Bytes> = stored.try_collect().await.ok()?;
    match serde_json::from_slice(&bytes.concat()).ok()? {
        DeadLetter::Row { table, reason, .. } => Some(format!("{table}: {reason}")),
        DeadLetter::Message { reason, .. } | DeadLetter::Encrypted { reason, .. } => Some(reason),
        _ => None,
    }
}
