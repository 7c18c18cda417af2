use std::{collections::BTreeMap, fmt};

use futures::{StreamExt, TryStreamExt, stream};
use jabber_archive_core::{ArchiveFacts, Digest, EntryRecord, FilterReason, Ledger, Result, RunEntry, Timestamp};
use serde::Serialize;

use super::{Outcome, report::counted, verify::open};
use crate::{arguments::Located, console::Console};

/// How many entries are read at the same time.
const AHEAD: usize = 16;

#[derive(Debug, Serialize)]
struct Status {
    archive: String,
    facts: ArchiveFacts,
    entries: u64,
    archived_until: Option<Timestamp>,
    messages: u64,
    filtered: BTreeMap<FilterReason, u64>,
    items: u64,
    bytes: u64,
    dead_letters: u64,
    findings: u64,
    head: Option<Digest>,
    last_run: Option<RunEntry>,
}

pub(super) async fn status(located: &Located, console: &Console) -> Result<Outcome> {
    let (place, archive) = open(located).await?;
    let ledger = archive.ledger();
    let Some((facts, _)) = ledger.facts().await? else {
        return Err(place.empty());
    };
    let mut status = Status {
        archive: place.to_string(),
        facts,
        entries: 0,
        archived_until: None,
        messages: 0,
        filtered: BTreeMap::new(),
        items: 0,
        bytes: 0,
        dead_letters: 0,
        findings: 0,
        head: None,
        last_run: None,
    };
    let numbers = ledger.numbers().await?;
    let mut links = stream::iter(numbers).map(|number| ledger.entry(number)).buffered(AHEAD);
    while let Some(link) = links.try_next().await? {
        status.entries += 1;
        status.archived_until = link.entry.frontier.end;
        status.head = Some(link.digest);
        if let Some(seal) = link.entry.record.seal() {
            status.messages += seal.messages.listed;
            for (reason, messages) in &seal.messages.filtered {
                *status.filtered.entry(*reason).or_default() += messages;
            }
            status.items += seal.items;
            status.bytes += seal.bytes;
            status.dead_letters += seal.dead_letters.len() as u64;
            status.findings += seal.findings.len() as u64;
        }
        if let EntryRecord::Run(run) = link.entry.record {
            status.findings += run.findings.len() as u64;
            status.last_run = Some(*run);
        }
    }
    console.print(&status)?;
    Ok(Outcome::Done)
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "archive `{}` in {}", self.facts.name, self.archive)?;
        match self.archived_until {
            Some(end) => writeln!(f, "archived until {end}")?,
            None => writeln!(f, "nothing archived in order yet")?,
        }
        writeln!(f, "{} messages in {} mails of {} bytes", self.messages, self.items, self.bytes)?;
        if !self.filtered.is_empty() {
            let filtered: u64 = self.filtered.values().sum();
            writeln!(f, "{filtered} messages left out by the filter: {}", counted(&self.filtered))?;
        }
        writeln!(f, "{} dead letters, {} findings, {} entries", self.dead_letters, self.findings, self.entries)?;
        if let Some(run) = &self.last_run {
            writeln!(f, "last run {} on {} by {}, {}", run.by.started, run.by.host, run.by.account, run.by.version)?;
        }
        match self.head {
            Some(head) => write!(f, "head digest {head}"),
            None => write!(f, "no entries yet"),
        }
    }
}
