//! The disk is full, again and again, a few blocks further on each time.

use std::fs;

use crate::{
    company::{Chapter, Company, Place},
    contents::Files,
    life::{Left, assert_intact, assert_undisturbed, wait},
    namespace::Namespace,
    phase,
    program::files,
    turn::Turn,
};

/// A page, the least by which a file system in memory grows.
const BLOCK: u64 = 4096;

#[test]
fn the_disk_is_full_wherever_a_block_is_needed() {
    let company = Company::shared();
    let mut turn = Turn::of("full disk");
    while turn.goes_on() {
        let folder = company.fresh("disk");
        let mut size = 64 << 20;
        let Some(namespace) = Namespace::with_disk(&folder, size) else { return };
        let archive = folder.join("archive");
        let seen = namespace.seen(&archive);
        let mut place = Place::folder(&archive);
        // The spool may lie on the same disk.
        let spool = folder.join("spool");
        if turn.rng.bool() {
            fs::create_dir(namespace.seen(&spool)).unwrap();
            place.memory = "16KiB";
            place.spool = Some(spool);
        }
        company.configure(&place);
        let files_there = || if seen.exists() { files(&seen) } else { Files::new() };
        let life = Chapter::life(&mut turn.rng);
        company.lay_out(life[0], &seen);
        for &chapter in life {
            company.turn_to(chapter);
            let mut before = files_there();
            // No more than is used already, and a little.
            let used: u64 = before.values().map(|content| (content.len() as u64).next_multiple_of(BLOCK)).sum();
            size = used + BLOCK * turn.rng.u64(1..=8);
            while !namespace.remount(&format!("size={size}")) {
                size += BLOCK;
            }
            let mut step = BLOCK;
            // A chapter without an end of its space would be a clean one.
            let clean = loop {
                let statements = company.setting.database.statements().len();
                turn.count("runs");
                let ran = wait(namespace.inside(&company.command(chapter)).spawn().unwrap());
                let after = files_there();
                if matches!(ran.code, Some(0 | 3)) {
                    break ran;
                }
                assert_eq!(ran.code, Some(1), "{ran:?}");
                assert!(ran.err.contains("no space is left"), "{ran:?}");
                let asked = company.setting.database.statements().len() > statements;
                turn.fault(phase::of(chapter, &before, &after, asked));
                let mut verify = namespace.inside(&company.program("verify", &["--json"]));
                assert_intact(&company, chapter, &after, Left::Whole, &mut verify);
                // Larger steps where small ones lead nowhere, as before a large file; and one step where time runs out.
                step = if after.len() > before.len() { BLOCK * turn.rng.u64(1..=8) } else { step * 2 };
                size += if turn.goes_on() { step } else { 64 << 20 };
                before = after;
                assert!(namespace.remount(&format!("size={size}")));
            };
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
