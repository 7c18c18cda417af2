use std::{collections::BTreeMap, fmt};

use jabber_archive_core::{FilterReason, Finding, LateRows, Limit, RunReport};
use jabber_archive_sink::Swept;
use serde::Serialize;

use super::{Outcome, unmapped};

/// What a run did, for people and for machines.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(super) archive: String,
    pub(super) seconds: f64,
    /// Whether an error ended the run; it is told beside the report.
    #[serde(skip)]
    pub(super) failed: bool,
    /// Where the people without an address were written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unmapped_file: Option<String>,
    /// What killed writes had left, and is gone now.
    pub(super) swept: Swept,
    #[serde(flatten)]
    pub(super) run: RunReport,
}

impl Report {
    pub(super) fn outcome(&self) -> Outcome {
        if self.run.cancelled {
            Outcome::Stopped
        } else if self.run.dead_letters > 0 || !self.run.findings.is_empty() {
            Outcome::Findings
        } else {
            Outcome::Done
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = &self.run;
        if run.cancelled {
            writeln!(f, "stopped as asked: what is sealed is complete, the next run goes on from there")?;
        }
        if run.seals == 0 {
            if run.addenda == 0 && !run.cancelled && !self.failed {
                writeln!(f, "nothing to archive: every closed window is sealed, and nothing came late")?;
            }
        } else {
            let skipped: u64 = run.skipped.values().sum();
            writeln!(f, "rows       {:>10}", run.rows)?;
            writeln!(f, "  folded   {:>10}  further copies of a message", run.folded)?;
            writeln!(f, "  presence {:>10}  who entered and left rooms", run.presence)?;
            writeln!(f, "  skipped  {skipped:>10}  {}", reasons(run))?;
            writeln!(f, "messages   {:>10}", run.messages)?;
            if !run.filtered.is_empty() {
                let filtered: u64 = run.filtered.values().sum();
                writeln!(f, "filtered   {filtered:>10}  {}", counted(&run.filtered))?;
            }
            if run.files > 0 {
                writeln!(f, "files      {:>10}  attached, or in attachments", run.files)?;
            }
            writeln!(f, "mails      {:>10}", run.items)?;
            writeln!(f, "bytes      {:>10}", run.bytes)?;
            writeln!(f, "seconds    {:>10.1}", self.seconds)?;
        }
        if let (Some(most), Some(largest)) = (run.spread.percentile(99), run.spread.largest()) {
            let (messages, most, largest) = (run.spread.messages(), most.as_secs_f64(), largest.as_secs_f64());
            writeln!(f, "copies of {messages} messages came {most:.3} s apart at most in 99 of 100 cases, {largest:.3} s in all")?;
        }
        if run.addenda > 0 {
            writeln!(f, "added {} messages to {} sealed windows that were read again", run.added, run.addenda)?;
        }
        for LateRows { window, rows, messages, seconds, .. } in &run.late {
            let hours = *seconds as f64 / 3_600.0;
            writeln!(
                f,
                "late: {rows} rows with {messages} new messages in the window from {window}, there {hours:.1} h after their date or earlier"
            )?;
        }
        if run.dead_letters > 0 {
            writeln!(f, "dead letters {}: kept in {}/dead-letters with the reason", run.dead_letters, self.archive)?;
        }
        if !run.abandoned.is_empty() {
            writeln!(f, "abandoned {}: mails of interrupted attempts, which the chain says count for nothing", run.abandoned.len())?;
        }
        if self.swept.files > 0 {
            writeln!(f, "swept {}, which writes that were killed more than a day ago had left", self.swept)?;
        }
        told(f, &run.findings)?;
        if !run.unmapped.is_empty() {
            writeln!(f, "people without an address: {}", run.unmapped.len())?;
            unmapped::show(f, &run.unmapped, self.unmapped_file.as_deref())?;
        }
        if let Some(frontier) = run.frontier {
            writeln!(f, "archived until {frontier}")?;
        }
        if let Some(head) = run.head {
            writeln!(f, "head digest {head}")?;
            write!(f, "  keep it elsewhere: `verify --expect` with it proves that nothing was cut off at the end")?;
        }
        Ok(())
    }
}

fn reasons(run: &RunReport) -> String {
    let named = |reason: &jabber_archive_core::SkipReason| format!("{reason:?}").to_lowercase();
    let reasons: Vec<String> = run.skipped.iter().map(|(reason, rows)| format!("{} {rows}", named(reason))).collect();
    reasons.join(", ")
}

/// Messages that are left out, by reason.
pub(super) fn counted(filtered: &BTreeMap<FilterReason, u64>) -> String {
    let reasons: Vec<String> = filtered.iter().map(|(reason, messages)| format!("{reason} {messages}")).collect();
    reasons.join(", ")
}

/// A line for each kind of finding.
pub(super) fn told(f: &mut fmt::Formatter<'_>, findings: &[Finding]) -> fmt::Result {
    for (finding, times) in summed(findings) {
        writeln!(f, "finding: {finding}{}", if times > 1 { format!(" (in {times} windows)") } else { String::new() })?;
    }
    Ok(())
}

/// Findings of one kind added up over windows, and in how many windows they are.
fn summed(findings: &[Finding]) -> Vec<(String, usize)> {
    let mut kinds: Vec<(std::mem::Discriminant<Finding>, String, u64, usize)> = Vec::new();
    for finding in findings {
        let (what, count) = words(finding);
        match kinds.iter_mut().find(|(kind, known, ..)| *kind == std::mem::discriminant(finding) && *known == what) {
            Some((_, _, total, times)) => {
                *total += count;
                *times += 1;
            }
            None => kinds.push((std::mem::discriminant(finding), what, count, 1)),
        }
    }
    kinds.into_iter().map(|(_, what, total, times)| (what.replace("{}", &total.to_string()), times)).collect()
}

/// A finding in words, `{}` where its count stands.
fn words(finding: &Finding) -> (String, u64) {
    match finding {
        Finding::Late { table, rows } => (format!("{{}} rows of {table} came after the last reading and are not archived"), *rows),
        Finding::Purged { table, rows } => (format!("{{}} rows of {table} are archived that the source no longer has"), *rows),
        Finding::PurgedSealed { window, table, rows } => {
            (format!("{{}} rows of {table} in the sealed window from {window} are gone from the source; they are archived"), *rows)
        }
        Finding::Changed { table } => (format!("rows of {table} changed while they were read"), 0),
        Finding::Repaired { found, .. } => (
            "{} differences between source and archive were found by an audit, and recorded; what was missing is added".to_owned(),
            found.values().sum(),
        ),
        Finding::ImplausibleDate { rows } => ("{} rows are dated before 2000: see items/undated".to_owned(), *rows),
        Finding::FutureDate { rows } => ("{} rows are dated in the future and wait for their day".to_owned(), *rows),
        Finding::ClockSkew { seconds } => (format!("our clock and the server's are {seconds} s apart"), 0),
        Finding::UnresolvedNick { messages } => ("{} messages have a sender of whom only the nick is known".to_owned(), *messages),
        Finding::LateCopy { rows } => ("{} copies came too late to name their recipient".to_owned(), *rows),
        Finding::Encrypted { table, rows } => {
            (format!("{{}} rows of {table} look encrypted and are archived as ciphertext: set `encryption_keys` under [[source]]"), *rows)
        }
        Finding::UnmappedPeople { people } => ("{} times a participant has no address in the directory".to_owned(), *people),
        Finding::MissingFile { files } => ("{} files are not where the transfer log says".to_owned(), *files),
        Finding::UnloggedFile { files } => ("{} files are named by messages, and no upload of them is logged".to_owned(), *files),
        Finding::UnlocatedFile { files } => ("{} files are logged at no place that is read".to_owned(), *files),
        Finding::FileSize { files } => ("{} files have another size than the transfer log says".to_owned(), *files),
        Finding::Silence { table, start, end, usual } => {
            (format!("{table} has no row from {start} to {end}, where there usually are about {usual}: a holiday, or was nothing recorded?"), 0)
        }
        Finding::NoOutgoing { rows } => {
            ("none of {} rows of jm was logged on its way from a sender: is outbound logging off? Of federated chats one half is missing then".to_owned(), *rows)
        }
        Finding::MissingNumbers { numbers, .. } => {
            ("{} numbers of messages (tc_msgarchive.msg_id) have no row: the seal of the window names the rooms".to_owned(), *numbers)
        }
        Finding::UnarchivedRooms { messages, .. } => (
            "{} messages are of persistent rooms that tc_msgarchive knows nothing of: the seal of the window names the rooms; are all room messages archived?"
                .to_owned(),
            *messages,
        ),
        Finding::UnrecordedOriginal { messages } => {
            ("{} messages were shown to people who entered a room, and nowhere is recorded that they were said".to_owned(), *messages)
        }
        Finding::StartsLater { first, archived_until } => {
            let begins = first.map_or("has no rows any more".to_owned(), |first| format!("begins at {first}"));
            (format!("the source {begins}, and was archived until {archived_until}: what was between is lost, if there was something"), 0)
        }
        Finding::PurgeNear { unsealed, days } if *days < 0 => {
            (format!("rows from {unsealed} on, not archived before, are past the days after which they are purged: run more often"), 0)
        }
        Finding::PurgeNear { unsealed, days } => {
            (format!("{days} days were left until rows from {unsealed} on, not archived before, are purged: run more often"), 0)
        }
        Finding::OverLimit { limit } => {
            let what = match limit {
                Limit::DeadLetters => "so many dead letters",
                Limit::MappedPeople => "so many more people without an address",
                Limit::Directory => "so much smaller a directory",
                _ => "a limit",
            };
            (format!("{what} would have ended the run, but for --accept"), 0)
        }
        other => (format!("{other:?}"), 0),
    }
}
