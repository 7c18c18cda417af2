//! The service archives again and again, whatever goes wrong in between, and ends when it is asked to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use jabber_archive_core::Timestamp;
use jabber_archive_sql::testing::{Fault, Value as Cell};
use serde_json::Value;

use crate::program::{Setting, command, content};

const DATE: usize = 2;

/// A service that runs.
pub(crate) struct Service {
    child: Child,
    lines: Receiver<String>,
    /// What it has said so far.
    pub(crate) said: Vec<Value>,
}

impl Service {
    /// The service of a setting, with its log as JSON lines.
    pub(crate) fn start(setting: &Setting) -> Self {
        let mut child = command();
        let child = child.args(["watch", "--json", "--config"]).arg(setting.config());
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (said, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        Self { child, lines, said: Vec::new() }
    }

    /// Waits until it says this, and gives the line.
    pub(crate) fn says(&mut self, message: &str) -> Value {
        let begun = Instant::now();
        loop {
            match self.lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => {
                    let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                    self.said.push(line.clone());
                    if line["message"].as_str().unwrap().contains(message) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) if begun.elapsed() < Duration::from_secs(90) => {}
                Err(error) => panic!("`{message}` was not said ({error}): {:#?}", self.said),
            }
        }
    }

    /// Asks it to end by a signal; gives its exit code, once it has said the rest.
    pub(crate) fn stop(&mut self, signal: &str) -> Option<i32> {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
        let code = self.child.wait().unwrap().code();
        self.said.extend(self.lines.iter().map(|line| serde_json::from_str::<Value>(&line).unwrap()));
        code
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _: std::io::Result<()> = self.child.kill();
        let _: std::io::Result<std::process::ExitStatus> = self.child.wait();
    }
}

/// `[watch]` with a time of day that comes in so many seconds, and again a minute later.
pub(crate) fn soon(seconds: u64) -> String {
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + seconds;
    format!("[watch]\nevery = \"1m\"\nat = \"00:00:{:02}\"\n", time % 60)
}

#[test]
fn a_service_archives_at_once_and_at_its_times_and_ends_well_when_it_is_asked_to() {
    let setting = Setting::new(301, 200);
    setting.run("run", &[]).assert(3, &[]);
    let expected = content(&setting.archive());
    let elsewhere = |text: String| text.replace("path = \"archive\"", "path = \"watched\"");
    setting.configure(|text| format!("{}after_run = [\"./hook\"]\n{}", elsewhere(text), soon(8)));
    let hook = setting.folder.path().join("hook");
    std::fs::write(&hook, "#!/bin/sh\ncat >> \"$(dirname \"$0\")/told\"\n").unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&hook).status().unwrap().success());

    let watched = setting.folder.path().join("watched");
    let mut service = Service::start(&setting);
    let ended = service.says("the run ended");
    assert!(content(&watched) == expected, "the service archives what a run does");
    assert_eq!(ended["messages"], setting.run("status", &["--json"]).json()["messages"], "{ended}");
    assert!(service.said.iter().any(|line| line["finding"] == "unmapped-people" && line["level"] == "WARN"), "{:#?}", service.said);

    // Rows of a window that is sealed come before the next round.
    let mut late = setting.database.table("jm").unwrap().read().next().unwrap();
    let sent: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
    late[DATE] = Cell::time(sent);
    late[3] = Cell::text("this came late");
    setting.database.insert("jm", vec![late]);
    let added = service.says("added to a sealed window");
    assert_eq!(added["messages"], 1, "{added}");
    service.says("the next round");
    assert_eq!(service.stop("-TERM"), Some(0), "{:#?}", service.said);
    assert!(service.said.last().unwrap()["message"] == "the service ends as asked");
    setting.run("verify", &[]).assert(0, &[]);
    let told = std::fs::read_to_string(setting.folder.path().join("told")).unwrap();
    let codes: Vec<&str> = told.lines().filter(|line| line.contains("\"exit_code\"")).map(str::trim).collect();
    assert_eq!(codes, ["\"exit_code\": 3,", "\"exit_code\": 0,"], "{told}");
}

#[test]
fn a_round_that_fails_is_made_again_before_the_next_one_is_due() {
    let mut setting = Setting::new(302, 200);
    setting.run("run", &[]).assert(3, &[]);
    let expected = content(&setting.archive());
    setting.configure(|text| format!("{}\n[watch]\nretry_after = \"1s\"\n", text.replace("path = \"archive\"", "path = \"watched\"")));
    setting.stop_server();
    let mut service = Service::start(&setting);
    let failed = service.says("the round failed");
    assert!(failed["level"] == "ERROR" && failed["message"].as_str().unwrap().contains("cannot be reached"), "{failed}");
    setting.start_server();
    service.says("the run ended");
    assert!(content(&setting.folder.path().join("watched")) == expected);
    assert_eq!(service.stop("-INT"), Some(0));
}

#[test]
fn a_service_that_is_stopped_at_work_leaves_nothing_half_done() {
    let setting = Setting::new(303, 300);
    setting.configure(|text| text.replace("\"1s\"", "\"60s\""));
    setting.database.inject(Fault::stall("tc_msgarchive", 5));
    let mut service = Service::start(&setting);
    service.says("rows to archive");
    // Long enough for the reading to stand still in the middle of a table.
    thread::sleep(Duration::from_millis(700));
    assert_eq!(service.stop("-TERM"), Some(0), "{:#?}", service.said);
    setting.run("verify", &[]).assert(0, &[]);
    setting.run("run", &[]).assert(3, &[]);
}

#[test]
fn a_configuration_that_cannot_be_used_ends_a_service_before_it_begins_and_later_is_waited_for() {
    let setting = Setting::new(304, 100);
    for (watch, words) in [
        ("every = \"5s\"", "less than a minute"),
        ("evry = \"24h\"", "did you mean `every`?"),
        ("at = \"noon\"", "no time of day"),
        ("audit_span = \"24h\"", "`audit_every`"),
        ("listen = \"0.0.0.0:9464\"", "no address of the loopback interface"),
    ] {
        setting.configure(|text| format!("{text}\n[watch]\n{watch}\n"));
        setting.run("watch", &[]).assert(2, &[words]);
    }
    let users = setting.folder.path().join("users.csv");
    let directory = std::fs::read(&users).unwrap();
    setting.configure(|text| text);
    std::fs::write(&users, "no,directory\n").unwrap();
    setting.run("watch", &[]).assert(2, &["users.csv"]);

    std::fs::write(&users, &directory).unwrap();
    setting.configure(|text| format!("{text}\n{}retry_after = \"1s\"\n", soon(6)));
    let mut service = Service::start(&setting);
    service.says("the run ended");
    std::fs::write(&users, "no,directory\n").unwrap();
    let failed = service.says("the round failed");
    assert!(failed["message"].as_str().unwrap().contains("users.csv"), "{failed}");
    std::fs::write(&users, &directory).unwrap();
    service.says("the run ended");
    assert_eq!(service.stop("-TERM"), Some(0));
}

/// The status and the body that a path of the service gives.
pub(crate) fn ask(bound: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(bound).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {bound}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn a_service_says_whether_it_is_well_and_counts_for_prometheus() {
    let mut setting = Setting::new(306, 200);
    let minute = soon(25);
    setting.configure(|text| format!("{text}\n{minute}retry_after = \"1s\"\nlisten = \"127.0.0.1:0\"\n"));
    let mut service = Service::start(&setting);
    let bound = service.says("listening")["bound"].as_str().unwrap().to_owned();
    service.says("the next round");
    let (code, health) = ask(&bound, "/health");
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!((code, &health["healthy"]), (200, &true.into()), "{health}");
    let status = setting.run("status", &["--json"]).json();
    assert!(status["next_run"].as_str().unwrap() > status["asked"].as_str().unwrap(), "{status}");
    let (code, metrics) = ask(&bound, "/metrics");
    assert_eq!(code, 200);
    for (name, value) in [
        ("jabber_archive_healthy", "1".to_owned()),
        ("jabber_archive_rounds_total", "1".to_owned()),
        ("jabber_archive_failed_rounds_total", "0".to_owned()),
        ("jabber_archive_messages", status["messages"].to_string()),
        ("jabber_archive_mails_bytes", status["bytes"].to_string()),
        ("jabber_archive_windows_due", "0".to_owned()),
    ] {
        assert!(metrics.lines().any(|line| line == format!("{name} {value}")), "{name} {value}: {metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    assert_eq!(ask(&bound, "/elsewhere").0, 404);
    let (code, page) = ask(&bound, "/");
    assert!(code == 200 && page.contains("<!DOCTYPE html>") && page.contains(&status["messages"].to_string()), "{page}");

    setting.stop_server();
    service.says("the round failed");
    service.says("the next round");
    let (code, health) = ask(&bound, "/health");
    assert!(code == 503 && health.contains("run-failed") && health.contains("cannot be reached"), "{code} {health}");
    assert!(ask(&bound, "/metrics").1.contains("jabber_archive_healthy 0\n"));
    setting.start_server();
    service.says("the run ended");
    service.says("the next round");
    assert_eq!(ask(&bound, "/health").0, 200);
    assert_eq!(service.stop("-TERM"), Some(0));
    assert!(TcpStream::connect(&bound).is_err());
}

#[test]
fn an_audit_that_is_due_compares_the_last_days_with_the_source() {
    let mut setting = Setting::new(305, 200);
    // Nobody counts what is sealed, so that only an audit can see what comes late.
    setting.configure(|text| {
        format!("{text}late_windows = 0\n\n{}retry_after = \"1s\"\naudit_every = \"1m\"\naudit_span = \"9600h\"\n", soon(8))
    });
    let mut service = Service::start(&setting);
    service.says("the run ended");
    let mut late = setting.database.table("jm").unwrap().read().next().unwrap();
    late[DATE] = Cell::time("2026-11-20T12:00:00Z".parse().unwrap());
    late[3] = Cell::text("this came late");
    setting.database.insert("jm", vec![late]);
    // The round in which it is due fails, and the one behind it makes up for it.
    setting.stop_server();
    service.says("the round failed");
    setting.start_server();
    let differs = service.says("source and archive differ");
    assert_eq!((&differs["level"], &differs["differences"]), (&"WARN".into(), &1.into()), "{differs}");
    let ended = service.says("the audit ended");
    assert_eq!(ended["clean"], false, "{ended}");
    assert_eq!(service.stop("-TERM"), Some(0));
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let commands = ["demo", "check", "run", "watch", "retry", "audit", "status", "verify", "export", "log", "completions", "man"];
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = crate::program::program(&["completions", shell]).assert(0, &[]).out.clone();
        assert!(commands.iter().all(|command| script.contains(command)), "{shell}");
    }
    let page = crate::program::program(&["man"]).assert(0, &["Exit codes"]).out.clone();
    assert!(commands.iter().all(|command| page.contains(&format!("jabber\\-archive\\-{command}(1)"))), "{page}");
    let folder = tempfile::tempdir().unwrap();
    crate::program::program(&["man", "--out", folder.path().to_str().unwrap()]).assert(0, &[]);
    let written = crate::program::files(folder.path());
    assert!(commands.iter().all(|command| written.contains_key(&format!("jabber-archive-{command}.1"))), "{:?}", written.keys());
    let bash = Command::new("bash").args(["-n", "-c"]).arg(&crate::program::program(&["completions", "bash"]).out).status().unwrap();
    assert!(bash.success());
}
