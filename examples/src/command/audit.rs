use std::{fmt, sync::Arc, time::Instant};

use jabber_archive_core::{
    AuditReport, ConversationKey, Discrepancy, DiscrepancyKind, Error, ErrorClass, ErrorKind, Result, Span, Timestamp,
};
use jabber_archive_sink::Swept;
use serde::Serialize;

use super::{Failure, Outcome, asked_to_stop, now, report::Report, unmapped::printable};
use crate::{
    arguments::Audit,
    config::Config,
    console::{Console, Watcher},
    wiring::{self, Place},
};

/// What an audit found, for people and for machines.
#[derive(Debug, Serialize)]
pub(crate) struct Audited {
    archive: String,
    seconds: f64,
    #[serde(flatten)]
    pub(crate) audit: AuditReport,
}

impl Audited {
    pub(crate) fn outcome(&self) -> Outcome {
        if self.audit.cancelled {
            Outcome::Stopped
        } else if self.audit.is_clean() {
            Outcome::Done
        } else {
            Outcome::Findings
        }
    }
}

pub(super) async fn audit(arguments: &Audit, console: &Console) -> Result<Outcome, Failure> {
    let span = span(arguments)?;
    let config = Config::read(&arguments.configured.config)?;
    let task = if arguments.repair { Task::Repair(arguments.accept.as_deref()) } else { Task::Compare };
    let audited = compare(&config, span, task, Console::progress(), asked_to_stop()?).await?;
    console.print(&audited)?;
    Ok(audited.outcome())
}

/// What an audit does with what it finds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Task<'a> {
    Compare,
    /// Adds what is missing; much of it if there is a reason.
    Repair(Option<&'a str>),
}

/// Compares the source with the archive until that is done, fails, or is to stop.
pub(crate) async fn compare(
    config: &Config,
    span: Span,
    task: Task<'_>,
    watcher: Arc<dyn Watcher>,
    stop: impl Future<Output = ()> + Send,
) -> Result<Audited, Failure> {
    let place = Place::of(config)?;
    let people = wiring::people_patiently(config, &*watcher).await?;
    let accept = if let Task::Repair(accept) = task { accept } else { None };
    let archiver = wiring::archiver_of_existing(config, &place, people, accept, watcher.clone()).await?;
    let begun = Instant::now();
    let ended = match task {
        Task::Compare => archiver.audit(span, now(), stop).await,
        Task::Repair(_) => archiver.repair(span, now(), stop).await,
    };
    let known = watcher.end();
    let seconds = begun.elapsed().as_secs_f64();
    let audit = ended.map_err(|error| {
        // What a repair that failed has added.
        let report = known.map(|run| {
            Box::new(Report {
                archive: place.to_string(),
                seconds,
                failed: true,
                expected: config.run.expected_findings.clone(),
                unmapped_file: None,
                swept: Swept::default(),
                run,
            })
        });
        Failure::after(error, report)
    })?;
    Ok(Audited { archive: place.to_string(), seconds, audit })
}

fn span(arguments: &Audit) -> Result<Span> {
    let span = Span::new(arguments.from.unwrap_or(Timestamp::MIN), arguments.until.unwrap_or(Timestamp::MAX));
    if span.start >= span.end {
        return Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "read arguments", "it is not after --from")
            .about("--until")
            .advise("no window is of such a time: the first instant after it is meant"));
    }
    Ok(span)
}

impl fmt::Display for Audited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audit = &self.audit;
        for discrepancy in &audit.discrepancies {
            named(f, discrepancy)?;
        }
        let unnamed = audit.differences() - audit.discrepancies.len() as u64;
        if unnamed > 0 {
            writeln!(f, "and {unnamed} more: name fewer windows with --from and --until")?;
        }
        if audit.cancelled {
            writeln!(f, "stopped as asked: this is what was found until then")?;
        }
        writeln!(f, "windows    {:>10}  sealed, and compared where they are in the source", audit.windows)?;
        writeln!(f, "messages   {:>10}", audit.messages)?;
        writeln!(f, "  archived {:>10}", audit.archived)?;
        for (what, messages, words) in [
            ("filtered", audit.filtered, "left out, by the filter of the time or of now"),
            ("dead", audit.dead_letters, "dead letters, which `retry` tries again"),
            ("gone", audit.gone, "archived, from before the first row that the source has: they cannot be compared"),
            ("known", audit.known, "other differences, recorded by an earlier repair"),
        ] {
            if messages > 0 {
                writeln!(f, "  {what:<8} {messages:>10}  {words}")?;
            }
        }
        for (kind, messages) in &audit.found {
            writeln!(f, "{:<10} {messages:>10}  {}", name(*kind), words(*kind))?;
        }
        if audit.not_sealed > 0 {
            writeln!(f, "{} windows of this time are not sealed, and were not compared", audit.not_sealed)?;
        }
        if audit.is_clean() {
            writeln!(f, "the archive has what the source has")?;
        } else if audit.found.is_empty() {
            writeln!(f, "the source has nothing that was archived: is it the right one?")?;
        } else if audit.repair.is_none() && audit.addable > 0 {
            writeln!(f, "`audit --repair` adds {} messages", audit.addable)?;
        }
        if let Some(repair) = &audit.repair {
            writeln!(f, "added {} messages to {} sealed windows; what else differs is recorded there", repair.added, repair.addenda)?;
            if repair.dead_letters > 0 {
                writeln!(f, "dead letters {}: kept in {}/dead-letters with the reason", repair.dead_letters, self.archive)?;
            }
        }
        write!(f, "seconds    {:>10.1}", self.seconds)?;
        if let Some(head) = audit.head {
            write!(f, "\nhead digest {head}")?;
        }
        Ok(())
    }
}

/// One message, by conversation and time.
fn named(f: &mut fmt::Formatter<'_>, discrepancy: &Discrepancy) -> fmt::Result {
    write!(f, "{:<10} {}", name(discrepancy.kind), discrepancy.start)?;
    match &discrepancy.conversation {
        Some(ConversationKey::Pair(one, other)) => {
            write!(f, "  {} and {}", printable(&one.to_string()), printable(&other.to_string()))?;
        }
        Some(ConversationKey::Room(room)) => write!(f, "  {}", printable(room.as_str()))?,
        _ => {}
    }
    if let Some(item) = &discrepancy.item {
        write!(f, "  {item}")?;
    }
    writeln!(f)
}

pub(crate) fn name(kind: DiscrepancyKind) -> String {
    format!("{kind:?}").to_lowercase()
}

/// What a kind means.
pub(crate) fn words(kind: DiscrepancyKind) -> &'static str {
    match kind {
        DiscrepancyKind::Missing => "in the source, and not archived",
        DiscrepancyKind::Changed => "with another text, sender or time than was archived",
        DiscrepancyKind::Renamed => "archived under another name of their room",
        DiscrepancyKind::Recipients => "to other recipients than was archived: copies have gone, or came late",
        DiscrepancyKind::Purged => "archived, and gone from the source",
        DiscrepancyKind::Extra => "archived, and not in the source, of which no row has gone",
        _ => "",
    }
}
