//! `[watch]`: when the service archives, and who may ask how it is.

use std::{net::SocketAddr, time::Duration};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Grid, Result, RunSettings, Span as Time, Timestamp};
use serde::Deserialize;

use super::{Schedule, Span, TimeOfDay};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchConfig {
    every: Option<Span>,
    at: Option<TimeOfDay>,
    retry_after: Option<Span>,
    audit_every: Option<Span>,
    audit_span: Option<Span>,
    unhealthy_after: Option<Span>,
    listen: Option<SocketAddr>,
}

/// When the source is compared with the archive, and how far back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AuditSchedule {
    pub(crate) schedule: Schedule,
    back: Duration,
}

impl AuditSchedule {
    /// What an audit that begins now looks at.
    pub(crate) fn span(&self, now: Timestamp) -> Time {
        Time::new(now.before(self.back), now)
    }
}

impl WatchConfig {
    /// Nothing is said.
    pub(super) const UNSAID: Self =
        Self { every: None, at: None, retry_after: None, audit_every: None, audit_span: None, unhealthy_after: None, listen: None };
    const DAY: Duration = Duration::from_hours(24);
    /// By then a window that was just closed has its rows, and is sealed by the first run after.
    const BEHIND: Duration = Duration::from_mins(5);
    const RETRY_AFTER: Duration = Duration::from_mins(15);
    const AUDIT_SPAN: Duration = Duration::from_hours(7 * 24);
    const UNHEALTHY_AFTER: Duration = Duration::from_hours(36);

    /// When the archive is run; unless it is set, every day a little after a window is closed.
    pub(crate) fn schedule(&self, grid: &Grid, settings: &RunSettings) -> Result<Schedule> {
        Schedule::new("[watch] every", self.every.map_or(Self::DAY, |every| every.0), self.at(grid, settings))
    }

    fn at(&self, grid: &Grid, settings: &RunSettings) -> Duration {
        self.at.map_or(grid.anchor() + settings.settle + Self::BEHIND, |at| at.0)
    }

    /// How long after a run that failed there is another one.
    pub(crate) fn retry_after(&self) -> Duration {
        self.retry_after.map_or(Self::RETRY_AFTER, |after| after.0)
    }

    /// When to audit, behind the run of that time; none if that is not set.
    pub(crate) fn audit(&self, grid: &Grid, settings: &RunSettings) -> Result<Option<AuditSchedule>> {
        let Some(every) = self.audit_every else {
            return match self.audit_span {
                Some(_) => Err(refuse("[watch] audit_span", "it has no meaning without `audit_every`", "say how often, or remove it")),
                None => Ok(None),
            };
        };
        let schedule = Schedule::new("[watch] audit_every", every.0, self.at(grid, settings))?;
        Ok(Some(AuditSchedule { schedule, back: self.audit_span.map_or(Self::AUDIT_SPAN, |span| span.0) }))
    }

    /// After how long without anything sealed the service is not well.
    pub(crate) fn unhealthy_after(&self) -> Duration {
        self.unhealthy_after.map_or(Self::UNHEALTHY_AFTER, |after| after.0)
    }

    /// Where the service says how it is; nowhere unless it is asked to.
    pub(crate) fn listen(&self) -> Result<Option<SocketAddr>> {
        match self.listen {
            Some(address) if !address.ip().is_loopback() => Err(refuse(
                "[watch] listen",
                "it is no address of the loopback interface: whoever can reach it would see the status page",
                "use 127.0.0.1 or [::1], and put a proxy with sign-in before it",
            )),
            address => Ok(address),
        }
    }
}

fn refuse(setting: &str, what: &str, advice: &str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "read configuration", what).about(setting).advise(advice)
}
