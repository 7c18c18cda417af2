//! Was it recorded at all, and how long will it be there?

use std::time::Duration;

use jabber_archive_core::Timestamp;
use jabber_archive_sql::testing::{Office, Value};

use crate::{
    check::plain,
    program::{Setting, program},
};

const DAY: Duration = Duration::from_hours(24);

/// The last midnight.
fn today() -> Timestamp {
    let passed = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(passed.as_millis() as i64 / 86_400_000 * 86_400_000)
}

/// A setting whose rows are removed after so many days, and whose windows are closed after as many hours.
fn purged(seed: u64, days: &str, settle: u32) -> Setting {
    let setting = Setting::new(seed, 60);
    setting.configure(|text| {
        let text = text.replace("encrypt = \"off\"\n", &format!("encrypt = \"off\"\npurge_after_days = {days}\n"));
        format!("{text}settle = \"{settle}h\"\nstart = \"2020-01-01T00:00:00Z\"\n")
    });
    setting
}

#[test]
fn status_counts_the_days_until_rows_are_purged_and_warns_at_half() {
    let setting = purged(91, "30", 1);
    setting.run("run", &[]).assert(3, &[]);
    let status = setting.run("status", &["--json"]).assert(0, &[]).json();
    assert_eq!((&status["purge"]["after_days"], &status["purge"]["near"]), (&30.into(), &false.into()));
    assert_eq!(status["purge"]["unsealed"], status["archived_until"]);
    assert!((28..=29).contains(&status["purge"]["days"].as_i64().unwrap()), "{status}");
    setting.run("status", &[]).assert(0, &["days until rows that are not archived are purged, 30 days old"]);

    // Whoever asks for the archive alone is told nothing of its source.
    let archive = setting.archive();
    let alone = program(&["status", "--json", "--archive", archive.to_str().unwrap()]).assert(0, &[]).json();
    assert!(alone.get("purge").is_none(), "{alone}");

    for (settle, days, words) in [(20 * 24, 8..=10, "half of the time is over, run now"), (40 * 24, -12..=-10, "past the 30 days")] {
        let setting = purged(92, "30", settle);
        setting.run("run", &[]).assert(3, &[]);
        let status = setting.run("status", &["--json"]).assert(3, &[]).json();
        assert!(days.contains(&status["purge"]["days"].as_i64().unwrap()), "{status}");
        assert_eq!(status["purge"]["near"], true);
        setting.run("status", &[]).assert(3, &[words]);
        let found = setting.run("check", &["--json"]).assert(3, &[]).json()["findings"].clone();
        assert!(found.as_array().unwrap().iter().any(|finding| finding["finding"] == "purge-near"), "{found}");
    }
}

#[test]
fn a_time_of_no_days_is_refused() {
    for command in ["check", "run"] {
        purged(93, "0", 1).run(command, &[]).assert(2, &["`purge_after_days = 0` keeps no row"]);
    }
}

#[test]
fn check_and_run_tell_of_a_day_without_rows() {
    let setting = plain(94);
    setting.run("check", &[]).assert(0, &[]);
    let row = setting.database.table("jm").unwrap().read().next().unwrap();
    let dated = |days: u32| (0..120).map(move |number| today().before(DAY * days).after(Duration::from_secs(30_000 + number * 60)));
    let rows: Vec<Vec<Value>> = (1..36)
        .filter(|days| *days != 3)
        .flat_map(dated)
        .map(|sent| {
            let mut row = row.clone();
            (row[2], row[6]) = (Value::time(sent), Value::text("O"));
            row
        })
        .collect();
    setting.database.insert("jm", rows);
    let silent = today().before(DAY * 3);
    let words = format!("jm has no row from {silent} to {}, where there usually are about 120", silent.after(DAY));
    setting.run("check", &[]).assert(3, &[&words]);
    let expecting = |kind: &str| {
        setting.configure(|text| {
            let text = text.replace("csv = \"users.csv\"", "jid_is_email = true");
            format!("{text}expected_findings = [\"{kind}\"]\n")
        });
    };
    expecting("silenc");
    setting.run("run", &[]).assert(2, &["no finding is called `silenc`; did you mean `silence`?"]);
    expecting("silence");
    let expected = format!("{words}: a holiday, or was nothing recorded? (expected)");
    setting.run("check", &[]).assert(0, &[&expected]);
    setting.run("run", &["--dry-run"]).assert(0, &[&expected]);
    let report = setting.run("run", &["--json"]).assert(0, &[]).json();
    let expected = serde_json::json!({"finding": "silence", "table": "jm", "start": silent, "end": silent.after(DAY), "usual": 120});
    assert!(report["findings"].as_array().unwrap().contains(&expected), "{}", report["findings"]);
}

#[test]
fn check_names_the_rooms_that_lack_numbers_in_the_last_window() {
    // The last window of the company, whose rooms have holes where a number can be divided by 25.
    let office = Office::new(95, 4_000).days(2);
    let setting = Setting::new(95, 60);
    office.fill(&setting.database);
    let checked = setting.run("check", &["--json"]).assert(3, &[]).json();
    let findings = checked["findings"].as_array().unwrap();
    let gap = &findings.iter().find(|finding| finding["finding"] == "missing-numbers").unwrap()["worst"][0];
    assert!(gap["room"].as_str().unwrap().contains('@'), "{gap}");
    assert_eq!(gap["first"].as_i64().unwrap() % 25, 0, "{gap}");
    setting.run("check", &[]).assert(3, &["numbers of messages (tc_msgarchive.msg_id) have no row"]);
}
