use std::fmt;

use futures::{StreamExt, TryStreamExt, stream};
use jabber_archive_core::{Digest, Entry, EntryRecord, KeptKind, Ledger, Link, Result, Seal};
use jabber_archive_sink::ObjectLedger;
use serde::Serialize;

use super::{AHEAD, concerns};
use crate::{arguments::Log, command::Outcome, console::Console, wiring::Place};

#[derive(Debug, Serialize)]
struct Logged {
    archive: String,
    entries: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    entry: Entry,
    sha256: Digest,
}

pub(super) async fn log(arguments: &Log, place: &Place, ledger: &ObjectLedger, console: &Console) -> Result<Outcome> {
    let numbers = ledger.numbers().await?;
    let mut entries = Vec::new();
    let mut links = stream::iter(numbers).map(|number| ledger.entry(number)).buffered(AHEAD);
    while let Some(Link { entry, digest, .. }) = links.try_next().await? {
        if concerns(&entry.record, arguments.since, arguments.until) {
            entries.push(Line { entry, sha256: digest });
        }
    }
    console.print(&Logged { archive: place.to_string(), entries })?;
    Ok(Outcome::Done)
}

impl fmt::Display for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { entry, .. } in &self.entries {
            write!(f, "{:>6}  ", entry.number)?;
            if let Some(act) = entry.record.act() {
                write!(f, "{}  {} on {}, {}: ", act.started, act.account, act.host, act.version)?;
            }
            match &entry.record {
                EntryRecord::Seal(seal) => sealed(f, "sealed", seal)?,
                EntryRecord::Addendum(addendum) => sealed(f, "added to", &addendum.seal)?,
                EntryRecord::Run(run) => {
                    match run.seals {
                        Some((first, last)) => write!(f, "run, entries {first} to {last}")?,
                        None => f.write_str("run, nothing sealed")?,
                    }
                    if let Some(reason) = &run.accepted {
                        write!(f, ", accepted: \"{}\"", reason.escape_debug())?;
                    }
                }
                EntryRecord::Export(export) => {
                    write!(
                        f,
                        "export of {} mails with {} messages as {}, asked for in {}",
                        export.items,
                        export.messages,
                        export.form,
                        KeptKind::Context.path(&export.selection)
                    )?;
                }
                EntryRecord::Import(import) => {
                    write!(f, "import, {} copies delivered, {} found, {} refused", import.delivered, import.found, import.refused)?;
                    if let Some(receipts) = &import.receipts {
                        write!(f, ", receipts in {}", KeptKind::Receipts.path(receipts))?;
                    }
                    if let Some(open) = &import.open {
                        write!(f, ", {} to {} under way", open.start, open.end)?;
                    }
                }
                _ => f.write_str("of a kind that this version does not know")?,
            }
            if let Some(configuration) = entry.record.act().and_then(|act| act.configuration) {
                write!(f, ", configuration {}", KeptKind::Context.path(&configuration))?;
            }
            writeln!(f)?;
        }
        write!(f, "{} entries of {}", self.entries.len(), self.archive)
    }
}

fn sealed(f: &mut fmt::Formatter<'_>, what: &str, seal: &Seal) -> fmt::Result {
    write!(f, "{} to {} {what}: {} messages in {} mails", seal.span.start, seal.span.end, seal.messages.listed, seal.items)?;
    if let Some(filter) = &seal.filter {
        let filtered: u64 = seal.messages.filtered.values().sum();
        write!(f, ", {filtered} messages left out by {}", KeptKind::Context.path(filter))?;
    }
    if !seal.dead_letters.is_empty() {
        write!(f, ", {} dead letters", seal.dead_letters.len())?;
    }
    Ok(())
}
