//! How an archive stands.

use std::fs;

use serde_json::Value;

use crate::{
    check::plain,
    program::{Setting, program},
};

/// An archive whose windows are closed after so many days.
fn settled(setting: &Setting, days: u32) {
    setting.configure(|text| {
        let text = text.replace("csv = \"users.csv\"", "jid_is_email = true");
        format!("{text}settle = \"{}h\"\nstart = \"2020-01-01T00:00:00Z\"\n", days * 24)
    });
}

/// Makes the only run an old one.
fn long_ago(setting: &Setting) {
    let entries = fs::read_dir(setting.archive().join("ledger")).unwrap().map(|entry| entry.unwrap().path());
    let mut runs = 0;
    for path in entries.filter(|path| path.is_file()) {
        let mut entry: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        if entry.get("run").is_some() {
            entry["run"]["started"] = "2026-01-01T00:00:00.000Z".into();
            fs::write(path, entry.to_string()).unwrap();
            runs += 1;
        }
    }
    assert_eq!(runs, 1);
}

#[test]
fn an_archive_that_stands_still_is_unhealthy_and_ends_with_3_and_a_copy_of_it_does_not() {
    let setting = plain(211);
    settled(&setting, 10);
    setting.run("run", &[]).assert(0, &[]);
    let status = setting.run("status", &["--json"]).assert(0, &[]).json();
    assert_eq!(status["health"], serde_json::json!({ "healthy": true, "reasons": [] }));
    assert_eq!(status["windows"]["due"], 0);
    assert_eq!((&status["runs"][0]["messages"], &status["runs"][0]["of_several"]), (&status["messages"], &false.into()));
    assert_eq!(status["days"].as_array().unwrap().len(), 365);
    setting.run("status", &[]).assert(0, &["\nhealthy\n", ", 0 due\n", "last run "]);

    // Other windows are due by another configuration, and the last run has just been.
    settled(&setting, 1);
    assert_eq!(setting.run("status", &["--json"]).assert(0, &[]).json()["windows"]["due"], 9);
    long_ago(&setting);
    let status = setting.run("status", &["--json"]).assert(3, &[]).json();
    let reason = &status["health"]["reasons"][0];
    assert_eq!((&reason["kind"], &reason["unhealthy"]), (&"standing-still".into(), &true.into()));
    let missing = status["days"].as_array().unwrap().iter().filter(|day| day["state"] == "missing").count();
    assert_eq!(missing, 9, "{status}");
    setting
        .run("status", &[])
        .assert(3, &["not healthy", "nothing was sealed for more than 36 h, and 9 windows are due", "jabber-archive run"]);

    let archive = setting.archive();
    let copy = program(&["status", "--json", "--archive", archive.to_str().unwrap()]).assert(0, &[]).json();
    assert!(copy.get("health").is_none() && copy["windows"]["due"].is_null(), "{copy}");
}
