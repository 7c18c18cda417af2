//! The power is cut: what no fsync has reached may be gone, empty, cut off or zeros, and names may be gone or come back.
//!
//! The program runs under strace and is killed; what its disk might then hold is made from the calls, and is what the next run finds.

mod disk;
mod trace;

use std::{
    env, fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use self::{
    disk::{Disk, Loss},
    trace::{Call, calls, can_trace, is_whole, traced},
};
use crate::{
    company::{Chapter, Company, Place},
    contents::{Contents, Files, assert_same_messages, entries},
    killed::Moment,
    life::{Left, assert_intact, wait},
    phase,
    program::{files, ran},
    turn::Turn,
};

/// Tests that cannot run for want of a program fail where this is set.
const ALL: &str = "JABBER_ARCHIVE_TEST_ALL";

#[test]
fn the_power_is_cut_and_writes_since_the_last_fsync_are_dropped() {
    let Some(can_trace) = can_trace() else {
        assert!(env::var_os(ALL).is_none(), "strace is needed: see .ci/test");
        println!("SKIPPED: there is no strace");
        return;
    };
    if !can_trace {
        println!("SKIPPED: programs may not be traced here");
        return;
    }
    let company = Company::shared();
    let mut turn = Turn::of("power cut");
    let (disk, archive) = (company.fresh("disk"), company.folder().join("disk/archive"));
    company.configure(&Place::folder(&archive));
    // Of runs that have come to their end, everything that no fsync has reached is lost: nothing is missed.
    company.fresh("disk");
    fs::create_dir(&disk).unwrap();
    for chapter in [Chapter::Run, Chapter::Late] {
        company.turn_to(chapter);
        cut(&company, &mut turn, chapter, &disk, None);
        Contents::of(&files(&archive)).assert_is(&company.undisturbed(chapter).contents, chapter.name());
    }
    while turn.goes_on() {
        company.fresh("disk");
        fs::create_dir(&disk).unwrap();
        let life = Chapter::life(&mut turn.rng);
        company.lay_out(life[0], &archive);
        for &chapter in life {
            company.turn_to(chapter);
            for _ in 0..chapter.breaks(&mut turn.rng) {
                if !turn.goes_on() {
                    break;
                }
                let moment = Moment::of(&company, chapter, &mut turn.rng);
                if !cut(&company, &mut turn, chapter, &disk, Some(moment)) {
                    // Nothing is left to be met.
                    break;
                }
            }
            // The last run of a chapter comes to its end, and then the power is cut.
            cut(&company, &mut turn, chapter, &disk, None);
            assert_same_messages(&files(&archive), &company.undisturbed(chapter).files, chapter.name());
            ran(&mut company.program("verify", &[])).assert(0, &["are as they were archived"]);
            if !turn.goes_on() {
                break;
            }
        }
        turn.count("archives");
    }
    turn.assert_met();
}

/// Runs the program to a moment or to its end, cuts the power, and looks at what is left; whether the program was still at work.
fn cut(company: &Company, turn: &mut Turn, chapter: Chapter, folder: &Path, moment: Option<Moment>) -> bool {
    let (archive, log) = (folder.join("archive"), company.folder().join("calls.log"));
    let files_there = || if archive.exists() { files(&archive) } else { Files::new() };
    let before = files_there();
    let mut disk = Disk::of(folder);
    let statements = company.setting.database.statements().len();
    turn.count("runs");
    let _: std::io::Result<()> = fs::remove_file(&log);
    let mut child = traced(&company.command(chapter), &log).spawn().unwrap();
    let process = child.id();
    // One that is killed before strace has hold of it leaves no log.
    while fs::metadata(&log).map_or(0, |log| log.len()) == 0 && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    if let Some(moment) = moment {
        moment.kill(&archive, &mut child, |_| {});
    }
    let ran = wait(child);
    let calls = calls(&whole(&log, process), folder);
    disk.follow(&calls, folder);
    if ran.code.is_none() {
        let asked = company.setting.database.statements().len() > statements;
        turn.kill(phase::of(chapter, &before, &files_there(), asked));
    } else {
        assert!(matches!(ran.code, Some(0 | 3)), "{chapter:?}: {ran:?}");
    }

    company.fresh("disk");
    fs::create_dir(folder).unwrap();
    let lost = disk.cut(if moment.is_none() { Loss::All } else { Loss::Some(&mut turn.rng) }, folder);
    turn.count("cuts");
    turn.add("names lost", lost.names);
    turn.add("contents torn", lost.contents);
    let after = files_there();
    assert_appended(&calls, &before, &after, ran.code.is_some());
    assert_intact(company, chapter, &after, Left::Torn, &mut company.program("verify", &["--json"]));
    ran.code.is_none()
}

/// The log, once strace has written all of it.
fn whole(log: &Path, process: u32) -> String {
    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(log).unwrap_or_default();
        if is_whole(&text, process) {
            return text;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "strace does not end");
        thread::sleep(Duration::from_millis(2));
    }
}

/// An entry that another one follows, or that the program had ended with, is on stable storage.
fn assert_appended(calls: &[Call], before: &Files, after: &Files, ended: bool) {
    let number = |path: &str| path.strip_prefix("archive/ledger/")?.strip_suffix(".json")?.parse::<u64>().ok();
    let linked = calls.iter().filter_map(|call| if let Call::Link(_, to) = call { number(to) } else { None }).max();
    let durable = linked.map(|number| if ended { number } else { number - 1 });
    let head = |files: &Files| entries(files).map(|(_, entry)| entry["number"].as_u64().unwrap()).max().unwrap_or_default();
    let least = head(before).max(durable.unwrap_or_default());
    assert!(head(after) >= least, "entry {least} was appended, and {} is the last one after a power cut", head(after));
}
