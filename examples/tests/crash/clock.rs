//! The clock jumps, by hours and days, between runs and in the middle of them, and the server's does not.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use crate::{
    company::{Chapter, Company, Place},
    contents::Files,
    killed::Moment,
    life::{Left, assert_intact, assert_undisturbed, wait},
    phase,
    program::files,
    turn::Turn,
};

/// Tests that cannot run for want of a program fail where this is set.
const ALL: &str = "JABBER_ARCHIVE_TEST_ALL";

/// How far a clock goes wrong, as libfaketime reads it, and whether a run still believes it: clocks further apart than `settle`, an hour, are refused.
const JUMPS: [(&str, bool); 10] = [
    ("+0", true),
    ("-2m", true),
    ("+10m", true),
    ("-50m", true),
    ("+50m", true),
    ("+2h", false),
    ("-3h", false),
    ("+3d", false),
    ("-2d", false),
    ("-9000d", false),
];

/// The library that goes before a program's clock.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path().join("faketime/libfaketime.so.1"));
    folders.chain([PathBuf::from("/usr/lib/faketime/libfaketime.so.1")]).find(|library| library.exists())
}

/// The command, by a clock that goes as this file says at every moment.
fn misled(command: &Command, library: &Path, clock: &Path) -> Command {
    let mut misled = Command::new(command.get_program());
    misled.args(command.get_args());
    for (name, value) in command.get_envs() {
        misled.env(name, value.unwrap_or_default());
    }
    misled.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", clock).env("FAKETIME_NO_CACHE", "1");
    // What is waited for is not measured by that clock.
    misled.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    misled.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    misled
}

#[test]
fn the_clock_jumps_between_runs_and_in_the_middle_of_them() {
    let Some(library) = library() else {
        assert!(env::var_os(ALL).is_none(), "faketime is needed: see .ci/test");
        println!("SKIPPED: there is no libfaketime");
        return;
    };
    let company = Company::shared();
    let mut turn = Turn::of("clock");
    let clock = company.folder().join("clock");
    // Written beside and moved: a program reads it at every look at the clock.
    let set = |jump: &str| {
        let beside = clock.with_extension("new");
        fs::write(&beside, jump).unwrap();
        fs::rename(beside, &clock).unwrap();
    };
    while turn.goes_on() {
        let archive = company.fresh("jumped");
        company.configure(&Place::folder(&archive));
        let files_there = || if archive.exists() { files(&archive) } else { Files::new() };
        let life = Chapter::life(&mut turn.rng);
        company.lay_out(life[0], &archive);
        for &chapter in life {
            company.turn_to(chapter);
            let mut before = files_there();
            for _ in 0..chapter.breaks(&mut turn.rng) {
                if !turn.goes_on() {
                    break;
                }
                let (first, believed) = JUMPS[turn.rng.usize(..JUMPS.len())];
                let (second, then_believed) = JUMPS[turn.rng.usize(..JUMPS.len())];
                set(first);
                let (statements, killed) = (company.setting.database.statements().len(), turn.rng.u8(..3) == 0);
                let (jump, kill) =
                    (company.undisturbed(chapter).took.mul_f64(turn.rng.f64()), Moment::of(&company, chapter, &mut turn.rng));
                turn.count("runs");
                let mut child = misled(&company.command(chapter), &library, &clock).spawn().unwrap();
                let ran = thread::scope(|scope| {
                    scope.spawn(|| {
                        thread::sleep(jump);
                        set(second);
                    });
                    if killed {
                        kill.kill(&archive, &mut child, |_| {});
                    }
                    wait(child)
                });
                let after = files_there();
                let asked = company.setting.database.statements().len() > statements;
                let phase = phase::of(chapter, &before, &after, asked);
                match ran.code {
                    None => turn.kill(phase),
                    // Whoever looks at the clock after the jump is refused as well. An export asks nobody.
                    Some(1) => {
                        assert!(ran.err.contains("our clock and the server's are"), "{ran:?}");
                        let sealed =
                            |files: &Files| files.keys().filter(|path| path.starts_with("items/") || path.starts_with("ledger/0")).count();
                        assert_eq!(sealed(&before), sealed(&after), "{first} then {second}");
                        turn.fault(format!("{phase} at {first}"));
                    }
                    code => {
                        assert!(matches!(code, Some(0 | 3)), "{ran:?}");
                        let asks = matches!(chapter, Chapter::Run | Chapter::Late | Chapter::Retry);
                        assert!(believed || then_believed || !asks, "{first} and {second} were believed: {ran:?}");
                    }
                }
                assert_intact(&company, chapter, &after, Left::Whole, &mut company.program("verify", &["--json"]));
                before = after;
            }
            turn.count("runs");
            let clean = wait(company.command(chapter).spawn().unwrap());
            assert_undisturbed(&company, chapter, &clean, &files_there(), &mut company.program("verify", &[]));
            if !turn.goes_on() {
                break;
            }
        }
        turn.count("archives");
    }
    turn.assert_met();
}
