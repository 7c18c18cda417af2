use std::{sync::Arc, time::Instant};

use jabber_archive_core::Result;

use super::{Outcome, asked_to_stop, now, report::Report};
use crate::{arguments::Configured, config::Config, console::Console, wiring};

pub(super) async fn run(configured: &Configured, console: &Console) -> Result<Outcome> {
    let config = Config::read(&configured.config)?;
    let progress = Arc::new(Console::progress());
    let archiver = wiring::archiver(&config, wiring::people(&config)?, progress.clone())?;
    let begun = Instant::now();
    let run = archiver.run(now(), asked_to_stop()).await;
    progress.end();
    let report =
        Report { archive: wiring::archive_folder(&config).display().to_string(), seconds: begun.elapsed().as_secs_f64(), run: run? };
    console.print(&report)?;
    Ok(report.outcome())
}
