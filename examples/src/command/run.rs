use std::{sync::Arc, time::Instant};

use jabber_archive_core::{People, Result, Timestamp};

use super::{Failure, Outcome, asked_to_stop, now, report::Report, unmapped};
use crate::{
    arguments::Resolving,
    config::Config,
    console::Console,
    wiring::{self, Place},
};

/// What an archiver is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    Run,
    Retry,
}

pub(super) async fn run(resolving: &Resolving, task: Task, console: &Console) -> Result<Outcome, Failure> {
    let config = Config::read(&resolving.configured.config)?;
    let file = resolving.unmapped.as_deref();
    unmapped::refuse_existing(file)?;
    let people = wiring::people_patiently(&config, &Console::progress()).await?;
    let mut ended = archive(&config, task, people, now()).await;
    // What a run that failed has sealed is reported too.
    let reported = match &mut ended {
        Ok(report) => Some(report),
        Err(failure) => failure.report.as_deref_mut(),
    };
    if let Some(report) = reported {
        match unmapped::write(file, &report.run.unmapped) {
            Ok(written) => report.unmapped_file = written,
            Err(error) => ended = ended.and_then(|report| Err(Failure { error, report: Some(Box::new(report)) })),
        }
    }
    let report = ended?;
    console.print(&report)?;
    Ok(report.outcome())
}

/// Runs the whole line until it is done, fails, or somebody asks to stop.
pub(super) async fn archive(config: &Config, task: Task, people: People, now: Timestamp) -> Result<Report, Failure> {
    let progress = Arc::new(Console::progress());
    let place = Place::of(config)?;
    let stop = asked_to_stop()?;
    let archiver = wiring::archiver(config, &place, people, progress.clone()).await?;
    let begun = Instant::now();
    let ended = match task {
        Task::Run => archiver.run(now, stop).await,
        Task::Retry => archiver.retry(now, stop).await,
    };
    let known = progress.end();
    let report =
        |run, failed| Report { archive: place.to_string(), seconds: begun.elapsed().as_secs_f64(), failed, unmapped_file: None, run };
    match ended {
        Ok(run) => Ok(report(run, false)),
        // Before the chain is read there is nothing to report.
        Err(error) => Err(Failure { error, report: known.filter(|run| run.head.is_some()).map(|run| Box::new(report(run, true))) }),
    }
}
