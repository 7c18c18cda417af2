//! The server is restarted, or fails over, while a run is at work.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use jabber_archive_sql::testing::Fault;

use crate::program::{Setting, content, ended};

/// A setting whose server falls silent once some windows are read, and what an undisturbed run archives of it.
fn setting(seed: u64, retry_for: &str) -> (Setting, std::collections::BTreeMap<String, Vec<u8>>) {
    let setting = Setting::new(seed, 300);
    setting.configure(|text| format!("{text}chunk_windows = 1\n"));
    setting.run("run", &[]).assert(3, &[]);
    let expected = content(&setting.archive());
    fs::remove_dir_all(setting.archive()).unwrap();
    setting.configure(|text| format!("{text}chunk_windows = 1\n").replace("\"1s\"", retry_for));
    setting.database.inject(Fault::stall("jm", 1).later(4));
    (setting, expected)
}

fn entries(setting: &Setting) -> usize {
    let entries = fs::read_dir(setting.archive().join("ledger")).into_iter().flatten().map(Result::unwrap);
    entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "json")).count()
}

/// Waits until a run has sealed something and stands before a silent server.
fn wait_for_silence(setting: &Setting) {
    let begun = Instant::now();
    let (mut seen, mut since) = (0, Instant::now());
    while seen == 0 || since.elapsed() < Duration::from_secs(2) {
        assert!(begun.elapsed() < Duration::from_mins(1));
        thread::sleep(Duration::from_millis(20));
        let now = entries(setting);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
    assert!(setting.database.connections() > 0, "a statement is being read");
}

#[test]
fn a_server_that_is_restarted_in_mid_run_is_read_on_by_itself_and_leaves_no_trace() {
    let (mut setting, expected) = setting(61, "\"60s\"");
    let run = setting.spawn("run");
    wait_for_silence(&setting);
    let sealed = entries(&setting);
    setting.stop_server();
    thread::sleep(Duration::from_secs(1));
    // A server listens before it has recovered its databases.
    setting.database.inject(Fault::close_database().times(2));
    setting.start_server();
    let ran = ended(run.wait_with_output().unwrap());
    ran.assert(3, &["trying again in", "cannot be reached", "the database `tcmadb` is not open any more, or not yet", "4060"]);
    assert!(content(&setting.archive()) == expected);
    assert!(sealed > 0 && entries(&setting) > sealed, "it went on behind what was sealed");
    setting.run("verify", &[]).assert(0, &[]);
}

#[test]
fn a_server_that_stays_down_ends_the_run_in_time_and_the_next_one_completes_it_to_the_same_bytes() {
    let (mut setting, expected) = setting(62, "\"2s\"");
    let run = setting.spawn("run");
    wait_for_silence(&setting);
    setting.stop_server();
    let down = Instant::now();
    let ran = ended(run.wait_with_output().unwrap());
    ran.assert(1, &["trying again in", "127.0.0.1", "cannot be reached", "archived until 2026-11-"]);
    assert!(down.elapsed() < Duration::from_secs(20), "{:?}", down.elapsed());
    setting.run("verify", &[]).assert(0, &[]);
    let sealed = content(&setting.archive());
    assert!(!sealed.is_empty() && sealed != expected);

    setting.start_server();
    setting.run("run", &[]).assert(3, &[]);
    assert!(content(&setting.archive()) == expected);
    setting.run("verify", &[]).assert(0, &[]);
}

#[test]
fn whatever_passes_at_the_server_is_waited_for() {
    let setting = Setting::new(63, 300);
    setting.run("run", &[]).assert(3, &[]);
    let expected = content(&setting.archive());
    // A deadlock, a lock that is held too long, a failover, a shutdown, a database that is not open yet.
    for number in [1205, 1222, 983, 6005, 40613] {
        setting.database.inject(Fault::error("jm", number).after_rows(3).times(2));
        let path = format!("error-{number}");
        setting.configure(|text| text.replace("path = \"archive\"", &format!("path = \"{path}\"")).replace("\"1s\"", "\"20s\""));
        setting.run("run", &[]).assert(3, &["trying again in", &number.to_string()]);
        assert!(content(&setting.folder.path().join(&path)) == expected, "{number}");
    }
}
