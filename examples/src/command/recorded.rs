//! What `check` finds of rows that were never recorded or are gone, as a run would.

use jabber_archive_core::{
    ArchiveFacts, EntryRecord, Extent, Finding, Frontier, HourlyRows, Ledger, Result, RunSettings, Source, Span, Timestamp, Traces, Window,
    purge_near, starts_earlier, starts_later,
};

/// How many entries are read to find one that sealed rows.
const ENTRIES: usize = 64;

/// An archive that is there.
pub(super) struct Existing {
    pub(super) frontier: Frontier,
    /// Whether one of the last windows had rows.
    has_rows: bool,
    /// Where its first window begins.
    archived_from: Option<Timestamp>,
}

impl Existing {
    pub(super) async fn of(ledger: &impl Ledger) -> Result<Self> {
        let Some(head) = ledger.head().await? else {
            return Ok(Self { frontier: Frontier::default(), has_rows: false, archived_from: None });
        };
        let (mut has_rows, mut archived_from) = (false, None);
        for number in (1..=head.entry.number).take(ENTRIES) {
            if let EntryRecord::Seal(seal) = ledger.entry(number).await?.entry.record
                && seal.span != Window::UNDATED.span()
            {
                archived_from = Some(seal.span.start);
                break;
            }
        }
        for number in (1..=head.entry.number).rev().take(ENTRIES) {
            if let EntryRecord::Seal(seal) = ledger.entry(number).await?.entry.record {
                has_rows = seal.span != Window::UNDATED.span() && seal.tables.values().any(|account| account.rows > 0);
            }
            if has_rows {
                break;
            }
        }
        Ok(Self { frontier: head.entry.frontier, has_rows, archived_from })
    }
}

/// What is found of the windows that a run would seal.
pub(super) async fn findings(
    source: &dyn Source,
    extent: &Extent,
    facts: &ArchiveFacts,
    settings: &RunSettings,
    existing: Option<&Existing>,
    now: Timestamp,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let archived_until = existing.and_then(|existing| existing.frontier.end);
    if existing.is_some_and(|existing| existing.has_rows) {
        findings.extend(archived_until.and_then(|until| starts_later(extent.first, until)));
    }
    let archived_from = existing.and_then(|existing| existing.archived_from);
    findings.extend(archived_from.and_then(|from| starts_earlier(extent.first, from, settings.start)));
    let unsealed = archived_until.or(extent.first);
    findings.extend(unsealed.zip(settings.purge_after_days).and_then(|(unsealed, days)| purge_near(unsealed, now, days)));
    if let (Some(first), Some(start)) = (extent.first, archived_until.or(settings.start).or(extent.first)) {
        let start = facts.grid.window_at(start.max(Timestamp::PLAUSIBLE)).start();
        let span = Span::new(start, facts.grid.window_at(now.before(settings.settle)).start());
        findings.extend(source.hours(&HourlyRows::compared(span)).await?.silences(first, span));
    }
    Ok(findings)
}

/// What the rows of one window tell.
pub(super) async fn of_window(source: &dyn Source, window: &Window, traces: &Traces) -> Result<Vec<Finding>> {
    let before = Span::new(window.start().before(RunSettings::NUMBERS_LOOKBACK), window.start());
    let numbers = source.room_numbers(before).await?;
    Ok(traces.no_outgoing().into_iter().chain(traces.of_rooms(numbers.as_ref())).collect())
}
