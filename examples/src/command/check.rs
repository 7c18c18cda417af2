use std::{collections::BTreeMap, fmt, sync::Arc};

use futures::StreamExt;
use jabber_archive_core::{Address, Assembler, Extent, Neighbour, Result, Source, Timestamp, Window};
use jabber_archive_sql::{MssqlSource, Survey};
use serde::Serialize;

use super::{Outcome, now};
use crate::{arguments::Configured, config::Config, console::Console, wiring};

/// How many rows of the last window are read to find people without an address.
const SAMPLE: u64 = 100_000;

#[derive(Debug, Serialize)]
struct Checked {
    source: String,
    archive: String,
    #[serde(flatten)]
    survey: Survey,
    /// How far our clock is ahead of the server's.
    clock_ahead_seconds: i64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    undated: u64,
    future: u64,
    /// Participants without an address in the directory, with the number of conversations, in the window with the last row.
    unmapped: BTreeMap<String, u64>,
    sampled_rows: u64,
}

pub(super) async fn check(configured: &Configured, console: &Console) -> Result<Outcome> {
    let config = Config::read(&configured.config)?;
    let facts = wiring::facts(&config)?;
    wiring::converter(&config, &facts)?;
    let people = wiring::people(&config)?;
    let source = wiring::source(&config)?;

    let survey = source.survey().await?;
    let now = now();
    let faults = survey.tables.iter().any(|table| table.fault.is_some());
    let extent = if faults { Extent::default() } else { source.extent(now.min(survey.clock)).await? };
    let mut checked = Checked {
        source: source.id().to_string(),
        archive: wiring::archive_folder(&config).display().to_string(),
        clock_ahead_seconds: (now.millis() - survey.clock.millis()) / 1_000,
        survey,
        first: extent.first,
        last: extent.last,
        undated: extent.undated,
        future: extent.future,
        unmapped: BTreeMap::new(),
        sampled_rows: 0,
    };
    if let Some(last) = extent.last {
        let assembler = Assembler::new(&facts, Arc::new(source.context().await?), people);
        checked.sample(&source, assembler, facts.grid.window_at(last)).await?;
    }
    console.print(&checked)?;
    Ok(if faults || checked.survey.read_only || !checked.unmapped.is_empty() { Outcome::Findings } else { Outcome::Done })
}

impl Checked {
    /// Assembles the last window, or what of it comes first, and looks who has no address.
    async fn sample(&mut self, source: &MssqlSource, mut assembler: Assembler, window: Window) -> Result<()> {
        let mut records = source.records(window.span());
        while let Some(batch) = records.next().await {
            let batch = batch?;
            self.sampled_rows += batch.len() as u64;
            assembler.accept(batch);
            if self.sampled_rows >= SAMPLE {
                break;
            }
        }
        for conversation in assembler.assemble(&window, &Neighbour::default()).conversations {
            for participant in conversation.participants {
                if matches!(participant.address, Address::Unmapped(_)) {
                    *self.unmapped.entry(participant.party.to_string()).or_default() += 1;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Survey { version, edition, clock, isolation, read_only, tables, .. } = &self.survey;
        writeln!(f, "source {}: SQL Server {version}, {edition}", self.source)?;
        writeln!(f, "clock  {clock}, ours is {} s ahead", self.clock_ahead_seconds)?;
        writeln!(f, "reads  {isolation}")?;
        if *read_only {
            writeln!(
                f,
                "       from a replica or a read-only database: what a replica lacks when a window is sealed is not archived; see `read_only_intent`"
            )?;
        }
        for table in tables {
            write!(f, "table  {:<14}", table.name)?;
            match (&table.fault, table.found, table.indexed) {
                (Some(fault), ..) => writeln!(f, "{fault}")?,
                (None, false, _) => writeln!(f, "not there, or not to be read")?,
                (None, true, Some(false)) => writeln!(f, "readable; no index on its date: each run scans it")?,
                (None, true, Some(true)) => writeln!(f, "readable; an index on its date")?,
                (None, true, None) => writeln!(f, "readable")?,
            }
        }
        match (self.first, self.last) {
            (Some(first), Some(last)) => writeln!(f, "rows   from {first} to {last}")?,
            _ => writeln!(f, "rows   none from 2000 on")?,
        }
        if self.undated > 0 {
            writeln!(f, "       {} dated before 2000: they go into items/undated", self.undated)?;
        }
        if self.future > 0 {
            writeln!(f, "       {} dated in the future: they wait for their day", self.future)?;
        }
        if !self.unmapped.is_empty() {
            writeln!(f, "people without an address, in the {} rows that were looked at:", self.sampled_rows)?;
            for (party, conversations) in self.unmapped.iter().take(20) {
                writeln!(f, "       {party} ({conversations} conversations)")?;
            }
            if self.unmapped.len() > 20 {
                writeln!(f, "       and {} more", self.unmapped.len() - 20)?;
            }
        }
        write!(f, "nothing was written; the archive will be {}", self.archive)
    }
}
