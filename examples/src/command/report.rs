use std::{collections::BTreeMap, fmt};

use jabber_archive_core::{FilterReason, Finding, LateRows, RunReport};
use jabber_archive_sink::Swept;
use serde::Serialize;

use super::{Outcome, unmapped};
use crate::{config::Expected, finding::words};

/// What a run did, for people and for machines.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(super) archive: String,
    pub(crate) seconds: f64,
    /// Whether an error ended the run; it is told beside the report.
    #[serde(skip)]
    pub(super) failed: bool,
    /// Findings that do not ask for a look.
    #[serde(skip)]
    pub(crate) expected: Expected,
    /// Where the people without an address were written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unmapped_file: Option<String>,
    /// What killed writes had left, and is gone now.
    pub(super) swept: Swept,
    #[serde(flatten)]
    pub(crate) run: RunReport,
}

impl Report {
    pub(crate) fn outcome(&self) -> Outcome {
        if self.run.cancelled {
            Outcome::Stopped
        } else if self.run.dead_letters > 0 || self.expected.leaves(&self.run.findings) {
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
        told(f, &run.findings, &self.expected)?;
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
pub(crate) fn counted(filtered: &BTreeMap<FilterReason, u64>) -> String {
    let reasons: Vec<String> = filtered.iter().map(|(reason, messages)| format!("{reason} {messages}")).collect();
    reasons.join(", ")
}

/// A line for each kind of finding.
pub(super) fn told(f: &mut fmt::Formatter<'_>, findings: &[Finding], expected: &Expected) -> fmt::Result {
    let (known, news): (Vec<Finding>, Vec<Finding>) = findings.iter().cloned().partition(|finding| expected.knows(finding));
    for (findings, mark) in [(news, ""), (known, " (expected)")] {
        for (finding, times) in summed(&findings) {
            writeln!(f, "finding: {finding}{}{mark}", if times > 1 { format!(" (in {times} windows)") } else { String::new() })?;
        }
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
