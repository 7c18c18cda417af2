//! The service: archives again and again, and says how it is.

mod log;
mod metrics;
mod server;
mod vitals;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use jabber_archive_core::{ErrorKind, Result, Timestamp};
use tracing::{info, warn};

use self::{log::Logged, vitals::Vitals};
#[cfg(feature = "imap")]
use crate::command::import;
use crate::{
    command::{Failure, Outcome, Report, audit, is_of_configuration, now, run},
    config::{AuditSchedule, Config, Schedule},
    finding,
    status::Failed,
    wiring,
};

/// Completes when the service is to end.
type Stop = Shared<BoxFuture<'static, ()>>;

/// What archives from one time to the next. There is one round at a time, and one that takes longer than `every` is followed by the one that was due meanwhile, once.
#[derive(Debug)]
pub(crate) struct Service {
    config: PathBuf,
    times: Times,
    vitals: Arc<Vitals>,
    /// From when on audits are due: since the service began, or the last one did.
    audited: Option<Timestamp>,
}

/// When what is due, by the configuration that was read last.
#[derive(Debug, Clone, Copy)]
struct Times {
    schedule: Schedule,
    retry_after: Duration,
    audit: Option<AuditSchedule>,
}

impl Times {
    fn of(config: &Config) -> Result<Self> {
        let (grid, settings) = (wiring::facts(config)?.grid, wiring::settings(config));
        let (schedule, audit) = (config.service().schedule(&grid, &settings)?, config.service().audit(&grid, &settings)?);
        Ok(Self { schedule, retry_after: config.service().retry_after(), audit })
    }

    /// When the next round is, if one has ended now.
    fn next(&self, now: Timestamp, ended: Ended) -> Timestamp {
        let next = self.schedule.next(now);
        if ended == Ended::Failed { next.min(now.after(self.retry_after)) } else { next }
    }
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    Failed,
    Stopped,
}

impl Service {
    /// The service of this configuration, which has to be one to begin with.
    pub(crate) fn new(config: &Path) -> Result<Self> {
        let read = Config::read(config)?;
        let times = Times::of(&read)?;
        read.service().listen()?;
        Ok(Self { config: config.to_owned(), times, vitals: Arc::new(Vitals::new(read)), audited: None })
    }

    /// Archives at once, because something may have been missed, and from then on whenever it is time, until it is to stop.
    ///
    /// # Errors
    ///
    /// If the first round finds that the configuration cannot be used. Whatever goes wrong later, the service goes on.
    pub(crate) async fn serve(mut self, json: bool, stop: Stop) -> Result<()> {
        log::begin(json);
        info!(version = env!("CARGO_PKG_VERSION"), configuration = %self.config.display(), "the service begins");
        if let Some(address) = Config::read(&self.config)?.service().listen()? {
            server::begin(address, self.vitals.clone(), stop.clone()).await?;
        }
        loop {
            let (is_first, started, clock) = (self.audited.is_none(), now(), Instant::now());
            let (ended, failed) = match self.round(&stop).await {
                Ok(ended) => (ended, None),
                Err(error) if error.kind() == ErrorKind::Cancelled => (Ended::Stopped, None),
                Err(error) if is_first && is_of_configuration(&error) => return Err(error),
                Err(error) => {
                    log::failed("the round failed", &error);
                    (Ended::Failed, Some(Failed { started, error: error.to_string() }))
                }
            };
            if ended == Ended::Stopped {
                break;
            }
            let next = self.times.next(now(), ended);
            self.vitals.ended(failed, next);
            self.vitals.count(|counters| {
                counters.rounds += 1;
                counters.failed_rounds += u64::from(ended == Ended::Failed);
                counters.seconds = clock.elapsed().as_secs_f64();
            });
            info!(%next, "the next round");
            if stop.clone().now_or_never().is_some() || !wait(next, &stop).await {
                break;
            }
        }
        info!("the service ends as asked");
        Ok(())
    }

    /// A run, and what is due beside it. The configuration is read anew: what was changed since counts from now on.
    async fn round(&mut self, stop: &Stop) -> Result<Ended> {
        let begun = now();
        let audited = *self.audited.get_or_insert(begun);
        let config = Arc::new(Config::read(&self.config)?);
        self.times = Times::of(&config)?;
        self.vitals.configured(config.clone());
        let ended = self.archive(&config, stop).await?;
        if ended != Ended::Done {
            return Ok(ended);
        }
        #[cfg(feature = "imap")]
        if config.mailboxes.is_some() {
            let ended = self.deliver(&config, stop).await?;
            if ended != Ended::Done {
                return Ok(ended);
            }
        }
        match self.times.audit.filter(|audit| audit.schedule.next(audited) <= begun) {
            Some(audit) => {
                let ended = self.compare(&config, audit, begun, stop).await?;
                self.audited = Some(begun);
                Ok(ended)
            }
            None => Ok(ended),
        }
    }

    async fn archive(&mut self, config: &Config, stop: &Stop) -> Result<Ended> {
        let (ended, told) = run::unattended(config, Logged::counted(self.vitals.clone()), stop.clone()).await;
        if let Err(error) = told {
            log::failed("after_run", &error);
        }
        match ended {
            Ok(report) => Ok(reported(&report)),
            Err(Failure { error, report, .. }) => {
                if let Some(report) = report {
                    reported(&report);
                }
                Err(error)
            }
        }
    }

    /// What was archived goes into mailboxes, and what they refused before.
    #[cfg(feature = "imap")]
    async fn deliver(&mut self, config: &Config, stop: &Stop) -> Result<Ended> {
        let watcher = Logged::counted(self.vitals.clone());
        let delivered = import::deliver(config, &import::What::default(), watcher, |_| {}, stop.clone()).await;
        let ended = match &delivered {
            Ok(delivered) => Some(delivered),
            Err(failure) => failure.delivered.as_deref(),
        };
        if let Some(delivered) = ended {
            log::delivered(delivered);
            self.vitals.count(|counters| {
                counters.delivered += delivered.imported.delivered;
                counters.refused = delivered.imported.refusals();
            });
        }
        let delivered = delivered.map_err(|Failure { error, .. }| error)?;
        Ok(if delivered.outcome() == Outcome::Stopped { Ended::Stopped } else { Ended::Done })
    }

    async fn compare(&mut self, config: &Config, schedule: AuditSchedule, now: Timestamp, stop: &Stop) -> Result<Ended> {
        let audited =
            audit::compare(config, schedule.span(now), audit::Task::Compare, Logged::counted(self.vitals.clone()), stop.clone()).await;
        let audited = audited.map_err(|Failure { error, .. }| error)?;
        let audit = &audited.audit;
        for (kind, messages) in &audit.found {
            warn!(kind = audit::name(*kind), messages, "{}: `audit` names them", audit::words(*kind));
        }
        self.vitals.count(|counters| {
            counters.audits += 1;
            counters.differences = audit.differences();
        });
        info!(windows = audit.windows, messages = audit.messages, archived = audit.archived, clean = audit.is_clean(), "the audit ended");
        Ok(if audited.outcome() == Outcome::Stopped { Ended::Stopped } else { Ended::Done })
    }
}

/// Logs what a run did.
fn reported(report: &Report) -> Ended {
    let run = &report.run;
    for finding in &run.findings {
        let (words, count) = finding::words(finding);
        let words = words.replace("{}", &count.to_string());
        if report.expected.knows(finding) {
            info!(finding = finding.kind(), expected = true, "{words}");
        } else {
            warn!(finding = finding.kind(), "{words}");
        }
    }
    let head = run.head.map(|head| head.to_string()).unwrap_or_default();
    let until = run.frontier.map(|frontier| frontier.to_string()).unwrap_or_default();
    info!(
        seals = run.seals,
        messages = run.messages,
        mails = run.items,
        bytes = run.bytes,
        added = run.added,
        dead_letters = run.dead_letters,
        findings = run.findings.len(),
        unmapped = run.unmapped.len(),
        seconds = report.seconds,
        archived_until = until,
        head,
        "the run ended"
    );
    if report.outcome() == Outcome::Stopped { Ended::Stopped } else { Ended::Done }
}

/// Waits until a time of the clock on the wall, also where that is set meanwhile or the machine sleeps. Whether it came to that: else the service is to end.
async fn wait(until: Timestamp, stop: &Stop) -> bool {
    const STEP: Duration = Duration::from_secs(30);
    let begun = now();
    let away = begun.distance(until);
    loop {
        let now = now();
        // A clock that was set back to before the wait began would let it last for ever.
        if now >= until || (now < begun && now.distance(until) > away + STEP) {
            return true;
        }
        tokio::select! {
            () = stop.clone() => return false,
            () = tokio::time::sleep(now.distance(until).min(STEP)) => {}
        }
    }
}
