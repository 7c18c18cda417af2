//! The file system is remounted read-only while the program is at work, as kernels do after an error of the disk.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    company::{Chapter, Company, Place},
    contents::Files,
    life::{Left, assert_intact, assert_undisturbed, wait},
    namespace::Namespace,
    phase,
    program::files,
    turn::Turn,
};

#[test]
fn the_file_system_becomes_read_only_in_mid_run() {
    let company = Company::shared();
    let mut turn = Turn::of("read-only");
    while turn.goes_on() {
        let folder = company.fresh("disk");
        let Some(namespace) = Namespace::with_disk(&folder, 256 << 20) else { return };
        let archive = folder.join("archive");
        let seen = namespace.seen(&archive);
        company.configure(&Place::folder(&archive));
        let files_there = || if seen.exists() { files(&seen) } else { Files::new() };
        let life = Chapter::life(&mut turn.rng);
        company.lay_out(life[0], &seen);
        for &chapter in life {
            company.turn_to(chapter);
            let mut before = files_there();
            for _ in 0..chapter.breaks(&mut turn.rng) {
                if !turn.goes_on() {
                    break;
                }
                let statements = company.setting.database.statements().len();
                let delay = company.undisturbed(chapter).took.mul_f64(turn.rng.f64());
                turn.count("runs");
                let child = namespace.inside(&company.command(chapter)).spawn().unwrap();
                let begun = Instant::now();
                thread::sleep(delay);
                // Refused while a file is open for writing.
                while !namespace.remount("ro") {
                    assert!(begun.elapsed() < Duration::from_mins(1), "the program is stuck");
                }
                let ran = wait(child);
                assert!(namespace.remount("rw"));
                let after = files_there();
                if ran.code == Some(1) {
                    assert!(ran.err.contains("read-only") || ran.err.contains("Read-only"), "{ran:?}");
                    let asked = company.setting.database.statements().len() > statements;
                    turn.fault(phase::of(chapter, &before, &after, asked));
                } else {
                    assert!(matches!(ran.code, Some(0 | 3)), "{ran:?}");
                }
                let mut verify = namespace.inside(&company.program("verify", &["--json"]));
                assert_intact(&company, chapter, &after, Left::Whole, &mut verify);
                before = after;
                // Nothing is left to be met.
                if ran.code != Some(1) {
                    break;
                }
            }
            turn.count("runs");
            let clean = wait(namespace.inside(&company.command(chapter)).spawn().unwrap());
            let mut verify = namespace.inside(&company.program("verify", &[]));
            assert_undisturbed(&company, chapter, &clean, &files_there(), &mut verify);
            if !turn.goes_on() {
                break;
            }
        }
        turn.count("archives");
    }
    turn.assert_met();
}
