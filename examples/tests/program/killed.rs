//! Killed at any moment and started again, an archive ends as if nothing had happened.

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::program::{command, content, files, program};

const ARGUMENTS: [&str; 6] = ["demo", "--messages", "500", "--seed", "5", "--json"];

/// The digest of the list of every window.
fn lists(archive: &Path) -> BTreeMap<String, Value> {
    let entries = files(archive).into_iter().filter(|(path, _)| path.starts_with("ledger/0") && !path.contains('#'));
    entries
        .filter_map(|(_, content)| {
            let entry: Value = serde_json::from_slice(&content).unwrap();
            let seal = entry.get("seal")?;
            Some((seal["span"].to_string(), seal["list"].clone()))
        })
        .collect()
}

/// The content without what a killed put leaves beside a file: named like it, with # and a number behind, and referred to by nothing.
fn mails(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = content(archive);
    files.retain(|path, _| !path.contains('#'));
    files
}

#[test]
fn an_archive_that_was_killed_over_and_over_has_the_same_bytes() {
    let kills: usize = env::var("JABBER_ARCHIVE_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let undisturbed = folder.path().join("undisturbed");
    let begun = Instant::now();
    program(&[&ARGUMENTS[..], &["--out", undisturbed.to_str().unwrap()]].concat()).assert(0, &[]);
    let whole = begun.elapsed();
    let expected = content(&undisturbed);

    let killed = folder.path().join("killed");
    let mut landed = 0;
    for round in 0..kills {
        // Spread over the run, and begun anew where an attempt came to its end.
        let part = (round * 7 + 3) % 20;
        let mut child = command()
            .args(ARGUMENTS)
            .args(["--out", killed.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(whole.mul_f64(part as f64 / 20.0) + Duration::from_micros((round * 7_919 % 1_000) as u64));
        match child.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success());
                assert!(mails(&killed) == expected, "after {round} kills");
                fs::remove_dir_all(&killed).unwrap();
            }
            None => {
                // SIGKILL on Unix.
                child.kill().unwrap();
                child.wait().unwrap();
                landed += 1;
            }
        }
    }
    assert!(landed > 0, "no kill met the program at work");
    program(&[&ARGUMENTS[..], &["--out", killed.to_str().unwrap()]].concat()).assert(0, &[]);
    assert!(mails(&killed) == expected, "the bytes differ after {landed} kills");
    assert_eq!(lists(&killed), lists(&undisturbed));
    println!("{landed} of {kills} kills met the program at work");
}
