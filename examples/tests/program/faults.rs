//! What breaks while a run is at work.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use jabber_archive_sql::testing::Fault;

use crate::program::{Setting, command, content, program, ran};

#[test]
fn a_server_that_is_lost_in_the_middle_of_a_row_and_comes_back_leaves_no_trace() {
    let setting = Setting::new(41, 300);
    setting.run("run", &[]).assert(3, &[]);
    let expected = content(&setting.archive());
    for fault in
        [Fault::drop_after_rows("jm", 40), Fault::drop_before_done("tc_msgarchive"), Fault::error("jm", 1205), Fault::refuse_logins()]
    {
        setting.database.inject(fault.clone().times(2));
        let path = format!("{fault:?}").replace(|char: char| !char.is_alphanumeric(), "");
        setting.configure(|text| text.replace("path = \"archive\"", &format!("path = \"{path}\"")).replace("\"1s\"", "\"20s\""));
        setting.run("run", &[]).assert(3, &["trying again in"]);
        assert!(content(&setting.folder.path().join(&path)) == expected, "{fault:?}");
    }
}

#[test]
fn a_server_that_is_lost_for_good_is_an_error_and_the_next_run_goes_on() {
    let mut setting = Setting::new(42, 300);
    setting.database.inject(Fault::drop_after_rows("jm", 40).always());
    setting.run("run", &[]).assert(1, &["table jm", "connection"]);
    setting.run("verify", &[]).assert(0, &[]);
    setting.stop_server();
    setting.run("run", &[]).assert(1, &["cannot be reached", "check `host` and `port`"]);
    setting.run("check", &[]).assert(1, &["cannot be reached"]);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    program(&["demo", "--messages", "100", "--out", file.to_str().unwrap()]).assert(1, &[file.to_str().unwrap(), "a file is in the way"]);
    program(&["demo", "--messages", "100", "--out", "/proc/archive"]).assert(1, &["/proc/archive"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "in the way");
}

#[test]
fn a_run_that_fails_says_what_it_has_sealed_and_the_digest_of_the_last_entry() {
    let setting = Setting::new(44, 300);
    let in_the_way = setting.archive().join("items/2026/11/18");
    fs::create_dir_all(in_the_way.parent().unwrap()).unwrap();
    fs::write(&in_the_way, "no folder").unwrap();
    let failed = setting.run("run", &[]);
    failed.assert(1, &["messages ", "mails ", "archived until 2026-11-18T00:00:00.000Z", "items/2026/11/18"]);
    assert!(!failed.out.contains("nothing to archive"), "{failed:?}");
    let head = failed.out.lines().find_map(|line| line.strip_prefix("head digest ")).unwrap().to_owned();

    let again = setting.run("run", &["--json"]).assert(1, &[]).json();
    assert_eq!((&again["report"]["head"], &again["report"]["seals"]), (&head.as_str().into(), &0.into()));
    assert!(again["error"]["message"].as_str().unwrap().contains("items/2026/11/18"));

    fs::remove_file(&in_the_way).unwrap();
    setting.run("verify", &["--expect", &head]).assert(0, &[]);
    setting.run("run", &[]).assert(3, &[]);
    setting.run("verify", &["--expect", &head]).assert(0, &[]);
}

#[test]
fn whoever_asks_to_stop_before_the_first_row_is_heard() {
    for signal in ["-INT", "-TERM"] {
        let setting = Setting::new(45, 100);
        setting.configure(|text| {
            text.replace("encrypt = \"off\"", "encrypt = \"off\"\nfirst_row_timeout = \"2s\"").replace("\"1s\"", "\"60s\"")
        });
        setting.database.inject(Fault::stall("jm", 0).in_counts().always());
        let child =
            command().arg("run").arg("--config").arg(setting.config()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        while !setting.archive().join("archive.json").exists() {
            assert!(begun.elapsed() < Duration::from_secs(30));
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_millis(300));
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{signal}: {}", String::from_utf8_lossy(&output.stderr));
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(out.contains("stopped as asked") && !out.contains("nothing to archive"), "{signal}: {out}");
    }
}

/// Runs a command in a namespace of its own, where a small file system lies on the folder; `None` where that is not allowed.
fn on_small_disk(folder: &Path, size: &str, script: &str) -> Option<crate::program::Ran> {
    let mount = format!("mount -t tmpfs -o size={size} none '{}' || exit 99; {script}", folder.display());
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &mount]).stdin(Stdio::null());
    let probe = Command::new("unshare").args(["-rm", "true"]).output().ok()?;
    if !probe.status.success() {
        return None;
    }
    let ran = ran(&mut command);
    (ran.code != Some(99)).then_some(ran)
}

#[test]
fn a_full_disk_stops_the_run_and_what_is_sealed_is_intact() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_jabber-archive");
    let out = folder.path().join("out");
    let demo = format!("'{program}' demo --messages 400 --out '{}'", out.display());
    let script = format!("{demo}; echo first $?; '{program}' verify --archive '{}'; echo verified $?", out.display());
    let Some(ran) = on_small_disk(folder.path(), "600k", &script) else {
        println!("SKIPPED: no namespace of one's own is to be had");
        return;
    };
    assert!(ran.out.contains("first 1"), "{ran:?}");
    assert!(ran.err.contains("no space is left") && ran.err.contains("make space and run again"), "{ran:?}");
    assert!(ran.out.contains("verified 0"), "{ran:?}");
}

#[test]
fn ctrl_c_ends_a_run_where_nothing_is_half_done() {
    let setting = Setting::new(43, 300);
    setting.run("run", &[]).assert(3, &[]);
    let expected = content(&setting.archive());
    setting.configure(|text| text.replace("path = \"archive\"", "path = \"stopped\"").replace("\"1s\"", "\"60s\""));
    let stopped = setting.folder.path().join("stopped");
    setting.database.inject(Fault::stall("tc_msgarchive", 5));
    let child = command().arg("run").arg("--config").arg(setting.config()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !stopped.join("archive.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(500));
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("stopped as asked"));
    setting.run("verify", &[]).assert(0, &[]);
    setting.run("run", &[]).assert(3, &[]);
    assert!(content(&stopped) == expected);
}
