use std::time::Instant;

use jabber_archive_core::{Entry, Frontier};
use serde_json::{Value, json};

use super::{days::DayState, *};

pub(super) fn at(text: &str) -> Timestamp {
    let midnight = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    midnight.parse().unwrap()
}

/// A chain that is folded entry by entry, and never stored.
pub(super) struct Chain {
    reading: Reading,
    judgement: Judgement,
    number: u64,
    frontier: Frontier,
}

impl Chain {
    pub(super) fn new(now: &str) -> Self {
        Self::judged(now, Judgement { settle: Some(Duration::from_hours(1)), ..Judgement::default() })
    }

    pub(super) fn judged(now: &str, judgement: Judgement) -> Self {
        let facts = ArchiveFacts::new("test").unwrap();
        let reading = Reading::new(facts, judgement.clone(), at(now));
        Self { reading, judgement, number: 0, frontier: Frontier::default() }
    }

    /// With windows of another length, one of which begins so many hours past midnight.
    pub(super) fn of_windows(self, now: &str, hours: u64, anchor: u64) -> Self {
        let grid = jabber_archive_core::Grid::new(Duration::from_hours(hours), Duration::from_hours(anchor)).unwrap();
        let facts = ArchiveFacts::new("test").unwrap().with_windows(grid, Duration::from_mins(5)).unwrap();
        Self { reading: Reading::new(facts, self.judgement.clone(), at(now)), ..self }
    }

    fn append(&mut self, record: &Value) {
        self.number += 1;
        let mut entry = json!({ "number": self.number, "previous": Digest::of(b""), "frontier": self.frontier });
        entry.as_object_mut().unwrap().extend(record.as_object().unwrap().clone());
        let entry: Entry = serde_json::from_value(entry).unwrap();
        self.reading.take(jabber_archive_core::Link::new(entry));
    }

    /// A seal of as many messages, each in a mail of its own of 1,000 bytes, with other values in place of its own.
    pub(super) fn seal(&mut self, start: &str, end: &str, messages: u64, other: &Value) {
        self.frontier.end = Some(at(end));
        self.frontier.seal = Some(self.number + 1);
        self.append(&json!({ "seal": seal(start, end, messages, other) }));
    }

    pub(super) fn addendum(&mut self, cause: &str, start: &str, end: &str, messages: u64, other: &Value) {
        let mut addendum = seal(start, end, messages, other);
        addendum["cause"] = cause.into();
        self.append(&json!({ "addendum": addendum }));
    }

    pub(super) fn run(&mut self, started: &str, other: &Value) {
        let mut run = json!({
            "started": at(started), "host": "archiver", "account": "jabber", "version": "jabber-archive 0.1.0", "configuration": null,
            "seals": null, "abandoned": [], "findings": [],
        });
        run.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        self.append(&json!({ "run": run }));
    }

    pub(super) fn end(self, service: &Service) -> Status {
        self.reading.end("archive".to_owned(), service)
    }
}

fn seal(start: &str, end: &str, messages: u64, other: &Value) -> Value {
    let mut seal = json!({
        "span": { "start": at(start), "end": at(end) },
        "recipe": { "name": "transcript", "version": 4, "settings": Digest::of(b"") },
        "context": null, "tables": {}, "items": messages, "bytes": messages * 1_000, "list": null,
        "messages": { "starts": messages, "listed": messages, "dead_letters": 0, "elsewhere": 0 },
        "abandoned": [], "dead_letters": [], "late_copies": [], "findings": [],
    });
    seal.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    seal
}

/// Dead letters for a seal.
fn dead(letters: &[&str]) -> Value {
    let digests: std::collections::BTreeSet<Digest> = letters.iter().map(|letter| Digest::of(letter.as_bytes())).collect();
    json!({ "dead_letters": digests })
}

fn none() -> Value {
    json!({})
}

/// An archive of three days, sealed by a run at night.
fn three_days(now: &str, run: &str) -> Chain {
    let mut chain = Chain::new(now);
    for (start, end) in [("2026-11-20", "2026-11-21"), ("2026-11-21", "2026-11-22"), ("2026-11-22", "2026-11-23")] {
        chain.seal(start, end, 10, &none());
    }
    chain.run(run, &json!({ "seals": [1, 3] }));
    chain
}

fn kinds(status: &Status) -> Vec<&str> {
    status.health.as_ref().unwrap().reasons.iter().map(|reason| reason.kind).collect()
}

fn states(status: &Status, from: &str) -> Vec<DayState> {
    status.days.iter().filter(|day| day.date >= from.parse().unwrap()).map(|day| day.state).collect()
}

#[test]
fn windows_are_sealed_due_or_not_closed_yet_and_so_are_days() {
    use DayState::{Before, Missing, Open, Sealed};
    let status = three_days("2026-11-25T00:59:59Z", "2026-11-23T02:00:00Z").end(&Service::default());
    // The window of the 24th ends at midnight and is closed an hour later.
    assert_eq!(status.windows, Windows { sealed: 3, due: Some(1) });
    assert_eq!(states(&status, "2026-11-19"), [Before, Sealed, Sealed, Sealed, Missing, Open, Open]);
    let status = three_days("2026-11-25T01:00:00Z", "2026-11-23T02:00:00Z").end(&Service::default());
    assert_eq!(status.windows.due, Some(2));
    assert_eq!(states(&status, "2026-11-22"), [Sealed, Missing, Missing, Open]);
    assert_eq!(
        (status.days.len(), status.days[0].date.to_string(), status.days[364].date.to_string()),
        (365, "2025-11-26".to_owned(), "2026-11-25".to_owned())
    );
    assert_eq!(status.lateness.age_seconds, Some(49 * 3_600));
}

#[test]
fn a_range_of_empty_windows_seals_every_day_of_it_and_short_windows_seal_a_day_together() {
    use DayState::{Before, Missing, Open, Sealed};
    let mut chain = Chain::new("2026-11-25T08:00:00Z");
    chain.seal("2010-01-01", "2026-11-24", 0, &none());
    let status = chain.end(&Service::default());
    assert_eq!(status.windows, Windows { sealed: 6_171, due: Some(1) });
    let days = states(&status, "2025-01-01");
    assert!(days[..363].iter().all(|state| *state == Sealed) && days[363..] == [Missing, Open], "{days:?}");

    let mut chain = Chain::new("2026-11-25T08:00:00Z").of_windows("2026-11-25T08:00:00Z", 6, 0);
    chain.seal("2026-11-23T06:00:00Z", "2026-11-23T12:00:00Z", 7, &none());
    chain.seal("2026-11-23T12:00:00Z", "2026-11-25T00:00:00Z", 0, &none());
    let status = chain.end(&Service::default());
    assert_eq!(status.windows, Windows { sealed: 7, due: Some(1) }, "the one of this morning");
    assert_eq!(states(&status, "2026-11-22"), [Before, Sealed, Sealed, Missing]);
    let windows: Vec<u64> = status.days[362..].iter().map(|day| day.windows).collect();
    assert_eq!(windows, [3, 4, 0]);
    assert_eq!((status.days[362].messages, status.days[362].items, status.days[362].bytes), (7, 7, 7_000));
}

#[test]
fn a_window_that_lies_in_two_days_counts_for_the_one_on_which_it_begins() {
    use DayState::{Before, Missing, Open, Sealed};
    let mut chain = Chain::new("2026-11-25T08:00:00Z").of_windows("2026-11-25T08:00:00Z", 24, 22);
    chain.seal("2026-11-21T22:00:00Z", "2026-11-22T22:00:00Z", 5, &none());
    let status = chain.end(&Service::default());
    assert_eq!(status.windows, Windows { sealed: 1, due: Some(2) }, "the one that ended at 22 on the 24th is the last that is due");
    assert_eq!(states(&status, "2026-11-20"), [Before, Sealed, Missing, Missing, Open, Open]);
    assert_eq!(status.days[360].messages, 5);
}

#[test]
fn what_is_dated_before_2000_is_a_window_and_no_day() {
    let mut chain = Chain::new("2026-11-24T08:00:00Z");
    chain.append(&json!({ "seal": seal("1753-01-01", "2000-01-01", 5, &none()) }));
    chain.seal("2026-11-23", "2026-11-24", 10, &none());
    let status = chain.end(&Service::default());
    assert_eq!((status.windows.sealed, status.messages, status.archived_from), (2, 15, Some(at("2026-11-23"))));
}

#[test]
fn an_archive_stands_still_when_something_is_due_and_nothing_was_sealed_for_longer_than_the_limit() {
    let stands = |now: &str, run: &str, service: &Service| kinds(&three_days(now, run).end(service)) == ["standing-still"];
    let patient = Service::default();
    // A run every night: what was sealed ends at midnight.
    for (now, still) in [("2026-11-24T00:30:00Z", false), ("2026-11-24T14:00:00Z", false), ("2026-11-24T14:00:01Z", true)] {
        assert_eq!(stands(now, "2026-11-23T02:00:00Z", &patient), still, "{now}");
    }
    // A run every afternoon: its windows are long over when it seals them.
    for (now, still) in [("2026-11-24T16:30:00Z", false), ("2026-11-25T04:00:00Z", false), ("2026-11-25T04:00:01Z", true)] {
        assert_eq!(stands(now, "2026-11-23T16:00:00Z", &patient), still, "{now}");
    }
    // With less patience there is still nothing to do before a window is closed.
    let eager = Service { limit: Duration::from_hours(2), ..Service::default() };
    assert!(!stands("2026-11-24T00:59:59Z", "2026-11-23T02:00:00Z", &eager));
    assert!(stands("2026-11-24T01:00:00Z", "2026-11-23T02:00:00Z", &eager));
    // One that is at work has no entry yet, but whoever runs it knows.
    let at_work = Service { sealed: Some(at("2026-11-25T12:00:00Z")), ..Service::default() };
    assert!(!stands("2026-11-26T00:00:00Z", "2026-11-23T02:00:00Z", &at_work));
    // A clock that was ahead for a day does not hide it.
    assert!(stands("2026-11-26T00:00:00Z", "2030-01-01T00:00:00Z", &patient));

    let reason = three_days("2026-11-26T00:00:00Z", "2026-11-23T02:00:00Z").end(&patient).health.unwrap().reasons.remove(0);
    assert_eq!(reason.what, "nothing was sealed for more than 36 h, and 2 windows are due, the first since 2026-11-24 01:00 UTC");
    assert!(reason.unhealthy && reason.advice.contains("jabber-archive run"));
}

#[test]
fn an_archive_of_nothing_is_unhealthy_and_a_copy_is_not_judged() {
    let status = Chain::new("2026-11-25").end(&Service::default());
    assert!(status.is_unhealthy() && kinds(&status) == ["standing-still"]);
    assert!(status.days.iter().all(|day| day.state == DayState::Before) && status.windows.due.is_none());

    let mut copy = Chain::judged("2030-01-01", Judgement::default());
    copy.seal("2026-11-23", "2026-11-24", 10, &none());
    let status = copy.end(&Service::default());
    assert!(status.health.is_none() && !status.is_unhealthy() && status.windows.due.is_none());
}

#[test]
fn a_run_that_failed_and_a_purge_that_is_near_are_told_with_what_to_do() {
    let failed = Service {
        failed: Some(Failed { started: at("2026-11-24T02:00:00Z"), error: "connect: nobody answers; is the server up?".to_owned() }),
        ..Service::default()
    };
    let status = three_days("2026-11-24T03:00:00Z", "2026-11-23T02:00:00Z").end(&failed);
    assert!(status.is_unhealthy());
    let reason = &status.health.as_ref().unwrap().reasons[0];
    assert_eq!(reason.what, "the round of 2026-11-24 02:00 UTC failed: connect: nobody answers; is the server up?");

    let judgement = |days| Judgement { settle: Some(Duration::from_hours(1)), purge_after_days: Some(days), ..Judgement::default() };
    for (days, unhealthy) in [(1, true), (2, true), (3, false)] {
        let mut chain = Chain::judged("2026-11-24T06:00:00Z", judgement(days));
        chain.seal("2026-11-22", "2026-11-23", 10, &none());
        let status = chain.end(&Service::default());
        assert_eq!(status.is_unhealthy(), unhealthy, "{days}");
        assert_eq!(kinds(&status).contains(&"purge-near"), unhealthy, "{days}");
    }
}

#[test]
fn findings_and_dead_letters_are_to_be_looked_at_and_those_that_are_expected_are_no_news() {
    let findings = json!({ "findings": [{ "finding": "no-outgoing", "rows": 120 }, { "finding": "late-copy", "rows": 2 }] });
    let build = |expected: &[&str]| {
        let expected = Expected::try_from(expected.iter().map(|kind| (*kind).to_owned()).collect::<Vec<_>>()).unwrap();
        let settle = Some(Duration::from_hours(1));
        let mut chain = Chain::judged("2026-11-24T03:00:00Z", Judgement { settle, expected, ..Judgement::default() });
        chain.seal("2026-11-22", "2026-11-23", 10, &findings);
        chain.seal("2026-11-23", "2026-11-24", 10, &none());
        let silence = json!({ "finding": "silence", "table": "jm", "start": at("2026-11-21T08:00:00Z"), "end": at("2026-11-21T09:00:00Z"), "usual": 500 });
        let skew = json!({ "finding": "clock-skew", "seconds": 400 });
        chain.run("2026-11-24T02:00:00Z", &json!({ "seals": [1, 2], "findings": [silence, skew] }));
        chain.end(&Service::default())
    };
    let status = build(&[]);
    assert!(!status.is_unhealthy(), "somebody ought to look, and the archive goes on");
    let reason = &status.health.as_ref().unwrap().reasons[0];
    assert_eq!((reason.kind, reason.unhealthy), ("findings", false));
    assert_eq!(reason.what, "the last run that did something has findings: clock-skew, late-copy, no-outgoing, silence");
    let of_days: Vec<(u64, u64)> = status.days[361..].iter().map(|day| (day.findings, day.expected_findings)).collect();
    assert_eq!(of_days, [(1, 0), (2, 0), (0, 0), (1, 0)], "silence has its own time, and the clock that of the run");
    let told: Vec<(&str, &str)> = status.findings_by_kind.iter().map(|found| (found.kind, &found.words[..])).collect();
    assert_eq!(told[0], ("clock-skew", "our clock and the server's are 400 s apart"));
    assert_eq!(told.len(), 4);
    assert_eq!(status.findings, 4);

    let status = build(&["no-outgoing", "late-copy", "silence", "clock-skew"]);
    assert!(kinds(&status).is_empty());
    assert_eq!(status.days[362].expected_findings, 2);
    assert!(status.findings_by_kind.iter().all(|found| found.expected));
    let status = build(&["clock-skew"]);
    assert_eq!(status.findings_by_kind.last().unwrap().kind, "clock-skew", "what is expected stands last");
}

#[test]
fn dead_letters_are_those_of_the_last_entry_about_their_window() {
    let mut chain = Chain::new("2026-11-24T03:00:00Z");
    chain.seal("2026-11-22", "2026-11-23", 10, &dead(&["a", "b", "c"]));
    chain.seal("2026-11-23", "2026-11-24", 10, &dead(&["d"]));
    chain.addendum("retry", "2026-11-22", "2026-11-23", 2, &dead(&["c"]));
    chain.addendum("retry", "2026-11-23", "2026-11-24", 1, &none());
    let status = chain.end(&Service::default());
    assert_eq!((status.dead_letters, status.dead_letter_windows.len()), (1, 1));
    let window = &status.dead_letter_windows[0];
    assert_eq!((window.window.start, window.dead_letters, &window.named[..]), (at("2026-11-22"), 1, &[Digest::of(b"c")][..]));
    assert_eq!(kinds(&status), ["unfinished-run", "dead-letters"]);
    assert_eq!((status.days[362].dead_letters, status.days[363].dead_letters), (1, 0));
    assert_eq!((status.days[362].messages, status.days[362].added), (12, 2));
    assert_eq!(status.lateness.windows, 0, "what is tried again has not come late");
}

#[test]
fn rows_that_came_late_are_counted_by_the_runs_of_a_month() {
    let mut chain = Chain::new("2026-11-24T03:00:00Z");
    chain.seal("2026-10-20", "2026-11-24", 0, &none());
    for (started, messages) in [("2026-10-25T02:59:59Z", 1), ("2026-10-25T03:00:00Z", 2), ("2026-11-24T02:00:00Z", 4)] {
        chain.addendum("late-rows", "2026-10-22", "2026-10-23", messages, &none());
        chain.addendum("repair", "2026-10-21", "2026-10-22", 100, &none());
        chain.run(started, &none());
    }
    let status = chain.end(&Service::default());
    assert_eq!((status.lateness.windows, status.lateness.messages), (2, 6));
    assert_eq!(status.runs.iter().map(|run| run.addenda).collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn the_last_ten_runs_are_told_with_what_they_did_and_what_is_behind_them() {
    let mut chain = Chain::new("2026-11-24T03:00:00Z");
    for day in 1..=12 {
        let [start, end] = [day, day + 1].map(|day| format!("2026-11-{day:02}"));
        let people = json!({ "people": { "asked": 10 + day, "mapped": 10 } });
        chain.seal(&start, &end, day, &people);
        let accepted = if day == 12 { json!({ "accepted": "looked at it" }) } else { none() };
        chain.run(&format!("{end}T02:00:00Z"), &accepted);
    }
    chain.seal("2026-11-13", "2026-11-14", 3, &none());
    let status = chain.end(&Service::default());
    let messages: Vec<u64> = status.runs.iter().map(|run| run.messages).collect();
    assert_eq!(messages, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    let last = &status.runs[0];
    assert_eq!((last.entry, last.started, last.accepted.as_deref()), (Some(24), Some(at("2026-11-13T02:00:00Z")), Some("looked at it")));
    assert_eq!((last.windows, last.items, last.bytes, last.host.as_deref()), (1, 12, 12_000, Some("archiver")));
    assert_eq!(status.unfinished.as_ref().map(|run| (run.windows, run.messages, run.entry)), Some((1, 3, None)));
    let people = status.people.unwrap();
    assert_eq!((people.window.start, people.census.asked, people.census.mapped), (at("2026-11-12"), 22, 10));
}

#[test]
fn what_an_interrupted_run_has_done_is_told_with_the_next_and_said_to_be_of_several() {
    let mut chain = Chain::new("2026-11-24T03:00:00Z");
    chain.seal("2026-11-20", "2026-11-21", 1, &none());
    chain.seal("2026-11-21", "2026-11-22", 2, &none());
    chain.run("2026-11-22T02:00:00Z", &json!({ "seals": [2, 2] }));
    chain.seal("2026-11-22", "2026-11-23", 4, &none());
    chain.run("2026-11-23T02:00:00Z", &json!({ "seals": [4, 4] }));
    chain.run("2026-11-23T03:00:00Z", &none());
    chain.addendum("late-rows", "2026-11-22", "2026-11-23", 8, &none());
    chain.run("2026-11-23T04:00:00Z", &none());
    let runs: Vec<(u64, bool)> = chain.end(&Service::default()).runs.iter().rev().map(|run| (run.messages, run.of_several)).collect();
    assert_eq!(runs, [(3, true), (4, false), (0, false), (8, true)]);
}

#[test]
fn a_long_chain_takes_no_more_than_a_short_one() {
    let mut chain = Chain::new("2026-11-24T03:00:00Z").of_windows("2026-11-24T03:00:00Z", 1, 0);
    let first = at("2016-11-24").millis();
    let began = Instant::now();
    for hour in 0..20_000 {
        let [start, end] = [hour, hour + 1].map(|hour| Timestamp::from_millis(first + hour * 3_600_000).to_string());
        chain.seal(&start, &end, 1, &json!({ "findings": [{ "finding": "late-copy", "rows": 1 }] }));
        chain.run(&end, &none());
    }
    println!("{} entries in {:?}, most of it for making them", chain.number, began.elapsed());
    let status = chain.end(&Service::default());
    assert_eq!((status.entries, status.messages, status.windows.sealed), (40_000, 20_000, 20_000));
    assert_eq!(
        (status.runs.len(), status.days.len(), status.findings_by_kind.len()),
        (10, 365, 0),
        "findings of years ago are counted alone"
    );
    assert_eq!(status.findings, 20_000);
}

#[test]
fn the_page_tells_what_the_service_knows_and_takes_nothing_for_markup() {
    let hostile = "<img src=x onerror='alert(1)'>\"&\u{202e}";
    let mut chain = three_days("2026-11-24T03:00:00Z", "2026-11-23T02:00:00Z");
    chain.run("2026-11-24T02:00:00Z", &json!({ "host": hostile, "account": hostile, "version": hostile, "accepted": hostile }));
    let service = Service {
        failed: Some(Failed { started: at("2026-11-24T02:00:00Z"), error: format!("connect: `{hostile}`") }),
        next_run: Some(at("2026-11-25T02:30:00Z")),
        ..Service::default()
    };
    let page = page(&chain.end(&service));
    assert!(page.starts_with(MARK) && page.ends_with("</html>\n"));
    assert!(page.contains("<title>Not healthy: test</title>"));
    assert!(
        page.contains("<dt>Next run</dt><dd><strong><time datetime=\"2026-11-25T02:30:00.000Z\">2026-11-25</time></strong>")
            && page.contains("at 02:30")
    );
    let text = "&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&quot;&amp;\u{fffd}";
    assert!(page.contains(&format!("The round of 2026-11-24 02:00 UTC failed: connect: <code>{text}</code>.")), "{page}");
    assert_eq!(page.matches(text).count(), 5, "the error, the host, the account, the version, the reason");
    assert!(!page.contains("<img") && !page.contains('\u{202e}'));
}
