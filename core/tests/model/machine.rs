//! Does what steps say, and lets the naive model look at what came of it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jabber_archive_core::{Timestamp, testing::memory::MemorySource};
use proptest::prelude::*;

use crate::{
    naive::Naive,
    saying::{Row, Saying},
    step::{Extent, How, Step, Task, Way, When, steps},
    work::{Done, is_expected, set_up, survives, work},
    world::{World, at},
};

const WINDOW: Duration = Duration::from_hours(6);

/// The world, what is in its source, and what was ever said in it.
struct Machine {
    world: World,
    rows: Vec<Row>,
    /// One row of each saying, in its last version.
    said: Vec<Row>,
    naive: Naive,
}

/// Does all steps, one after another.
pub(crate) fn follow(steps: &[Step]) {
    let mut world = World::new(Vec::new());
    world.now = at("2026-11-20T07:30:00Z");
    world.settings.start = Some(at("2026-11-20T00:00:00Z"));
    let mut machine = Machine { world, rows: Vec::new(), said: Vec::new(), naive: Naive::default() };
    for step in steps {
        machine.step(step);
    }
    machine.settle();
}

impl Machine {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Said { when, place, long, readable, rows } => {
                let row = self.say(*when, *place, *long, *readable);
                let offsets: BTreeSet<u8> = rows.iter().copied().collect();
                self.rows.extend(offsets.into_iter().map(|offset| Row { offset, ..row }));
            }
            Step::Copied { which, after } => {
                if let Some(said) = pick(&self.said, *which) {
                    let row = Row { offset: *after, ..*said };
                    if !self.rows.iter().any(|other| (other.saying.number, other.offset) == (row.saying.number, row.offset)) {
                        self.rows.push(row);
                    }
                }
            }
            Step::Purged { which, what } => {
                if let Some(row) = pick(&self.rows, *which).copied() {
                    self.rows.retain(|other| match what {
                        Extent::Row => *other != row,
                        Extent::Saying => other.saying != row.saying,
                        Extent::Before => other.sent() > row.sent(),
                    });
                }
            }
            Step::Altered { which, all } => {
                if let Some(row) = pick(&self.rows, *which).copied() {
                    let said = &mut self.said[row.saying.number as usize];
                    said.saying.version += 1;
                    let saying = said.saying;
                    self.change(row, *all, |row| row.saying = saying);
                }
            }
            Step::Mended { which, all } => {
                let unreadable: Vec<Row> = self.rows.iter().filter(|row| !row.readable).copied().collect();
                if let Some(row) = pick(&unreadable, *which).copied() {
                    self.said[row.saying.number as usize].readable = true;
                    self.change(row, *all, |row| row.readable = true);
                }
            }
            Step::Passed(minutes) => self.world.now = self.world.now.after(Duration::from_mins(u64::from(*minutes))),
            Step::PowerCut(seed) => {
                self.world.sink.crash(|key| survives(*seed, key));
                self.naive.look(&self.world, &self.rows, &self.rows, true);
            }
            Step::Worked { task, way, how } => self.work(*task, *way, *how),
        }
    }

    /// One row of this saying, or all.
    fn change(&mut self, row: Row, all: bool, change: impl Fn(&mut Row)) {
        let is_meant = |other: &&mut Row| **other == row || (all && other.saying == row.saying);
        self.rows.iter_mut().filter(is_meant).for_each(change);
    }

    /// Something new is said: a row without an offset, which nobody has logged yet.
    fn say(&mut self, when: When, place: u8, long: bool, readable: bool) -> Row {
        let number = self.said.len() as u32;
        let now = self.world.now;
        let this = self.world.facts.grid.window_at(now).start();
        let minutes = |minutes: u64| Duration::from_mins(minutes);
        let time = match when {
            When::Now { minutes: ago } => now.before(minutes(ago.into())),
            When::Ago { windows, minutes: into } => this.before(WINDOW * u32::from(windows)).after(minutes(into.into())),
            When::Border { windows, seconds } => this.before(WINDOW * u32::from(windows) + Duration::from_secs(seconds.into())),
            When::Undated => at("1999-05-05T10:00:00Z"),
            When::Ahead { hours } => now.after(Duration::from_hours(hours.into())),
        };
        // No two sayings have a millisecond in common.
        let base = Timestamp::from_millis(time.millis() - time.millis().rem_euclid(1_000) + i64::from(number));
        let row = Row { saying: Saying { number, version: 0 }, place, long, base, offset: 0, readable };
        self.said.push(row);
        row
    }

    /// Somebody works on the archive as it stands.
    fn work(&mut self, task: Task, way: Way, how: How) {
        let before = self.rows.clone();
        let world = self.set_up(way);
        self.naive.begin(task);
        match how {
            How::Raced { other, .. } | How::RacedAndKilled { other, .. } => self.naive.begin(other),
            How::Moving { removes: true, .. } => drop(self.rows.pop()),
            How::Moving { windows, .. } => {
                let row = self.say(When::Border { windows, seconds: 1 }, 0, false, true);
                self.rows.extend([row, Row { offset: 3, ..row }]);
            }
            How::Undisturbed | How::Faulty { .. } | How::Killed { .. } => {}
        }
        // Whoever races writes other mails, often.
        let mut beside = world.clone();
        set_up(&mut beside, Way { converter: (way.converter + u8::from(how.is_odd())) % 3, ..way });
        let done = work(&world, &beside, task, how, self.rows.iter().map(Row::record).collect());
        self.naive.look(&world, &before, &self.rows, done.iter().all(|(_, done)| done.is_ok()));
        let alone = done.len() == 1 && before == self.rows;
        for (task, done) in done {
            match done {
                Ok(Done::Audited(reports)) if alone => self.naive.check_audit(&world, task, &reports, &self.rows),
                Ok(_) => {}
                Err(error) => {
                    assert!(is_expected(&error, task, way, how), "{task:?}: {error}");
                    continue;
                }
            }
            self.naive.check_done(&world, task, &before, &self.rows);
        }
    }

    /// In the end all is as somebody would want it: a run, dead letters tried again, and what came too late for runs added.
    fn settle(&mut self) {
        for task in [Task::Run, Task::Retry, Task::Repair, Task::Audit, Task::Run] {
            self.work(task, Way::QUIET, How::Undisturbed);
        }
        self.naive.check_settled(&self.rows);
    }

    fn set_up(&self, way: Way) -> World {
        let mut world = self.world.clone();
        let records = self.rows.iter().map(Row::record).collect();
        world.source = Arc::new(MemorySource::new(records, world.now).batches_of(way.batch).indexed(way.chunk.is_none()));
        set_up(&mut world, way);
        world
    }
}

fn pick<T>(all: &[T], which: u8) -> Option<&T> {
    all.get(usize::from(which).checked_rem(all.len())?)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]
    #[test]
    fn whatever_happens_nothing_that_was_there_is_lost_and_nothing_is_archived_twice(steps in steps()) {
        follow(&steps);
    }
}
