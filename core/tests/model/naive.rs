//! What must be in an archive, said as simply as it can be.
//!
//! - What a mail holds was in the source, with that text, at that time.
//! - What was in the source when its window was sealed, or added to, is in exactly one mail that is listed, or a dead letter.
//! - An entry tells of exactly the rows that the source had.
//! - Entries and listed mails never change.
//! - A run seals every window that is closed, and reads those again of which the source has more rows, or others, than it had. A repair adds all that is missing; trying
//!   dead letters again adds all that can be read.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    future::pending,
};

use bytes::Bytes;
use futures::executor::block_on;
use jabber_archive_core::{AuditReport, DeadLetter, EntryRecord, ItemKey, Seal, Span, Table, Timestamp, Window, testing::faults::Faults};
use mail_parser::MessageParser;

use crate::{
    saying::{Row, Saying},
    step::Task,
    work::spans,
    world::World,
};

/// How many rows of each table, and how long they are together.
type Counts = BTreeMap<Table, (u64, u64)>;

#[derive(Debug, Default)]
pub(crate) struct Naive {
    /// When rows of each saying that can be read were dated.
    ever: BTreeMap<Saying, BTreeSet<Timestamp>>,
    entries: BTreeMap<u64, Bytes>,
    items: BTreeMap<ItemKey, Bytes>,
    /// When what is archived began.
    listed: BTreeMap<Saying, Vec<Timestamp>>,
    /// What the last entry of a window counted.
    counted: BTreeMap<Window, Counts>,
    /// The dates of rows that are dead letters, by the last entry of a window.
    letters: BTreeMap<Window, BTreeSet<Timestamp>>,
    /// Mails that somebody who died while adding to a window has left.
    debris: BTreeSet<ItemKey>,
    /// The windows that trying dead letters again has to look at.
    retried: BTreeSet<Window>,
    /// What mails hold; they do not change.
    read: RefCell<BTreeMap<ItemKey, Vec<Saying>>>,
}

impl Naive {
    /// Somebody begins to work.
    pub(crate) fn begin(&mut self, task: Task) {
        if task == Task::Retry {
            let letters = self.letters.iter().filter(|(_, letters)| !letters.is_empty());
            self.retried = letters.map(|(window, _)| *window).collect();
        }
    }

    /// Looks at the archive. The source had some rows before, and has others now; nobody died in between if all went well.
    pub(crate) fn look(&mut self, world: &World, before: &[Row], now: &[Row], well: bool) {
        for row in before.iter().chain(now).filter(|row| row.readable) {
            self.ever.entry(row.saying).or_default().insert(row.sent());
        }
        let unaccounted = world.unaccounted();
        if well {
            assert!(unaccounted.is_subset(&self.debris), "accounted for nowhere: {unaccounted:?}");
        }
        self.debris = unaccounted;
        let items = world.sink.items();
        assert!(self.items.iter().all(|(key, content)| items.get(key) == Some(content)), "a listed mail has changed");
        let entries = world.ledger.entries();
        assert!(self.entries.iter().all(|(number, entry)| entries.get(number) == Some(entry)), "an entry has changed");
        let throughout: Vec<Row> = before.iter().filter(|row| now.contains(row)).copied().collect();
        let still = before == now;
        for entry in world.chain().into_iter().skip(self.entries.len()) {
            if let (EntryRecord::Seal(_) | EntryRecord::Addendum(_), Some(seal)) = (&entry.record, entry.record.seal()) {
                self.look_at(world, seal, &items, &throughout, still);
            }
        }
        self.entries = entries;
    }

    fn look_at(&mut self, world: &World, seal: &Seal, items: &BTreeMap<ItemKey, Bytes>, throughout: &[Row], still: bool) {
        let grid = world.facts.grid;
        for line in world.list(seal).lines() {
            let key = ItemKey::new(grid.window_at(seal.span.start), line.id.clone());
            let sayings = self.sayings(&key, &items[&key]);
            assert_eq!(sayings.len(), line.messages.len(), "{key} holds {sayings:?}");
            for (saying, message) in sayings.iter().zip(&line.messages) {
                let ever = self.ever.get(saying);
                assert!(ever.is_some_and(|ever| ever.contains(&message.start)), "nobody said {saying} at {}", message.start);
                let listed = self.listed.entry(*saying).or_default();
                listed.push(message.start);
                assert_eq!(listed.len(), 1, "{saying} is archived twice, of {listed:?}");
            }
            self.items.insert(key.clone(), items[&key].clone());
        }
        let letters: BTreeSet<Timestamp> = world.dead_letters(seal).into_iter().map(|letter| dated(&letter)).collect();
        for row in throughout.iter().filter(|row| seal.span.contains(row.sent())) {
            if row.readable {
                assert!(self.listed.contains_key(&row.saying), "{} is lost: {row:?} was there when {:?} was sealed", row.saying, seal.span);
            } else {
                assert!(letters.contains(&row.sent()), "{row:?} is no dead letter");
            }
        }
        let counts: Counts = seal.tables.iter().map(|(table, account)| (*table, (account.rows, account.length))).collect();
        if still {
            assert_eq!(counts, count(throughout, seal.span), "rows of {:?}", seal.span);
        }
        for window in windows(world, seal.span) {
            self.counted.insert(window, counts.clone());
            self.letters.insert(window, letters.clone());
        }
    }

    /// The sayings of a mail in the order of its list line: as its text shows them.
    fn sayings(&self, key: &ItemKey, content: &Bytes) -> Vec<Saying> {
        let read = || {
            let mail = MessageParser::default().parse(&content[..]).unwrap();
            Saying::read(&mail.body_text(0).unwrap())
        };
        self.read.borrow_mut().entry(key.clone()).or_insert_with(read).clone()
    }

    /// What holds once somebody's work has come to its end; other rows may have come meanwhile.
    pub(crate) fn check_done(&self, world: &World, task: Task, before: &[Row], now: &[Row]) {
        let throughout: Vec<Row> = before.iter().filter(|row| now.contains(row)).copied().collect();
        match task {
            Task::Run => {
                let frontier = world.chain().last().unwrap().frontier;
                let end = world.facts.grid.window_at(world.now.before(world.settings.settle)).start();
                assert_eq!((frontier.end, frontier.undated), (Some(end), true), "every window that is closed is sealed");
                if before == now {
                    self.check_late(world, end, now);
                }
            }
            Task::Retry => {
                for window in &self.retried {
                    self.check_archived(throughout.iter().filter(|row| window.contains(row.sent())));
                }
            }
            Task::Audit => {}
            Task::Repair => {
                // Trying dead letters again is another task.
                let letters: BTreeSet<Timestamp> = self.letters.values().flatten().copied().collect();
                let buried: BTreeSet<u32> =
                    before.iter().chain(now).filter(|row| letters.contains(&row.sent())).map(|row| row.saying.number).collect();
                let sealed = |row: &&Row| self.counted.keys().any(|window| window.contains(row.sent()));
                self.check_archived(throughout.iter().filter(sealed).filter(|row| !buried.contains(&row.saying.number)));
            }
        }
    }

    /// A run has read again what had other rows than were counted, as far back as it looks.
    fn check_late(&self, world: &World, end: Timestamp, now: &[Row]) {
        if world.settings.late_windows == 0 {
            return;
        }
        let grid = world.facts.grid;
        let from = grid.window_at(end.before(grid.length() * world.settings.late_windows)).start();
        let is_looked_at = |window: &&Window| window.is_undated() || (from <= window.start() && window.end() <= end);
        for window in self.counted.keys().filter(is_looked_at) {
            let (counted, there) = (&self.counted[window], count(now, window.span()));
            for table in Table::ALL {
                let [(rows, length), (rows_now, length_now)] =
                    [counted, &there].map(|counts| counts.get(&table).copied().unwrap_or_default());
                assert!(rows_now < rows || (rows_now, length_now) == (rows, length), "{window} was not read again: {counted:?}, {there:?}");
            }
        }
    }

    fn check_archived<'a>(&self, rows: impl Iterator<Item = &'a Row>) {
        for row in rows.filter(|row| row.readable) {
            assert!(self.listed.contains_key(&row.saying), "{row:?} is not archived");
        }
    }

    /// What an audit has found, and left as it was; or that a repair has left nothing.
    pub(crate) fn check_audit(&self, world: &World, task: Task, reports: &[AuditReport], now: &[Row]) {
        if task == Task::Repair {
            let archiver = world.archiver(&Faults::none());
            for (span, repaired) in spans().into_iter().zip(reports) {
                let again = block_on(archiver.audit(span, world.now, pending())).unwrap();
                assert!(again.found.is_empty(), "{repaired:?}, then {again:?}");
            }
            return;
        }
        let sealed = |row: &&Row| row.readable && self.counted.keys().any(|window| window.contains(row.sent()));
        let missing: BTreeSet<Saying> =
            now.iter().filter(sealed).map(|row| row.saying).filter(|saying| !self.listed.contains_key(saying)).collect();
        let number = missing.len() as u64;
        let [addable, dead_letters] = [|report: &AuditReport| report.addable, |report: &AuditReport| report.dead_letters]
            .map(|of| reports.iter().map(of).sum::<u64>());
        assert!((number.saturating_sub(dead_letters)..=number).contains(&addable), "{missing:?}: {reports:?}");
    }

    /// After a run, a retry and a repair, all that is in the source and in a sealed window is archived, or cannot be read still.
    pub(crate) fn check_settled(&self, now: &[Row]) {
        self.check_archived(now.iter().filter(|row| self.counted.keys().any(|window| window.contains(row.sent()))));
    }
}

fn windows(world: &World, span: Span) -> Vec<Window> {
    if span == Window::UNDATED.span() { vec![Window::UNDATED] } else { world.facts.grid.windows(span).collect() }
}

fn count(rows: &[Row], span: Span) -> Counts {
    let mut counts = Counts::new();
    for row in rows.iter().filter(|row| span.contains(row.sent())) {
        let record = row.record();
        let (rows, length) = counts.entry(record.table()).or_default();
        *rows += 1;
        *length += record.length();
    }
    counts
}

/// When what a letter holds was dated.
fn dated(letter: &DeadLetter) -> Timestamp {
    match letter {
        DeadLetter::Row { sent, .. } => *sent,
        DeadLetter::Message { message, .. } => message.sent(),
        other => panic!("{other:?}"),
    }
}
