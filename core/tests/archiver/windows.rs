//! Which windows are sealed, and what is found about time.

use std::{sync::Arc, time::Duration};

use jabber_archive_core::{Capability, ErrorClass, ErrorKind, Finding, Span, Table, Window, testing::memory::MemorySink};

use super::world::*;

#[test]
fn a_window_is_sealed_when_the_earlier_clock_is_past_its_end_and_settle() {
    let sealed_to = |ours: &str, server: &str| {
        let mut world = World::new(vec![chat("2026-11-20T09:00:00Z", "a1", "hi")]);
        world.now = at(ours);
        world.source.set_clock(at(server));
        world.run().unwrap().frontier
    };
    assert_eq!(sealed_to("2026-11-20T12:59:59Z", "2026-11-20T12:59:59Z"), None);
    assert_eq!(sealed_to("2026-11-20T13:00:00Z", "2026-11-20T13:00:00Z"), Some(at("2026-11-20T12:00:00Z")));
    assert_eq!(sealed_to("2026-11-20T12:59:59Z", "2026-11-20T13:02:00Z"), None);
    assert_eq!(sealed_to("2026-11-20T13:02:00Z", "2026-11-20T12:59:59Z"), None);
}

#[test]
fn clocks_some_minutes_apart_are_a_finding_and_clocks_further_apart_than_settle_an_error() {
    let mut world = World::new(company());
    world.source.set_clock(world.now.before(Duration::from_mins(4)));
    assert_eq!(world.anew().run().unwrap().findings.iter().filter(|finding| finding.is_of_a_run()).count(), 0);

    world.source.set_clock(world.now.before(Duration::from_mins(10)));
    let report = world.run().unwrap();
    assert!(report.findings.contains(&Finding::ClockSkew { seconds: 600 }), "{:?}", report.findings);
    assert_eq!(world.runs()[0].findings, [Finding::ClockSkew { seconds: 600 }]);

    for now in [world.now.after(Duration::from_mins(61)), world.now.before(Duration::from_hours(3))] {
        world.now = now;
        let error = world.anew().run().unwrap_err();
        assert_eq!((error.kind(), error.class()), (ErrorKind::Source, ErrorClass::Fatal));
        assert!(error.to_string().contains("clock"), "{error}");
    }
}

#[test]
fn settle_shorter_than_margin_is_refused() {
    let mut world = World::new(company());
    world.settings.settle = world.facts.margin();
    world.anew().run().unwrap();
    world.settings.settle = world.facts.margin().saturating_sub(Duration::from_secs(1));
    let error = world.run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("`settle`"), "{error}");
    assert!(world.chain().is_empty());
}

#[test]
fn a_sink_that_overwrites_is_refused() {
    let mut world = World::new(company());
    let mut capability = Capability::full(1 << 20);
    capability.create_only = false;
    world.sink = Arc::new(MemorySink::new(capability));
    assert_eq!(world.run().unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn an_archive_with_other_facts_is_refused() {
    let mut world = World::new(company());
    world.run().unwrap();
    world.facts.margin_seconds = 60;
    let error = world.run().unwrap_err();
    assert!(error.to_string().contains("margin"), "{error}");
}

#[test]
fn rows_dated_in_the_future_are_a_finding_until_their_day_comes() {
    let mut world = World::new(vec![chat("2026-11-20T09:00:00Z", "a1", "hi"), chat("2026-11-26T09:00:00Z", "a2", "from the future")]);
    let report = world.run().unwrap();
    assert!(report.findings.contains(&Finding::FutureDate { rows: 1 }));
    assert_eq!(world.runs()[0].findings, [Finding::FutureDate { rows: 1 }]);
    assert!(!world.has("from the future"));

    world.now = at("2026-11-27T00:00:00Z");
    world.source.set_clock(world.now);
    let report = world.run().unwrap();
    world.check();
    assert!(!report.findings.iter().any(Finding::is_of_a_run), "{:?}", report.findings);
    assert!(world.has("from the future"));
}

#[test]
fn rows_that_are_written_while_a_run_begins_are_not_from_the_future() {
    let mut world = World::new(vec![chat("2026-11-20T09:00:00Z", "a1", "hi"), chat("2026-11-24T06:30:00.003Z", "a2", "just now")]);
    let report = world.anew().run().unwrap();
    assert!(!report.findings.iter().any(Finding::is_of_a_run), "{:?}", report.findings);
    // Nor if our clock is a little behind the one that dates them.
    world.now = world.now.before(Duration::from_secs(20));
    let report = world.run().unwrap();
    assert!(!report.findings.iter().any(Finding::is_of_a_run), "{:?}", report.findings);
}

#[test]
fn rows_dated_before_2000_are_sealed_in_undated_by_the_first_run() {
    let world = World::new(vec![
        chat("1970-01-01T00:00:07Z", "a0", "the node had no battery"),
        chat("1999-12-31T23:59:59.997Z", "a1", "nor here"),
        chat("2026-11-20T09:00:00Z", "a2", "hi"),
    ]);
    world.run().unwrap();
    world.check();
    let seals = world.seals();
    assert_eq!((seals[0].span, seals[0].messages.listed), (Window::UNDATED.span(), 2));
    assert!(seals[0].findings.contains(&Finding::ImplausibleDate { rows: 2 }), "{:?}", seals[0].findings);
    assert_eq!(world.sink.items().keys().filter(|key| key.path().starts_with("items/undated/")).count(), 1);
    assert_eq!(seals.iter().map(|seal| seal.messages.listed).sum::<u64>(), 3);
}

#[test]
fn a_source_of_undated_rows_alone_is_sealed_and_one_without_rows_begins_nothing() {
    let world = World::new(vec![chat("1970-01-01T00:00:07Z", "a0", "the node had no battery")]);
    let report = world.run().unwrap();
    assert_eq!((report.seals, report.messages, report.frontier), (1, 1, None));
    assert_eq!(world.run().unwrap().seals, 0);

    let empty = World::new(Vec::new());
    let report = empty.run().unwrap();
    assert_eq!((report.seals, empty.chain().len()), (0, 0));
}

#[test]
fn empty_windows_in_a_row_are_one_seal() {
    let world = World::new(vec![chat("2026-11-20T09:00:00Z", "a1", "hi"), chat("2026-11-23T09:00:00Z", "a2", "again")]);
    world.run().unwrap();
    world.check();
    let spans: Vec<Span> = world.seals().iter().skip(1).map(|seal| seal.span).collect();
    let span = |start: &str, end: &str| Span::new(at(start), at(end));
    assert_eq!(
        spans,
        [
            span("2026-11-20T06:00:00Z", "2026-11-20T12:00:00Z"),
            span("2026-11-20T12:00:00Z", "2026-11-23T06:00:00Z"),
            span("2026-11-23T06:00:00Z", "2026-11-23T12:00:00Z"),
            span("2026-11-23T12:00:00Z", "2026-11-24T00:00:00Z"),
        ]
    );
}

#[test]
fn an_archive_begins_with_the_window_of_its_start() {
    let mut world = World::new(company());
    world.settings.start = Some(at("2026-11-22T20:00:00Z"));
    world.run().unwrap();
    world.check();
    let first = world.seals().into_iter().find(|seal| seal.span.start != Window::UNDATED.start()).unwrap();
    assert_eq!((first.span.start, first.messages.listed), (at("2026-11-22T18:00:00Z"), 1));
}

#[test]
fn a_start_before_2000_begins_with_2000() {
    let mut world = World::new(company());
    world.settings.start = Some(at("1995-01-01T00:00:00Z"));
    world.run().unwrap();
    world.check();
    assert_eq!(world.seals()[1].span.start, at("2000-01-01T00:00:00Z"));
    assert!(world.has("back again"));
}

#[test]
fn copies_over_a_border_are_counted_where_they_are_dated_and_listed_once() {
    let world = World::new(company());
    world.run().unwrap();
    let (before, behind) = (world.seal_at("2026-11-20T11:59:59Z"), world.seal_at("2026-11-20T12:00:01Z"));
    assert_eq!((before.tables[&Table::Jm].starts, before.tables[&Table::Jm].folded), (3, 1));
    assert_eq!((behind.tables[&Table::Jm].starts, behind.tables[&Table::Jm].folded), (0, 2));
    let texts: Vec<String> = world.sink.items().values().map(|content| String::from_utf8_lossy(content).into_owned()).collect();
    assert_eq!(texts.iter().filter(|text| text.contains("over the border")).count(), 1);
}
