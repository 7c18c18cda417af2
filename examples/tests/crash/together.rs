//! Two programs at once on one archive, one or both of which are killed.

use std::{thread, time::Duration};

use fastrand::Rng;
use jabber_archive_sink::testing::Azurite;

use crate::{
    azure::Container,
    company::{Chapter, Company, Place},
    contents::{Files, assert_same_messages},
    killed::Moment,
    life::{Left, age_leftovers, assert_intact, assert_undisturbed, wait},
    phase,
    program::{Ran, files},
    turn::Turn,
};

/// Starts two and kills those of them that are to be killed, each at its moment.
fn two(company: &Company, chapter: Chapter, rng: &mut Rng, takes: Duration) -> [(bool, Ran); 2] {
    let moment = |rng: &mut Rng| (rng.u8(..3) > 0).then(|| takes.mul_f64(rng.f64() * 1.6));
    let apart = takes.mul_f64(rng.f64() * 0.5 * f64::from(rng.u8(..2)));
    let moments = [moment(rng), moment(rng)];
    // An export makes a file of its own name.
    let commands = [company.command(chapter), company.command_beside(chapter)];
    thread::scope(|scope| {
        let running = moments.into_iter().zip(commands).enumerate().map(|(number, (moment, mut command))| {
            scope.spawn(move || {
                thread::sleep(apart * number as u32);
                let mut child = command.spawn().unwrap();
                if let Some(after) = moment {
                    Moment::After(after).kill(std::path::Path::new("/"), &mut child, |_| {});
                }
                (moment.is_some(), wait(child))
            })
        });
        let running: Vec<_> = running.collect();
        let mut ended = running.into_iter().map(|one| one.join().unwrap());
        [ended.next().unwrap(), ended.next().unwrap()]
    })
}

/// A life in which every chapter is begun by two, in a place that is so many times as slow as a folder.
fn live_together(
    company: &Company,
    turn: &mut Turn,
    life: &[Chapter],
    slowness: u32,
    files_there: impl Fn() -> Files,
    age: impl Fn(&Files),
) {
    for &chapter in life {
        company.turn_to(chapter);
        let mut before = files_there();
        for _ in 0..chapter.breaks(&mut turn.rng) {
            if !turn.goes_on() {
                break;
            }
            // A day has gone by: both sweep what earlier kills have left.
            age(&before);
            let statements = company.setting.database.statements().len();
            let ended = two(company, chapter, &mut turn.rng, company.undisturbed(chapter).took * slowness);
            let after = files_there();
            let asked = company.setting.database.statements().len() > statements;
            turn.add("runs", 2);
            for (killed, ran) in &ended {
                match ran.code {
                    None => turn.kill(phase::of(chapter, &before, &after, asked)),
                    code => assert!(matches!(code, Some(0 | 3)), "killed: {killed}, {chapter:?}: {ran:?}"),
                }
            }
            assert_intact(company, chapter, &after, Left::Whole, &mut company.program("verify", &["--json"]));
            before = after;
            // Whoever came to its end has left nothing to be met.
            if ended.iter().any(|(_, ran)| ran.code.is_some()) {
                break;
            }
        }
        turn.count("runs");
        let clean = wait(company.command(chapter).spawn().unwrap());
        let archived = files_there();
        assert_same_messages(&archived, &company.undisturbed(chapter).files, chapter.name());
        assert_undisturbed(company, chapter, &clean, &archived, &mut company.program("verify", &[]));
        if !turn.goes_on() {
            break;
        }
    }
    turn.count("archives");
}

#[test]
fn two_programs_at_once_on_files() {
    let company = Company::shared();
    let mut turn = Turn::of("together");
    while turn.goes_on() {
        let archive = company.fresh("together");
        company.configure(&Place::folder(&archive));
        let life = Chapter::life(&mut turn.rng);
        company.lay_out(life[0], &archive);
        live_together(
            &company,
            &mut turn,
            life,
            1,
            || if archive.exists() { files(&archive) } else { Files::new() },
            |files| {
                age_leftovers(&archive, files);
            },
        );
    }
    turn.assert_met();
}

#[test]
fn two_programs_at_once_on_azure() {
    if Azurite::shared().is_none() {
        return;
    }
    let company = Company::shared();
    let mut turn = Turn::of("together on azure");
    while turn.goes_on() {
        let Some(container) = Container::new("together", turn.counted("archives")) else { return };
        company.configure(&container.place());
        let life = Chapter::life(&mut turn.rng);
        container.lay_out(&company, life[0]);
        live_together(&company, &mut turn, life, 5, || container.blobs(), |_| {});
        container.delete_all();
    }
    turn.assert_met();
}
