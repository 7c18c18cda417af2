use std::time::Duration;

use jabber_archive_core::Timestamp;
use serde::Serialize;

use super::{Failed, Service, Status};
use crate::config::Expected;

/// Whether an archive is as it should be, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Health {
    /// Whether it goes on by itself.
    pub(crate) healthy: bool,
    /// What somebody has to do, and then what somebody ought to look at.
    pub(crate) reasons: Vec<Reason>,
}

/// Something to do, or to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Reason {
    /// What it is called.
    pub(crate) kind: &'static str,
    /// Whether the archive does not go on as it should; else it is only to be looked at.
    pub(crate) unhealthy: bool,
    pub(crate) what: String,
    /// What to do.
    pub(crate) advice: &'static str,
}

impl Health {
    /// Judges what is known of an archive whose windows are closed so long after their end.
    pub(super) fn of(status: &Status, settle: Duration, expected: &Expected, service: &Service) -> Self {
        let unhealthy = [standing_still(status, settle, service.limit, service.sealed), failed(service), purge_near(status)];
        let to_see = [unfinished(status), found(status, expected), dead_letters(status)];
        let reasons: Vec<Reason> = unhealthy.into_iter().chain(to_see).flatten().collect();
        Self { healthy: !reasons.iter().any(|reason| reason.unhealthy), reasons }
    }
}

/// Nothing was sealed for longer than the limit, and something is due.
///
/// A window is sealed some time after its end, at the time of day at which somebody runs the archiver: so long as either is not further back than the limit, it goes on.
fn standing_still(status: &Status, settle: Duration, limit: Duration, sealed: Option<Timestamp>) -> Option<Reason> {
    let reason = |what, advice| Some(Reason { kind: "standing-still", unhealthy: true, what, advice });
    let Some(until) = status.archived_until else {
        return reason("nothing is archived yet".to_owned(), "`jabber-archive run` archives what is closed, or says why it cannot.");
    };
    if status.windows.due == Some(0) {
        return None;
    }
    let ran = status.runs.iter().find(|run| run.seals > 0).and_then(|run| run.started);
    // A clock that once was ahead vouches for nothing.
    let last = [ran, sealed].into_iter().flatten().filter(|time| *time <= status.asked).fold(until, Timestamp::max);
    if status.asked.millis() - last.millis() <= limit.as_millis() as i64 {
        return None;
    }
    let due = status.windows.due.unwrap_or_default();
    let first_due = until.after(status.facts.grid.length()).after(settle);
    let what = format!(
        "nothing was sealed for more than {}, and {due} {} due, the first since {}",
        hours(limit),
        if due == 1 { "window is" } else { "windows are" },
        minute(first_due)
    );
    reason(what, "Look whether runs are made, and how the last one ended; `jabber-archive run` says what stops it, and goes on from there.")
}

fn failed(service: &Service) -> Option<Reason> {
    let Failed { started, error } = service.failed.as_ref()?;
    Some(Reason {
        kind: "run-failed",
        unhealthy: true,
        what: format!("the round of {} failed: {error}", minute(*started)),
        advice: "Do what the error says. What was sealed is intact; the next run goes on from there.",
    })
}

fn purge_near(status: &Status) -> Option<Reason> {
    let purge = status.purge.filter(|purge| purge.near)?;
    let (after_days, unsealed, days) = (purge.after_days, minute(purge.unsealed), purge.days);
    let what = if days < 0 {
        format!("rows from {unsealed} on are not archived, and past the {after_days} days after which they are purged")
    } else {
        format!("{days} days until rows from {unsealed} on, which are not archived, are purged, {after_days} days old")
    };
    Some(Reason { kind: "purge-near", unhealthy: true, what, advice: "Run now. What is purged before it is archived is lost." })
}

/// Entries behind the last run's: no fault, as long as it is at work.
fn unfinished(status: &Status) -> Option<Reason> {
    let run = status.unfinished.as_ref()?;
    Some(Reason {
        kind: "unfinished-run",
        unhealthy: false,
        what: format!(
            "a run has sealed or added to {} windows and has not ended: it is at work, or was interrupted",
            run.windows + run.addenda
        ),
        advice: "If none is at work, run again: it goes on from there.",
    })
}

/// What the last run found and nobody expects.
fn found(status: &Status, expected: &Expected) -> Option<Reason> {
    let news: Vec<&str> = status.runs.first()?.findings.keys().copied().filter(|kind| !expected.names(kind)).collect();
    (!news.is_empty()).then(|| Reason {
        kind: "findings",
        unhealthy: false,
        what: format!("the last run that did something has findings: {}", news.join(", ")),
        advice: "Do what is said of each kind. A kind that you live with belongs into `expected_findings`.",
    })
}

fn dead_letters(status: &Status) -> Option<Reason> {
    (status.dead_letters > 0).then(|| Reason {
        kind: "dead-letters",
        unhealthy: false,
        what: format!("{} dead letters could not be archived as mails; they are kept with their reasons", status.dead_letters),
        advice: "Mend what the reasons say, then run `jabber-archive retry` while the rows are in the source.",
    })
}

/// An instant to the minute.
fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{} UTC", text.get(..16).unwrap_or(&text).replace('T', " "))
}

/// A length of time in hours, and minutes where it is no whole hours.
fn hours(duration: Duration) -> String {
    match (duration.as_secs() / 3_600, duration.as_secs() / 60 % 60) {
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
