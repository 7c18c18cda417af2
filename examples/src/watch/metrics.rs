//! What Prometheus reads.

use std::{fmt, sync::atomic::AtomicI64};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::ConstCounter, family::Family, gauge::ConstGauge, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::vitals::Counters;
use crate::status::Status;

/// The metrics in the text format `OpenMetrics` 1.0. Where the archive cannot be read, only what the service counts itself.
pub(super) fn text(status: Option<&Status>, counters: &Counters) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("jabber_archive");
    let healthy = status.is_some_and(|status| !status.is_unhealthy());
    registry.register("healthy", "Whether the archive goes on by itself", ConstGauge::<i64>::new(healthy.into()));
    registry.register("rounds", "Rounds of this process", ConstCounter::new(counters.rounds));
    registry.register("failed_rounds", "Rounds of this process that failed", ConstCounter::new(counters.failed_rounds));
    registry.register("retries", "Operations that were tried again", ConstCounter::new(counters.retries));
    registry.register_with_unit("last_round", "How long the last round took", Unit::Seconds, ConstGauge::<f64>::new(counters.seconds));
    registry.register("copies_delivered", "Copies of mails that this process put into mailboxes", ConstCounter::new(counters.delivered));
    registry.register(
        "copies_refused",
        "Copies that mailboxes refused, by the last import",
        ConstGauge::<i64>::new(counters.refused as i64),
    );
    registry.register("audits", "Audits of this process", ConstCounter::new(counters.audits));
    registry.register("audit_differences", "Differences that the last audit found", ConstGauge::<i64>::new(counters.differences as i64));
    if let Some(status) = status {
        of_archive(&mut registry, status);
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn of_archive(registry: &mut Registry, status: &Status) {
    let gauge = |value: u64| ConstGauge::<i64>::new(value as i64);
    registry.register("entries", "Entries of the chain", gauge(status.entries));
    registry.register("messages", "Messages that are archived", gauge(status.messages));
    registry.register("mails", "Mails that are archived", gauge(status.items));
    registry.register_with_unit("mails", "Size of the mails", Unit::Bytes, gauge(status.bytes));
    registry.register("dead_letters", "What could not be archived as a mail", gauge(status.dead_letters));
    registry.register("windows_sealed", "Windows that are sealed", gauge(status.windows.sealed));
    if let Some(due) = status.windows.due {
        registry.register("windows_due", "Windows that are closed and not sealed", gauge(due));
    }
    let seconds = |time: jabber_archive_core::Timestamp| ConstGauge::<f64>::new(time.millis() as f64 / 1_000.0);
    let times = [
        ("archived_until_timestamp", "The end of the last window that is sealed", status.archived_until),
        ("last_run_timestamp", "When the last run began that did something", status.last_run.as_ref().map(|run| run.by.started)),
        ("next_run_timestamp", "When the next run is to begin", status.next_run),
    ];
    for (name, help, time) in times {
        if let Some(time) = time {
            registry.register_with_unit(name, help, Unit::Seconds, seconds(time));
        }
    }
    if let Some(people) = &status.people {
        let without = people.census.asked.saturating_sub(people.census.mapped);
        registry.register("people_without_address", "Participants of the last window without an address in the directory", gauge(without));
    }
    if let Some(purge) = &status.purge {
        registry.register("days_until_purge", "Days until rows that are not archived are purged", ConstGauge::<i64>::new(purge.days));
    }
    let findings = Family::<Vec<(String, String)>, Gauge<i64, AtomicI64>>::default();
    for found in &status.findings_by_kind {
        let labels = vec![("kind".to_owned(), found.kind.to_owned()), ("expected".to_owned(), found.expected.to_string())];
        findings.get_or_create(&labels).set(found.times as i64);
    }
    registry.register("findings", "Findings of the last year", findings);
}
