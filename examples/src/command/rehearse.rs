//! `run --dry-run`: the way of a run, of which nothing is kept.

use std::{fmt, time::Instant};

use jabber_archive_core::{Rehearsed, RunReport};
use serde::Serialize;

use super::{Failure, Outcome, asked_to_stop, now, report::told, unmapped};
use crate::{
    arguments::Run,
    config::{Config, Expected},
    console::{Console, Watcher},
    wiring::{self, Place},
};

/// In what pieces files go into a container.
const PIECE: u64 = 5 << 20;

/// What a run would do.
#[derive(Debug, Serialize)]
struct Rehearsal {
    archive: String,
    dry_run: bool,
    seconds: f64,
    /// The writes that a store would count, at most about.
    writes: u64,
    /// What they would cost, where their price was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    write_cost: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unmapped_file: Option<String>,
    stored: Rehearsed,
    /// Findings that do not ask for a look.
    #[serde(skip)]
    expected: Expected,
    run: RunReport,
}

pub(super) async fn rehearse(asked: &Run, console: &Console) -> Result<Outcome, Failure> {
    let resolving = &asked.archiving.resolving;
    let config = Config::read(&resolving.configured.config)?;
    let file = resolving.unmapped.as_deref();
    unmapped::refuse_existing(file)?;
    let progress = Console::progress();
    let people = wiring::people_patiently(&config, &*progress).await?;
    let place = Place::of(&config)?;
    let stop = asked_to_stop()?;
    let (archiver, rehearsal) = wiring::rehearsal(&config, &place, people, asked.archiving.accept.as_deref(), progress.clone()).await?;
    let begun = Instant::now();
    let ended = archiver.run(now(), stop).await;
    progress.end();
    let mut run = ended?;
    // The digest is of a chain that is nowhere.
    run.head = None;
    let stored = rehearsal.rehearsed();
    let writes = if stored.entries == 0 { 0 } else { stored.writes(PIECE) };
    let unmapped_file = unmapped::write(file, &run.unmapped)?;
    let outcome = if run.cancelled {
        Outcome::Stopped
    } else if run.dead_letters > 0 || config.run.expected_findings.leaves(&run.findings) {
        Outcome::Findings
    } else {
        Outcome::Done
    };
    console.print(&Rehearsal {
        archive: place.to_string(),
        dry_run: true,
        seconds: begun.elapsed().as_secs_f64(),
        writes,
        write_cost: asked.write_price.map(|price| writes as f64 / 10_000.0 * price),
        unmapped_file,
        stored,
        expected: config.run.expected_findings.clone(),
        run,
    })?;
    Ok(outcome)
}

impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (run, stored) = (&self.run, &self.stored);
        if run.cancelled {
            writeln!(f, "stopped as asked: this is what would have been done by then")?;
        }
        writeln!(f, "windows    {:>10}  with rows, to be sealed", stored.windows)?;
        writeln!(f, "rows       {:>10}", run.rows)?;
        writeln!(f, "messages   {:>10}", run.messages)?;
        writeln!(f, "mails      {:>10}", stored.mails)?;
        writeln!(f, "bytes      {:>10}", stored.mail_bytes)?;
        if stored.objects > 0 {
            writeln!(f, "files      {:>10}  beside the mails, of {} bytes", stored.objects, stored.object_bytes)?;
        }
        writeln!(
            f,
            "chain      {:>10}  entries of {} bytes, and {} bytes of lists, contexts and dead letters",
            stored.entries, stored.entry_bytes, stored.kept_bytes
        )?;
        writeln!(f, "seconds    {:>10.1}  without storing anything", self.seconds)?;
        writeln!(f, "writes     {:>10}  at most about, and {} listings", self.writes, stored.listings)?;
        match self.write_cost {
            Some(cost) => writeln!(f, "cost       {cost:>10.2}  of the writes, at the given price")?,
            None => writeln!(f, "                       --write-price says what they cost")?,
        }
        if !stored.people.is_empty() {
            let [half, most, all] = [50, 99, 100].map(|percent| stored.mails_per_person(percent));
            writeln!(
                f,
                "mails per person: {} people, half of them at most {half}, 99 of 100 at most {most}, all at most {all}",
                stored.people.len()
            )?;
            for person in stored.most_mails() {
                writeln!(f, "  {:>10}  {}", person.mails, person.person.escape_debug())?;
            }
        }
        if !stored.largest.is_empty() {
            writeln!(f, "largest mails:")?;
            for mail in &stored.largest {
                writeln!(f, "  {:>10}  {}", mail.bytes, mail.path)?;
            }
        }
        if run.dead_letters > 0 {
            writeln!(f, "dead letters {}", run.dead_letters)?;
        }
        told(f, &run.findings, &self.expected)?;
        if !run.unmapped.is_empty() {
            writeln!(f, "people without an address: {}", run.unmapped.len())?;
            unmapped::show(f, &run.unmapped, self.unmapped_file.as_deref())?;
        }
        write!(f, "nothing was archived: this was a rehearsal for {}", self.archive)
    }
}
