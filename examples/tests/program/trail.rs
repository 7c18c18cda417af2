//! Who did what to an archive, and by which configuration.

use std::{collections::BTreeMap, fs, process::Command};

use jabber_archive_core::Digest;
use serde_json::{Value, json};

use crate::program::{Setting, command, files, program, ran};

/// The entries of one kind, by number.
fn entries(setting: &Setting, kind: &str) -> BTreeMap<u64, Value> {
    let logged = setting.run("log", &["--json"]).assert(0, &[]).json();
    let entries = logged["entries"].as_array().unwrap().iter();
    entries.filter_map(|entry| Some((entry["number"].as_u64()?, entry.get(kind)?.clone()))).collect()
}

/// What an entry names in `context/`.
fn context(setting: &Setting, digest: &Value) -> Value {
    let bytes = fs::read(setting.archive().join(format!("context/{}.json", digest.as_str().unwrap()))).unwrap();
    assert_eq!(Digest::of(&bytes).to_string(), digest.as_str().unwrap());
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_run_keeps_its_configuration_with_the_filter_that_it_read_and_without_secrets() {
    let setting = Setting::new(71, 150);
    let person = setting.office.directory_csv().lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    fs::write(setting.folder.path().join("council.txt"), format!("# not to be archived\n{person}\n")).unwrap();
    setting.configure(|text| text + "\n[filter]\nexclude_file = \"council.txt\"\n");
    setting.run("run", &[]).assert(3, &[]);
    let runs = entries(&setting, "run");
    let run = runs.values().next().unwrap();
    let kept = context(&setting, &run["configuration"]);
    assert_eq!(kept["settings"]["source"][0]["password"], json!({ "env": "JABBER_TEST_PASSWORD" }));
    assert_eq!(kept["settings"]["run"]["retry_for"], "1s");
    assert_eq!(kept["filter"]["exclude"], json!([person]));
    let council = fs::read(setting.folder.path().join("council.txt")).unwrap();
    let users = fs::read(setting.folder.path().join("users.csv")).unwrap();
    assert_eq!(kept["files"], json!({ "council.txt": Digest::of(&council), "users.csv": Digest::of(&users) }));
    // As docs/archive.md has it: who excluded this person?
    let question = "cd \"$0\" && for entry in ledger/0*.json; do jq -r '.run // empty | [.configuration, .started, .account, .host] | join(\" \")' $entry; done | \
        while read -r configuration who; do jq -e --arg who \"$1\" '.filter.exclude // [] | index($who)' context/$configuration.json >/dev/null && echo \"$who\"; done";
    let asked = Command::new("sh").args(["-c", question]).arg(setting.archive()).arg(&person).output().unwrap();
    let expected = ["started", "account", "host"].map(|part| run[part].as_str().unwrap()).join(" ") + "\n";
    assert_eq!(String::from_utf8(asked.stdout).unwrap(), expected, "{}", String::from_utf8_lossy(&asked.stderr));

    let path = format!("context/{}.json", run["configuration"].as_str().unwrap());
    setting.run("log", &[]).assert(0, &[&format!("configuration {path}"), "messages left out by context/"]);
    setting.run("verify", &[]).assert(0, &[]);
    fs::remove_file(setting.archive().join(&path)).unwrap();
    setting.run("verify", &[]).assert(3, &[&format!("{path}: missing")]);
}

#[test]
fn an_export_is_an_entry_that_says_who_took_what_and_names_nobody() {
    let setting = Setting::new(72, 120);
    setting.run("run", &[]).assert(3, &[]);
    let out = setting.folder.path().join("matter.mbox");
    let asked = ["--to", "mbox", "--out", out.to_str().unwrap(), "--person", "Alice@Example.com", "--since", "2026-11-01", "--json"];
    let exported = setting.run("export", &asked).assert(0, &[]).json();
    let exports = entries(&setting, "export");
    let (number, export) = exports.first_key_value().unwrap();
    assert_eq!((exports.len(), json!(number)), (1, exported["recorded"]["entry"].clone()));
    for same in ["items", "messages", "bytes", "sha256"] {
        assert_eq!(export[same], exported[same], "{same}");
    }
    assert_eq!(export["sha256"], json!(Digest::of(&fs::read(&out).unwrap())));
    assert_eq!((&export["form"], &export["refused"]), (&json!("mbox"), &json!(0)));
    assert_eq!(context(&setting, &export["selection"]), json!({ "persons": ["alice@example.com"], "since": "2026-11-01T00:00:00.000Z" }));
    assert_eq!(context(&setting, &export["configuration"])["settings"]["name"], "test");
    assert!(!export.to_string().contains("alice"), "{export}");
    let head = exported["recorded"]["sha256"].as_str().unwrap().to_owned();
    assert_ne!(exported["head"], exported["recorded"]["sha256"], "`head` is what was copied");
    setting.run("verify", &["--expect", &head]).assert(0, &[]);
    setting.run("log", &[]).assert(0, &["as mbox, asked for in context/"]);

    // A later run goes on behind it.
    setting.run("run", &[]).assert(0, &["nothing to archive"]);
    setting.run("verify", &["--expect", &head, "--json"]).assert(0, &[]);
}

#[test]
fn what_may_only_be_read_is_exported_unrecorded_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    program(&["demo", "--out", archive.to_str().unwrap(), "--messages", "100"]).assert(0, &[]);
    let before = files(&archive);
    let out = folder.path().join("copy");
    // Nothing can be written, by root neither: no file may have a byte.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]).arg(command().get_program());
    limited.args(["export", "--to", "maildir", "--archive"]).arg(&archive).arg("--out").arg(&out);
    ran(&mut limited).assert(1, &["the archive cannot be written, and nothing was copied", "--unrecorded"]);
    assert!(!out.exists());
    program(&["export", "--to", "maildir", "--archive", archive.to_str().unwrap(), "--out", out.to_str().unwrap(), "--unrecorded"])
        .assert(0, &["head digest"]);
    let mut after = files(&archive);
    after.retain(|path, _| !path.contains('#'));
    assert!(after == before, "an export that is not recorded only reads");
}

#[test]
fn the_log_has_the_entries_of_the_time_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    program(&["demo", "--out", archive.to_str().unwrap(), "--messages", "100"]).assert(0, &[]);
    let log = |more: &[&str]| {
        let logged = program(&[&["log", "--json", "--archive", archive.to_str().unwrap()], more].concat()).assert(0, &[]).json();
        let entries = logged["entries"].as_array().unwrap().clone();
        entries.iter().map(|entry| entry["number"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let all = log(&[]);
    assert_eq!(all, (1..=all.len() as u64).collect::<Vec<_>>());
    assert_eq!(log(&["--until", "2000-01-01"]), [1]);
    let day = log(&["--since", "2026-11-17", "--until", "2026-11-18"]);
    assert_eq!(day.len(), 1, "{day:?}");
}
