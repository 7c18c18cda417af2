//! What was archived, item by item.

use std::{collections::BTreeMap, fs, time::Duration};

use jabber_archive_core::Digest;
use mail_parser::MessageParser;
use serde_json::{Value, json};

use crate::{
    late::row,
    program::{Setting, files},
};

fn lines(setting: &Setting, more: &[&str]) -> Vec<Value> {
    let told = setting.run("log", &[&["--format", "jsonl"], more].concat());
    told.assert(0, &[]).out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The entries of the chain as they are stored, by number.
fn entries(setting: &Setting) -> BTreeMap<u64, Value> {
    let stored = files(&setting.archive()).into_iter().filter(|(path, _)| path.starts_with("ledger/0"));
    stored
        .map(|(_, bytes)| serde_json::from_slice(&bytes).unwrap())
        .map(|entry: Value| (entry["number"].as_u64().unwrap(), entry))
        .collect()
}

#[test]
fn every_mail_and_dead_letter_is_a_line_with_what_its_bytes_are() {
    let setting = Setting::new(221, 200);
    setting.configure(|text| format!("{text}late_windows = 5000\n"));
    let mut unreadable = row(setting.office.start().after(Duration::from_hours(12)), "of-an-unknown-type");
    unreadable[5] = jabber_archive_sql::testing::Value::text("?");
    setting.database.insert("jm", vec![unreadable]);
    setting.run("run", &[]).assert(3, &["dead letters 1"]);
    setting.database.insert("jm", vec![row(setting.office.start().after(Duration::from_hours(34)), "kept-back-for-days")]);
    setting.run("run", &[]).assert(0, &[]);

    let lines = lines(&setting, &[]);
    let mut by_path: BTreeMap<&str, &Value> = BTreeMap::new();
    for line in &lines {
        assert!(by_path.insert(line["path"].as_str().unwrap(), line).is_none(), "{line}");
    }
    let mut stored = files(&setting.archive());
    stored.retain(|path, _| path.starts_with("items/") || path.starts_with("dead-letters/"));
    assert!(by_path.keys().copied().eq(stored.keys().map(String::as_str)), "{by_path:#?}");
    let entries = entries(&setting);
    for (path, bytes) in &stored {
        let line = by_path[path.as_str()];
        assert_eq!(line["sha256"], json!(Digest::of(bytes)), "{line}");
        let entry = &entries[&line["entry"].as_u64().unwrap()];
        let (seal, result) = entry.get("seal").map_or_else(|| (&entry["addendum"], "added"), |seal| (seal, "archived"));
        assert_eq!((&line["window_start"], &line["window_end"]), (&seal["span"]["start"], &seal["span"]["end"]));
        // Entries are of the run whose entry comes next.
        let run = entries.range(line["entry"].as_u64().unwrap()..).find_map(|(_, entry)| entry.get("run")).unwrap();
        assert_eq!(line["time"], run["started"]);
        if path.starts_with("dead-letters/") {
            assert_eq!((&line["result"], &line["item"]), (&json!("dead-letter"), &Value::Null));
            continue;
        }
        assert_eq!((&line["result"], &line["bytes"]), (&json!(result), &json!(bytes.len())));
        let mail = MessageParser::default().parse(&bytes[..]).unwrap();
        assert_eq!(line["message_id"], json!(format!("<{}>", mail.message_id().unwrap())));
        assert!(path.ends_with(&format!("/{}.eml", line["item"].as_str().unwrap())));
    }
    let messages: u64 = lines.iter().filter_map(|line| line["messages"].as_u64()).sum();
    assert_eq!(messages, setting.run("status", &["--json"]).json()["messages"].as_u64().unwrap());
    let count = |result: &str| lines.iter().filter(|line| line["result"] == result).count();
    assert_eq!(count("added"), 1);
    assert_eq!(count("dead-letter"), 1);

    let csv = setting.run("log", &["--format", "csv"]).assert(0, &[]).out.clone();
    let mut rows = csv.split_terminator("\r\n").map(|row| row.split(',').collect::<Vec<_>>());
    let names = rows.next().unwrap();
    let text =
        |value: &Value| value.as_str().map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned);
    let told: Vec<Vec<String>> = lines.iter().map(|line| names.iter().map(|name| text(&line[name])).collect()).collect();
    assert!(rows.eq(told), "{csv}");
}

#[test]
fn items_are_told_of_the_windows_that_are_asked_for_and_of_a_run_that_has_not_ended_without_a_time() {
    let setting = Setting::new(222, 200);
    setting.run("run", &[]).assert(3, &[]);
    let all = lines(&setting, &[]);
    let [since, until] = [48, 72].map(|hours| setting.office.start().after(Duration::from_hours(hours)).to_string());
    let day = lines(&setting, &["--since", &since, "--until", &until]);
    let wanted: Vec<&Value> = all
        .iter()
        .filter(|line| line["window_end"].as_str().unwrap() > &since[..] && line["window_start"].as_str().unwrap() < &until[..])
        .collect();
    assert!(!wanted.is_empty() && wanted.len() < all.len() && day.iter().eq(wanted), "{day:#?}");

    let (number, run) = entries(&setting).pop_last().unwrap();
    let path = setting.archive().join(format!("ledger/{number:08}.json"));
    let lost = all.iter().find(|line| line["result"] == "archived").unwrap()["item"].clone();
    let mut changed = run;
    changed["run"]["abandoned"] = json!([lost]);
    fs::write(&path, changed.to_string()).unwrap();
    let told = lines(&setting, &[]);
    let (abandoned, others) = told.split_last().unwrap();
    assert_eq!(others, all);
    assert_eq!((&abandoned["result"], &abandoned["item"], &abandoned["path"]), (&json!("abandoned"), &lost, &Value::Null));
    fs::remove_file(path).unwrap();
    let told = lines(&setting, &[]);
    assert_eq!(told.len(), all.len());
    assert!(told.iter().all(|line| line["time"].is_null()));
}

#[test]
fn a_list_that_is_damaged_ends_the_log_with_an_error_that_names_it() {
    let setting = Setting::new(223, 100);
    setting.run("run", &[]).assert(3, &[]);
    let list = files(&setting.archive()).into_keys().find(|path| path.starts_with("ledger/lists/")).unwrap();
    fs::write(setting.archive().join(&list), "{}\n").unwrap();
    setting.run("log", &["--format", "csv"]).assert(1, &[&list]);

    // One that is as it was kept, and not understood.
    let (number, mut entry) = entries(&setting).into_iter().find(|(_, entry)| entry["seal"]["list"].is_string()).unwrap();
    let digest = Digest::of(b"{}\n");
    entry["seal"]["list"] = json!(digest);
    fs::write(setting.archive().join(format!("ledger/{number:08}.json")), entry.to_string()).unwrap();
    fs::write(setting.archive().join(format!("ledger/lists/{digest}.jsonl")), "{}\n").unwrap();
    setting.run("log", &["--format", "csv"]).assert(1, &[&format!("ledger/lists/{digest}.jsonl"), "line 1 cannot be read"]);
    setting.run("log", &["--format", "csv", "--json"]).assert(2, &["cannot be used with"]);
}
