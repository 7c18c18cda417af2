use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, People, Result, Timestamp};
use jabber_archive_sink::Swept;
use serde_json::Value;

use super::{Failure, Outcome, after_run::AfterRun, asked_to_stop, exit_code, now, report::Report, unmapped};
use crate::{
    arguments::Archiving,
    config::Config,
    console::{Console, Watcher, document},
    wiring::{self, Place},
};

/// How old what a killed write has left must be before it is removed: no write takes as long.
const LEFT_ALONE: Duration = Duration::from_hours(24);

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
    let mut document = document_of(&ended);
    let mut ended = match ended {
        Ok(report) => console.print(&report).map(|()| report.outcome()).map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    let Some(after_run) = after_run else { return ended };
    document["exit_code"] = exit_code(ended.as_ref().copied()).into();
    if let Err(error) = after_run.run(&document).await {
        Console::complain(&error);
        // What was to be told or signed was not: somebody has to look, as with findings.
        ended = ended.map(|outcome| if outcome == Outcome::Done { Outcome::Findings } else { outcome });
    }
    ended
}

/// A run as a service makes it: nothing is printed, and whoever is told after each run is told of this one too. The second result is how telling ended.
pub(crate) async fn unattended(
    config: &Config,
    watcher: Arc<dyn Watcher>,
    stop: impl Future<Output = ()> + Clone + Send,
) -> (Result<Report, Failure>, Result<()>) {
    let after_run = match AfterRun::of(config) {
        Ok(after_run) => after_run,
        Err(error) => return (Err(error.into()), Ok(())),
    };
    let people = tokio::select! {
        people = wiring::people_patiently(config, &*watcher) => people,
        // A directory may be waited for long; nothing has begun.
        () = stop.clone() => Err(Error::new(ErrorKind::Cancelled, ErrorClass::Fatal, "run", "stopped as asked")),
    };
    let ended = match people {
        Ok(people) => archive(config, Task::Run, people, None, now(), watcher, stop).await,
        Err(error) => Err(error.into()),
    };
    let Some(after_run) = after_run else { return (ended, Ok(())) };
    let mut document = document_of(&ended);
    document["exit_code"] = exit_code(ended.as_ref().map(Report::outcome)).into();
    let told = after_run.run(&document).await;
    (ended, told)
}

/// What a run did, or why it failed, as one JSON document.
fn document_of(ended: &Result<Report, Failure>) -> Value {
    match ended {
        Ok(report) => serde_json::to_value(report).unwrap_or_default(),
        Err(failure) => document(failure),
    }
}

/// Archives, and writes who has no address where that is asked for.
async fn reported(config: &Config, task: Task, archiving: &Archiving) -> Result<Report, Failure> {
    let file = archiving.resolving.unmapped.as_deref();
    unmapped::refuse_existing(file)?;
    let progress = Console::progress();
    let people = wiring::people_patiently(config, &*progress).await?;
    let mut ended = archive(config, task, people, archiving.accept.as_deref(), now(), progress, asked_to_stop()?).await;
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

/// Runs the whole line until it is done, fails, or is to stop.
pub(super) async fn archive(
    config: &Config,
    task: Task,
    people: People,
    accept: Option<&str>,
    now: Timestamp,
    watcher: Arc<dyn Watcher>,
    stop: impl Future<Output = ()> + Send,
) -> Result<Report, Failure> {
    let place = Place::of(config)?;
    let archiver = wiring::archiver(config, &place, people, accept, watcher.clone()).await?;
    let begun = Instant::now();
    let ended = match task {
        Task::Run => archiver.run(now, stop).await,
        Task::Retry => archiver.retry(now, stop).await,
    };
    let known = watcher.end();
    // Only once the clocks have been compared, and the source read: what depends on nothing comes last.
    let swept = match &ended {
        Ok(run) if task == Task::Run && !run.cancelled => place.sweep(now.before(LEFT_ALONE)).await.unwrap_or_else(|error| {
            watcher.complain(&error);
            Swept::default()
        }),
        _ => Swept::default(),
    };
    let report = |run, failed| Report {
        archive: place.to_string(),
        seconds: begun.elapsed().as_secs_f64(),
        failed,
        expected: config.run.expected_findings.clone(),
        unmapped_file: None,
        swept,
        run,
    };
    match ended {
        Ok(run) => Ok(report(run, false)),
        // Before the chain is read there is nothing to report.
        Err(error) => Err(Failure::after(error, known.filter(|run| run.head.is_some()).map(|run| Box::new(report(run, true))))),
    }
}
