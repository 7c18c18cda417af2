use std::fmt;

use super::{DeadLetterWindow, Found, Purge, Ran, Status};
use crate::command::{counted, printable};

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "archive `{}` in {}", self.facts.name, self.archive)?;
        if let Some(health) = &self.health {
            writeln!(f, "{}", if health.healthy { "healthy" } else { "not healthy" })?;
            for reason in &health.reasons {
                let mark = if reason.unhealthy { '!' } else { '-' };
                writeln!(f, "  {mark} {}\n    {}", printable(&reason.what), reason.advice)?;
            }
        }
        match self.archived_until {
            Some(end) => writeln!(f, "archived until {end}")?,
            None => writeln!(f, "nothing archived in order yet")?,
        }
        write!(f, "{} windows sealed", self.windows.sealed)?;
        match self.windows.due {
            Some(due) => writeln!(f, ", {due} due")?,
            None => writeln!(f)?,
        }
        if let Some(next) = self.next_run {
            writeln!(f, "next run {next}")?;
        }
        writeln!(f, "{} messages in {} mails of {} bytes", self.messages, self.items, self.bytes)?;
        if !self.filtered.is_empty() {
            let filtered: u64 = self.filtered.values().sum();
            writeln!(f, "{filtered} messages left out by the filter: {}", counted(&self.filtered))?;
        }
        writeln!(f, "{} dead letters, {} findings, {} entries", self.dead_letters, self.findings, self.entries)?;
        for DeadLetterWindow { window, dead_letters, .. } in &self.dead_letter_windows {
            writeln!(f, "  {dead_letters} dead letters in the window from {}", window.start)?;
        }
        for Found { kind, times, last, words, expected, .. } in &self.findings_by_kind {
            let mark = if *expected { " (expected)" } else { "" };
            writeln!(f, "  {times} x {kind}, the last of {last}: {}{mark}", printable(words))?;
        }
        if self.lateness.windows > 0 {
            writeln!(f, "{} messages added to {} windows in 30 days: rows came late", self.lateness.messages, self.lateness.windows)?;
        }
        if let Some(people) = &self.people {
            let unmapped = people.census.asked.saturating_sub(people.census.mapped);
            writeln!(f, "{unmapped} of {} people without an address in the window from {}", people.census.asked, people.window.start)?;
        }
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
        self.show_runs(f)?;
        match self.head {
            Some(head) => write!(f, "head digest {head}"),
            None => write!(f, "no entries yet"),
        }
    }
}

impl Status {
    fn show_runs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(run) = &self.last_run {
            let [host, account, version] = [&run.by.host, &run.by.account, &run.by.version].map(|text| printable(text));
            writeln!(f, "last run {} on {host} by {account}, {version}", run.by.started)?;
        }
        for run in self.unfinished.iter().chain(&self.runs) {
            let Ran { started, windows, addenda, messages, items, dead_letters, findings, accepted, .. } = run;
            match started {
                Some(started) => write!(f, "  {started}")?,
                None => write!(f, "  {:24}", "not ended")?,
            }
            write!(f, "  {windows} sealed, {messages} messages in {items} mails")?;
            if *addenda > 0 {
                write!(f, ", {addenda} added to")?;
            }
            if *dead_letters > 0 {
                write!(f, ", {dead_letters} dead letters")?;
            }
            if !findings.is_empty() {
                let findings: Vec<String> = findings.iter().map(|(kind, times)| format!("{times} {kind}")).collect();
                write!(f, ", findings: {}", findings.join(", "))?;
            }
            if let Some(accepted) = accepted {
                write!(f, ", accepted: \"{}\"", accepted.escape_debug())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
