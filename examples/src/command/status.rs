use std::{collections::BTreeMap, fmt};

use futures::{StreamExt, TryStreamExt, stream};
use jabber_archive_core::{
    ArchiveFacts, Digest, EntryRecord, FilterReason, Ledger, Result, RunEntry, Timestamp, days_until_purge, purge_near,
};
use serde::Serialize;

use super::{Outcome, now, report::counted, verify::open};
use crate::{arguments::Located, config::Config, console::Console};

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
    /// When rows that are not archived are purged, if the configuration says that they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    purge: Option<Purge>,
}

/// What is left of the time that rows stay in the source.
#[derive(Debug, Serialize)]
struct Purge {
    after_days: u32,
    /// From when on rows are not archived.
    unsealed: Timestamp,
    /// How many whole days are left to archive them; negative if none are.
    days: i64,
    /// Whether half of the time has passed, or more.
    near: bool,
}

impl Purge {
    fn new(after_days: u32, unsealed: Timestamp, now: Timestamp) -> Self {
        let days = days_until_purge(unsealed, now, after_days);
        Self { after_days, unsealed, days, near: purge_near(unsealed, now, after_days).is_some() }
    }
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
        purge: None,
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
    // An archive that is named by its folder has no configuration.
    let purged = if located.archive.is_none() { Config::read(&located.configured.config)?.purge_after_days() } else { None };
    status.purge = purged.zip(status.archived_until).map(|(after_days, unsealed)| Purge::new(after_days, unsealed, now()));
    console.print(&status)?;
    Ok(if status.purge.as_ref().is_some_and(|purge| purge.near) { Outcome::Findings } else { Outcome::Done })
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
        if let Some(Purge { after_days, days, near, .. }) = &self.purge {
            match days {
                ..0 => writeln!(f, "rows that are not archived are past the {after_days} days after which they are purged: run now")?,
                _ => writeln!(
                    f,
                    "{days} days until rows that are not archived are purged, {after_days} days old{}",
                    if *near { ": half of the time is over, run now" } else { "" }
                )?,
            }
        }
        if let Some(run) = &self.last_run {
            writeln!(f, "last run {} on {} by {}, {}", run.by.started, run.by.host, run.by.account, run.by.version)?;
        }
        match self.head {
            Some(head) => write!(f, "head digest {head}"),
            None => write!(f, "no entries yet"),
        }
    }
}
