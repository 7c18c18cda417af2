//! Killed at any moment, on files.

use std::{
    path::Path,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;

use crate::{
    company::{Chapter, Company, Place},
    contents::{Contents, Files},
    life::{Left, age_leftovers, assert_intact, assert_undisturbed, below, count_leftovers, spools, wait},
    phase,
    program::files,
    turn::Turn,
};

/// Where things appear while the program is at work.
const FOLDERS: [&str; 7] = ["attachments", "items", "context", "dead-letters", "ledger/lists", "ledger", "."];

/// When a kill falls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    After(Duration),
    /// As soon as this folder holds so many files more, and a little later.
    Holds(&'static str, usize, Duration),
}

impl Moment {
    /// At random in the time that a chapter takes, or as something appears that it makes.
    pub(crate) fn of(company: &Company, chapter: Chapter, rng: &mut Rng) -> Self {
        let undisturbed = company.undisturbed(chapter);
        if rng.u8(..3) == 0 {
            return Self::After(undisturbed.took.mul_f64(rng.f64() * 1.05));
        }
        let held = |chapter: Chapter, folder: &str| {
            let below = if folder == "." { String::new() } else { format!("{folder}/") };
            company.undisturbed(chapter).files.keys().filter(|path| path.starts_with(&below)).count()
        };
        let last = Chapter::ALL.into_iter().rfind(|earlier| *earlier < chapter);
        let mut made: Vec<(&'static str, usize, usize)> = FOLDERS
            .into_iter()
            .map(|folder| (folder, last.map_or(0, |last| held(last, folder)), held(chapter, folder)))
            .filter(|(_, last, now)| now > last)
            .collect();
        // Attachments come through it, and do not stay.
        if made.iter().any(|(folder, ..)| *folder == "attachments") {
            made.push(("incoming", 0, 1));
        }
        let (folder, last, now) = made[rng.usize(..made.len())];
        // An earlier kill may have left less to do.
        let most = rng.usize(1..=now - last);
        Self::Holds(folder, rng.usize(1..=most), Duration::from_micros(rng.u64(..3_000) * rng.u64(..2)))
    }

    /// Waits for the moment, and kills the program if it is still at work, after a last look at it.
    pub(crate) fn kill(self, archive: &Path, child: &mut Child, look: impl FnOnce(&Child)) {
        let begun = Instant::now();
        let held = if let Self::Holds(folder, ..) = self { below(&archive.join(folder)) } else { 0 };
        loop {
            if child.try_wait().unwrap().is_some() {
                return;
            }
            let now = match self {
                Self::After(delay) => begun.elapsed() >= delay,
                Self::Holds(folder, count, _) => below(&archive.join(folder)) >= held + count,
            };
            if now {
                break;
            }
            assert!(begun.elapsed() < Duration::from_mins(2), "the program is stuck");
            if let Self::After(delay) = self {
                thread::sleep(delay.saturating_sub(begun.elapsed()).min(Duration::from_millis(2)));
            }
        }
        if let Self::Holds(_, _, later) = self {
            thread::sleep(later);
        }
        look(child);
        // SIGKILL on Unix.
        child.kill().unwrap();
    }
}

#[test]
fn killed_at_any_moment_on_files() {
    let company = Company::shared();
    let mut turn = Turn::of("files");
    let mut small = false;
    while turn.goes_on() {
        let archive = company.fresh("killed");
        let mut place = Place::folder(&archive);
        // With a little of it, everything goes through the spool.
        small = !small;
        if small {
            place.memory = "16KiB";
        }
        company.configure(&place);
        let life = Chapter::life(&mut turn.rng);
        company.lay_out(life[0], &archive);
        for &chapter in life {
            company.turn_to(chapter);
            let mut before = if archive.exists() { files(&archive) } else { Files::new() };
            for _ in 0..chapter.breaks(&mut turn.rng) {
                if !turn.goes_on() {
                    break;
                }
                // A day has gone by: runs sweep, and are killed while they do.
                if turn.rng.bool() {
                    age_leftovers(&archive, &before);
                }
                let statements = company.setting.database.statements().len();
                let moment = Moment::of(&company, chapter, &mut turn.rng);
                let mut child = company.command(chapter).spawn().unwrap();
                turn.count("runs");
                let mut spooling = false;
                moment.kill(&archive, &mut child, |child| spooling = spools(&company, child.id()));
                let ran = wait(child);
                let after = if archive.exists() { files(&archive) } else { Files::new() };
                if ran.code.is_none() {
                    let asked = company.setting.database.statements().len() > statements;
                    turn.kill(phase::of(chapter, &before, &after, asked));
                    if spooling {
                        turn.count("kills while spooling");
                    }
                } else {
                    assert!(matches!(ran.code, Some(0 | 3)), "{chapter:?}: {ran:?}");
                }
                count_leftovers(&mut turn, &before, &after);
                assert_intact(&company, chapter, &after, Left::Whole, &mut company.program("verify", &["--json"]));
                before = after;
                // Nothing is left to be met.
                if ran.code.is_some() {
                    break;
                }
            }
            turn.count("runs");
            let clean = wait(company.command(chapter).spawn().unwrap());
            assert_undisturbed(&company, chapter, &clean, &files(&archive), &mut company.program("verify", &[]));
            if !turn.goes_on() {
                break;
            }
        }
        let left = files(&archive);
        let aged = age_leftovers(&archive, &left);
        turn.add("swept at last", aged);
        wait(company.program("run", &[]).spawn().unwrap()).assert(0, if aged > 0 { &["swept "] } else { &[] });
        let after = files(&archive);
        assert_eq!(age_leftovers(&archive, &after), 0, "{:?}", after.keys());
        assert_eq!(Contents::of(&after), Contents::of(&left));
        turn.count("archives");
    }
    turn.assert_met();
}
