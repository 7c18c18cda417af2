use std::{sync::Arc, time::Instant};

use jabber_archive_core::{People, Result, Timestamp};

use super::{Failure, Outcome, after_run::AfterRun, asked_to_stop, exit_code, now, report::Report, unmapped};
use crate::{
    arguments::Archiving,
    config::Config,
    console::{Console, document},
    wiring::{self, Place},
};

/// What an archiver is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    Run,
    Retry,
}

pub(super) async fn run(archiving: &Archiving, task: Task, console: &Console) -> Result<Outcome, Failure> {
    let config = Config::read(&archiving.resolving.configured.config)?;
    let after_run = AfterRun::of(&config)?;
    let ended = reported(&config, task, archiving).await;
    let Some(after_run) = after_run else {
        let report = ended?;
        console.print(&report)?;
        return Ok(report.outcome());
    };
    let mut document = match &ended {
        Ok(report) => serde_json::to_value(report).unwrap_or_default(),
        Err(failure) => document(failure),
    };
    let mut ended = match ended {
        Ok(report) => console.print(&report).map(|()| report.outcome()).map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    document["exit_code"] = exit_code(&ended).into();
    if let Err(error) = after_run.run(&document).await {
        Console::complain(&error);
        // What was to be told or signed was not: somebody has to look, as with findings.
        ended = ended.map(|outcome| if outcome == Outcome::Done { Outcome::Findings } else { outcome });
    }
    ended
}

/// Archives, and writes who has no address where that is asked for.
async fn reported(config: &Config, task: Task, archiving: &Archiving) -> Result<Report, Failure> {
    let file = archiving.resolving.unmapped.as_deref();
    unmapped::refuse_existing(file)?;
    let people = wiring::people_patiently(config, &Console::progress()).await?;
    let mut ended = archive(config, task, people, archiving.accept.as_deref(), now()).await;
    // What a run that failed has sealed is reported too.
    let reported = match &mut ended {
        Ok(report) => Some(report),
        Err(failure) => failure.report.as_deref_mut(),
    };
    if let Some(report) = reported {
        match unmapped::write(file, &report.run.unmapped) {
            Ok(written) => report.unmapped_file = written,
            Err(error) => ended = ended.and_then(|report| Err(Failure::after(error, Some(Box::new(report))))),
        }
    }
    ended
}

/// Runs the whole line until it is done, fails, or somebody asks to stop.
pub(super) async fn archive(config: &Config, task: Task, people: People, accept: Option<&str>, now: Timestamp) -> Result<Report, Failure> {
    let progress = Arc::new(Console::progress());
    let place = Place::of(config)?;
    let stop = asked_to_stop()?;
    let archiver = wiring::archiver(config, &place, people, accept, progress.clone()).await?;
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
        Err(error) => Err(Failure::after(error, known.filter(|run| run.head.is_some()).map(|run| Box::new(report(run, true))))),
    }
}
