use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jabber_archive_core::{ArchiveFacts, Cause, Digest, EntryRecord, FilterReason, Finding, Link, RunEntry, Seal, Span, Timestamp, Window};

use super::{
    DeadLetterWindow, Health, Judgement, Lateness, People, Purge, Service, Status, Windows,
    days::{self, Days},
    findings::Findings,
    runs::Runs,
};

/// For how long back late rows are counted.
const LATELY: Duration = Duration::from_hours(30 * 24);

/// What a chain tells, folded entry by entry: what it takes does not grow with the chain, but for the windows that have dead letters.
#[derive(Debug)]
pub(super) struct Reading {
    facts: ArchiveFacts,
    judgement: Judgement,
    now: Timestamp,
    entries: u64,
    head: Option<Digest>,
    last_run: Option<RunEntry>,
    archived_from: Option<Timestamp>,
    archived_until: Option<Timestamp>,
    sealed: u64,
    messages: u64,
    filtered: BTreeMap<FilterReason, u64>,
    items: u64,
    bytes: u64,
    findings: u64,
    people: Option<People>,
    /// What the last entry of a window has, by its start.
    dead_letters: BTreeMap<Timestamp, DeadLetterWindow>,
    added: Added,
    runs: Runs,
    by_kind: Findings,
    days: Days,
}

/// Windows and messages that were added because rows came late, by the run whose entry comes next and by those before it.
#[derive(Debug, Default)]
struct Added {
    current: (u64, u64),
    windows: u64,
    messages: u64,
}

impl Reading {
    /// So many windows with dead letters are told of.
    const DEAD_LETTER_WINDOWS: usize = 20;
    /// So many dead letters of each are named.
    const NAMED: usize = 5;

    pub(super) fn new(facts: ArchiveFacts, judgement: Judgement, now: Timestamp) -> Self {
        let days = Days::until(now, facts.grid);
        Self {
            facts,
            judgement,
            now,
            entries: 0,
            head: None,
            last_run: None,
            archived_from: None,
            archived_until: None,
            sealed: 0,
            messages: 0,
            filtered: BTreeMap::new(),
            items: 0,
            bytes: 0,
            findings: 0,
            people: None,
            dead_letters: BTreeMap::new(),
            added: Added::default(),
            runs: Runs::default(),
            by_kind: Findings::since(days.start()),
            days,
        }
    }

    /// Takes the next entry.
    pub(super) fn take(&mut self, link: Link) {
        self.entries += 1;
        self.head = Some(link.digest);
        self.archived_until = link.entry.frontier.end;
        self.runs.take(link.entry.number, &link.entry.record, self.facts.grid);
        if let Some(seal) = link.entry.record.seal() {
            self.take_seal(seal);
        }
        match link.entry.record {
            EntryRecord::Seal(seal) => self.take_sealed(seal.span),
            EntryRecord::Addendum(addendum) => {
                if let Some(day) = self.days.at(addendum.seal.span.start) {
                    day.added += addendum.seal.messages.listed;
                }
                if addendum.cause == Cause::LateRows {
                    self.added.current.0 += 1;
                    self.added.current.1 += addendum.seal.messages.listed;
                }
            }
            EntryRecord::Run(run) => {
                for finding in &run.findings {
                    self.take_finding(finding, about(finding).unwrap_or(run.by.started));
                }
                let (windows, messages) = std::mem::take(&mut self.added.current);
                if run.by.started >= self.now.before(LATELY) {
                    self.added.windows += windows;
                    self.added.messages += messages;
                }
                self.last_run = Some(*run);
            }
            _ => {}
        }
    }

    fn take_sealed(&mut self, span: Span) {
        self.sealed += days::windows_of(self.facts.grid, span);
        if span == Window::UNDATED.span() {
            return;
        }
        self.archived_from = Some(self.archived_from.map_or(span.start, |from| from.min(span.start)));
        self.days.seal(span);
    }

    /// What a seal and an addendum have in common.
    fn take_seal(&mut self, seal: &Seal) {
        let start = seal.span.start;
        self.messages += seal.messages.listed;
        for (reason, messages) in &seal.messages.filtered {
            *self.filtered.entry(*reason).or_default() += messages;
        }
        self.items += seal.items;
        self.bytes += seal.bytes;
        if let Some(day) = self.days.at(start) {
            day.messages += seal.messages.listed;
            day.items += seal.items;
            day.bytes += seal.bytes;
        }
        for finding in &seal.findings {
            self.take_finding(finding, start);
        }
        if let Some(census) = seal.people.filter(|_| self.people.is_none_or(|people| people.window.start <= start)) {
            self.people = Some(People { window: seal.span, census });
        }
        self.dead_letters.remove(&start);
        if !seal.dead_letters.is_empty() {
            self.dead_letters.insert(start, with_dead_letters(seal.span, &seal.dead_letters));
        }
    }

    fn take_finding(&mut self, finding: &Finding, at: Timestamp) {
        self.findings += 1;
        self.by_kind.take(finding, at);
        if let Some(day) = self.days.at(at) {
            if self.judgement.expected.knows(finding) {
                day.expected_findings += 1;
            } else {
                day.findings += 1;
            }
        }
    }

    /// What all entries tell together.
    pub(super) fn end(mut self, archive: String, service: &Service) -> Status {
        let Judgement { settle, start, purge_after_days, expected } = self.judgement;
        let (grid, now) = (self.facts.grid, self.now);
        let closed = settle.map(|settle| grid.border(now.before(settle)));
        let next = self.archived_until.or(start.map(|start| grid.window_at(start).start()));
        let due = next.zip(closed).map(|(next, closed)| days::windows(grid, Span::new(next, closed)));
        for window in self.dead_letters.values() {
            if let Some(day) = self.days.at(window.window.start) {
                day.dead_letters += window.dead_letters;
            }
        }
        let begins = self.archived_from.or(next);
        let (runs, unfinished) = self.runs.end();
        let mut status = Status {
            archive,
            asked: now,
            health: None,
            entries: self.entries,
            archived_from: self.archived_from,
            archived_until: self.archived_until,
            windows: Windows { sealed: self.sealed, due },
            messages: self.messages,
            filtered: self.filtered,
            items: self.items,
            bytes: self.bytes,
            dead_letters: self.dead_letters.values().map(|window| window.dead_letters).sum(),
            findings: self.findings,
            head: self.head,
            last_run: self.last_run,
            next_run: service.next_run,
            purge: purge_after_days.zip(self.archived_until).map(|(after_days, unsealed)| Purge::new(after_days, unsealed, now)),
            lateness: Lateness {
                age_seconds: self.archived_until.map(|end| (now.millis().saturating_sub(end.millis()) / 1_000).max(0) as u64),
                since: Some(now.before(LATELY)),
                windows: self.added.windows,
                messages: self.added.messages,
            },
            people: self.people,
            dead_letter_windows: self.dead_letters.into_values().rev().take(Self::DEAD_LETTER_WINDOWS).collect(),
            findings_by_kind: self.by_kind.end(&expected),
            runs,
            unfinished,
            days: self.days.end(begins, closed),
            facts: self.facts,
        };
        // Without a configuration nobody says that the archive is to go on.
        status.health = settle.map(|settle| Health::of(&status, settle, &expected, service));
        status
    }
}

fn with_dead_letters(window: Span, dead_letters: &BTreeSet<Digest>) -> DeadLetterWindow {
    let named = dead_letters.iter().take(Reading::NAMED).copied().collect();
    DeadLetterWindow { window, dead_letters: dead_letters.len() as u64, named, reason: None }
}

/// The time that a finding of a run is about, where it is another than that of the run.
fn about(finding: &Finding) -> Option<Timestamp> {
    match finding {
        Finding::PurgedSealed { window, .. } => Some(*window),
        Finding::Silence { start, .. } => Some(*start),
        _ => None,
    }
}
