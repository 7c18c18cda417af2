//! A dry run tells what a run would do, and writes nothing.

use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

use crate::program::{Setting, files};

/// When everything below a folder was changed last, the folders too.
fn changed(folder: &Path) -> BTreeMap<String, SystemTime> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        let metadata = fs::metadata(&next).unwrap();
        if metadata.is_dir() {
            left.extend(fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.insert(next.display().to_string(), metadata.modified().unwrap());
    }
    found
}

#[test]
fn a_dry_run_of_a_new_archive_makes_none_and_tells_what_the_run_then_stores() {
    let setting = Setting::new(101, 300);
    let hook = setting.folder.path().join("told");
    setting.configure(|text| format!("{text}after_run = [\"/bin/touch\", \"{}\"]\n", hook.display()));
    let before = changed(setting.folder.path());
    let told = setting.run("run", &["--dry-run"]);
    told.assert(3, &["windows ", "mails per person: ", "largest mails:", "items/2026/", "--write-price", "nothing was archived"]);
    assert!(!told.out.contains("head digest") && !told.out.contains("archived until"), "{told:?}");
    let rehearsed = setting.run("run", &["--dry-run", "--json", "--write-price", "0.05"]).assert(3, &[]).json();
    assert!(changed(setting.folder.path()) == before, "nothing was written");
    assert!(!setting.archive().exists());

    let report = setting.run("run", &["--json"]).json();
    assert!(hook.exists(), "only a run tells");
    for same in ["rows", "messages", "items", "bytes", "findings", "unmapped", "spread", "frontier"] {
        assert_eq!(rehearsed["run"][same], report[same], "{same}");
    }
    assert_eq!((&rehearsed["dry_run"], &rehearsed["run"]["head"]), (&true.into(), &serde_json::Value::Null));
    let stored = files(&setting.archive());
    let of =
        |folder: &str| stored.iter().filter(|(path, _)| path.starts_with(folder)).map(|(_, bytes)| bytes.len() as u64).collect::<Vec<_>>();
    let mails = of("items/");
    assert_eq!(
        (&rehearsed["stored"]["mails"], &rehearsed["stored"]["mail_bytes"]),
        (&mails.len().into(), &mails.iter().sum::<u64>().into())
    );
    assert_eq!(rehearsed["stored"]["largest"][0]["bytes"], *mails.iter().max().unwrap());
    assert_eq!(rehearsed["stored"]["entries"], of("ledger/0").len());
    // Equal contexts are written once, and asked for again.
    let written = stored.len() as u64;
    let writes = rehearsed["writes"].as_u64().unwrap();
    assert!(writes >= written && writes <= written + of("ledger/0").len() as u64, "{writes} {written}");
    assert!((rehearsed["write_cost"].as_f64().unwrap() - writes as f64 * 0.05 / 10_000.0).abs() < 1e-9);
}

#[test]
fn a_dry_run_on_an_archive_changes_no_byte_and_no_time_of_it() {
    let setting = Setting::new(102, 300);
    setting.configure(|text| text + "late_windows = 100\n");
    let rows: Vec<_> = setting.database.table("jm").unwrap().read().collect();
    let mut place = 0..;
    setting.database.retain("jm", |_| place.next().is_none_or(|place| !(100..130).contains(&place)));
    setting.run("run", &[]).assert(3, &[]);
    let (times, bytes) = (changed(setting.folder.path()), files(setting.folder.path()));
    let idle = setting.run("run", &["--dry-run", "--json"]).assert(0, &[]).json();
    assert_eq!((&idle["writes"], &idle["stored"]["entries"]), (&0.into(), &0.into()));
    setting.database.insert("jm", rows[100..130].to_vec());
    let rehearsed = setting.run("run", &["--dry-run", "--json"]).json();
    assert!(changed(setting.folder.path()) == times && files(setting.folder.path()) == bytes);
    let report = setting.run("run", &["--json"]).json();
    assert!(report["added"].as_u64().unwrap() > 0);
    for same in ["added", "addenda", "items", "bytes"] {
        assert_eq!(rehearsed["run"][same], report[same], "{same}");
    }
    let late = |report: &serde_json::Value| {
        report["late"].as_array().unwrap().iter().map(|late| late["rows"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(late(&rehearsed["run"]), late(&report));
}

#[test]
fn a_price_has_to_be_one_and_to_be_asked_for() {
    let setting = Setting::new(103, 50);
    setting.run("run", &["--write-price", "1"]).assert(2, &["--dry-run"]);
    for price in ["-1", "NaN", "cheap"] {
        setting.run("run", &["--dry-run", &format!("--write-price={price}")]).assert(2, &["no price such as 0.065"]);
    }
    assert!(!setting.archive().exists());
}
