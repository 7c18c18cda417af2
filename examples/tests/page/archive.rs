//! Archives as their chains tell of them, without a mail.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use jabber_archive_core::{ArchiveFacts, Digest, Entry, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const DAY: Duration = Duration::from_hours(24);

/// The last midnight.
pub(crate) fn today() -> Timestamp {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(passed.as_millis() as i64 / 86_400_000 * 86_400_000)
}

/// An archive that is written entry by entry, each as it likes.
pub(crate) struct Archive {
    folder: TempDir,
    number: u64,
    previous: Digest,
    frontier: Value,
}

impl Archive {
    pub(crate) fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let facts = ArchiveFacts::new(name).unwrap().to_bytes();
        fs::create_dir_all(folder.path().join("archive/ledger")).unwrap();
        fs::create_dir_all(folder.path().join("archive/dead-letters")).unwrap();
        fs::write(folder.path().join("archive/archive.json"), &facts).unwrap();
        let archive =
            Self { folder, number: 0, previous: Digest::of(&facts), frontier: json!({ "end": null, "undated": true, "seal": null }) };
        archive.configure("");
        archive
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a configuration, with more in its section `[run]`.
    pub(crate) fn configure(&self, run: &str) {
        let text = format!(
            "name = \"test\"\n[[source]]\nkind = \"mssql\"\nhost = \"127.0.0.1\"\ndatabase = \"tcmadb\"\nuser = \"jabber_reader\"\npurge_after_days = 90\n\
             password = {{ env = \"JABBER_TEST_PASSWORD\" }}\n[sink]\nkind = \"file\"\npath = \"archive\"\n[run]\n{run}\n"
        );
        fs::write(self.path("jabber-archive.toml"), text).unwrap();
    }

    fn append(&mut self, record: &Value) {
        self.number += 1;
        let mut entry = json!({ "number": self.number, "previous": self.previous, "frontier": self.frontier });
        entry.as_object_mut().unwrap().extend(record.as_object().unwrap().clone());
        let entry: Entry = serde_json::from_value(entry).unwrap();
        let bytes = entry.to_bytes();
        fs::write(self.path(&format!("archive/{}", Entry::path(self.number))), &bytes).unwrap();
        self.previous = Digest::of(&bytes);
    }

    /// Seals the window that began so many days ago, with findings, and with dead letters of which these are the reasons.
    pub(crate) fn seal(&mut self, days_ago: u32, messages: u64, findings: &[Value], reasons: &[&str]) {
        let seal = self.account(days_ago, messages, findings, reasons);
        self.advance(days_ago);
        self.append(&json!({ "seal": seal }));
    }

    /// Adds messages that came late to that window, and says of dead letters what its seal says.
    pub(crate) fn add(&mut self, days_ago: u32, messages: u64, reasons: &[&str]) {
        let mut addendum = self.account(days_ago, messages, &[], reasons);
        addendum["cause"] = "late-rows".into();
        self.append(&json!({ "addendum": addendum }));
    }

    fn advance(&mut self, days_ago: u32) {
        self.frontier["end"] = json!(today().before(DAY * days_ago).after(DAY));
        self.frontier["seal"] = json!(self.number + 1);
    }

    fn account(&self, days_ago: u32, messages: u64, findings: &[Value], reasons: &[&str]) -> Value {
        let start = today().before(DAY * days_ago);
        let dead_letters: BTreeSet<Digest> = reasons.iter().map(|reason| self.dead_letter(start, reason)).collect();
        json!({
            "span": { "start": start, "end": start.after(DAY) },
            "recipe": { "name": "transcript", "version": 4, "settings": Digest::of(b"") },
            "context": null, "tables": {}, "items": messages / 7, "bytes": messages * 913, "list": null,
            "messages": { "starts": messages, "listed": messages, "dead_letters": 0, "elsewhere": 0 },
            "abandoned": [], "dead_letters": dead_letters, "late_copies": [], "people": { "asked": 312, "mapped": 309 }, "findings": findings,
        })
    }

    fn dead_letter(&self, start: Timestamp, reason: &str) -> Digest {
        let letter = json!({
            "kind": "row", "window": { "start": start, "end": start.after(DAY) }, "table": "jm", "sent": start, "reason": reason, "values": {}, "ordinal": 0,
        });
        let bytes = serde_json::to_vec(&letter).unwrap();
        let digest = Digest::of(&bytes);
        fs::write(self.path(&format!("archive/dead-letters/{digest}.json")), bytes).unwrap();
        digest
    }

    /// A run that began at two o'clock so many days ago, with other values in place of its own.
    pub(crate) fn run(&mut self, days_ago: u32, other: &Value) {
        let mut run = json!({
            "started": today().before(DAY * days_ago).after(Duration::from_hours(2)), "host": "archiver01", "account": "jabber-archive",
            "version": "jabber-archive 0.1.0", "configuration": null, "seals": null, "abandoned": [], "findings": [],
        });
        run.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        self.append(&json!({ "run": run }));
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_jabber-archive"))
            .arg("status")
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs `status` with these arguments and gives its exit code and what it said of errors.
    pub(crate) fn status(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let ended = self.ask(arguments);
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    }

    /// What `status --json` says.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.ask(&["--json"]).stdout).unwrap()
    }

    /// The page, as the program writes it.
    pub(crate) fn page(&self, code: i32) -> String {
        let ended = self.status(&["--html", "status.html"]);
        assert_eq!(ended, (Some(code), String::new()));
        fs::read_to_string(self.path("status.html")).unwrap()
    }
}
