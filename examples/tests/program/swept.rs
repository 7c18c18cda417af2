//! What killed writes had left is removed by a run, a day later.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use serde_json::json;

use crate::program::{Setting, command, files, ran};

fn leave(path: &Path, hours: u64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "half").unwrap();
    File::options().append(true).open(path).unwrap().set_modified(SystemTime::now() - Duration::from_hours(hours)).unwrap();
}

#[test]
fn a_run_sweeps_what_is_older_than_a_day_and_tells_how_much_that_was() {
    let setting = Setting::new(121, 60);
    let first = setting.run("run", &["--json"]).assert(3, &[]).json();
    assert_eq!(first["swept"], json!({ "files": 0, "bytes": 0 }));
    let archive = setting.archive();
    let before = files(&archive);
    let item = before.keys().find(|path| path.starts_with("items/")).unwrap();
    let upload = format!("incoming/{}-0123456789abcdef", "ab".repeat(32));
    let left = || {
        leave(&archive.join(format!("{item}#1")), 25);
        leave(&archive.join(&upload), 100);
    };
    left();
    leave(&archive.join("ledger/00000099.json#1"), 23);
    for reads in ["check", "status", "verify", "audit", "retry", "log"] {
        setting.run(reads, &[]);
    }
    setting.run("run", &["--dry-run"]);
    assert_eq!(files(&archive).len(), before.len() + 3, "a run alone removes anything");
    setting.run("run", &[]).assert(0, &["nothing to archive", "swept 2 files of 8 bytes", "killed more than a day ago"]);
    assert!(files(&archive).keys().filter(|path| !before.contains_key(*path)).eq(["ledger/00000099.json#1"]));
    fs::remove_file(archive.join("ledger/00000099.json#1")).unwrap();
    assert!(files(&archive) == before);
    left();
    assert_eq!(setting.run("run", &["--json"]).assert(0, &[]).json()["swept"], json!({ "files": 2, "bytes": 8 }));
    setting.run("verify", &[]).assert(0, &["are as they were archived"]);
}

#[test]
fn a_run_that_fails_removes_nothing() {
    let setting = Setting::new(122, 60);
    setting.run("run", &[]).assert(3, &[]);
    let left = setting.archive().join("ledger/00000099.json#1");
    leave(&left, 100);
    // Whose clock is wrong does not know what is old.
    setting.database.set_clock(setting.office.start());
    setting.run("run", &[]).assert(1, &["our clock and the server's are"]);
    assert!(left.exists());
}

#[test]
fn what_cannot_be_swept_is_told_and_fails_no_run() {
    let setting = Setting::new(123, 60);
    setting.run("run", &[]).assert(3, &[]);
    let left = setting.archive().join("ledger/00000099.json#1");
    leave(&left, 100);
    // A file on which something is mounted cannot be removed, not by root either.
    let script = format!("mount --bind '{0}' '{0}' || exit 99; exec \"$0\" \"$@\"", left.display());
    let mut run = Command::new("unshare");
    run.args(["-rm", "sh", "-c", &script]).arg(command().get_program()).args(["run", "--json", "--config"]).arg(setting.config());
    let ran = ran(run.env("JABBER_TEST_PASSWORD", "demo").stdin(Stdio::null()));
    if !matches!(ran.code, Some(0 | 3)) && !ran.err.contains("jabber-archive:") {
        println!("SKIPPED: no namespace of one's own is to be had");
        return;
    }
    ran.assert(0, &["sweep", "00000099.json#1", "nothing depends on it"]);
    assert_eq!(ran.json()["swept"], json!({ "files": 0, "bytes": 0 }));
    assert!(left.exists());
}
