use std::{sync::Arc, time::Instant};

use jabber_archive_core::{People, Result, Timestamp};

use super::{Failure, Outcome, asked_to_stop, now, report::Report};
use crate::{
    arguments::Configured,
    config::Config,
    console::Console,
    wiring::{self, Place},
};

pub(super) async fn run(configured: &Configured, console: &Console) -> Result<Outcome, Failure> {
    let config = Config::read(&configured.config)?;
    let people = wiring::people(&config, wiring::directory(&config)?);
    let report = archive(&config, people, now()).await?;
    console.print(&report)?;
    Ok(report.outcome())
}

/// Runs the whole line until it is done, fails, or somebody asks to stop.
pub(super) async fn archive(config: &Config, people: People, now: Timestamp) -> Result<Report, Failure> {
    let progress = Arc::new(Console::progress());
    let place = Place::of(config)?;
    let stop = asked_to_stop()?;
    let archiver = wiring::archiver(config, &place, people, progress.clone()).await?;
    let begun = Instant::now();
    let ended = archiver.run(now, stop).await;
    let known = progress.end();
    let report = |run, failed| Report { archive: place.to_string(), seconds: begun.elapsed().as_secs_f64(), failed, run };
    match ended {
        Ok(run) => Ok(report(run, false)),
        // Before the chain is read there is nothing to report.
        Err(error) => Err(Failure { error, report: known.filter(|run| run.head.is_some()).map(|run| Box::new(report(run, true))) }),
    }
}
