//! What is too unlike what was sealed before ends a run, until somebody says why it may go on.

use std::fs;

use crate::{
    encrypted::{FROM_FILES, encrypted, with_keys},
    program::{Setting, files},
};

/// A directory of the company and of so many others.
fn with_others(setting: &Setting, others: usize) {
    let csv = setting.office.directory_csv();
    let empty = ",".repeat(csv.lines().next().unwrap().split(',').count() - 2);
    let others: Vec<String> =
        (0..others).map(|number| format!("other{number}@im.example.com,other{number}@example.com{empty}\n")).collect();
    fs::write(setting.folder.path().join("users.csv"), csv + &others.concat()).unwrap();
}

/// Both keys, and further settings.
fn with_all_keys(setting: &Setting, more: &str) {
    let keys = format!("{FROM_FILES}, {}", FROM_FILES.replace("2025", "2026"));
    setting.configure(|text| text.replace("encrypt = \"off\"", &format!("encrypt = \"off\"\nencryption_keys = [{keys}]")) + more);
}

#[test]
fn what_a_forgotten_key_and_half_a_directory_would_have_sealed_ends_the_run_with_1_until_a_reason_is_given() {
    let setting = encrypted(91);
    with_keys(&setting, FROM_FILES);
    with_others(&setting, 400);
    let refused = setting.run("run", &[]);
    refused.assert(1, &["seal ", " rows and ", "could not be archived", "dead-letters say why", "go on with `--accept REASON`"]);
    setting.run("verify", &[]).assert(0, &[]);
    setting.run("run", &["--accept", ""]).assert(2, &["--accept"]);
    setting.run("run", &["--accept", " "]).assert(2, &["has no reason"]);
    let accepted = setting.run("run", &["--accept", "the old key is lost,\nsays \"IT\""]);
    accepted.assert(3, &["dead letters ", "finding: so many dead letters would have ended the run, but for --accept"]);

    with_all_keys(&setting, "");
    with_others(&setting, 0);
    let before = files(&setting.archive());
    setting.run("run", &[]).assert(0, &["nothing to archive"]);
    let refused = setting.run("retry", &[]);
    refused.assert(1, &["the directory knows ", "JIDs, and knew 4", "look whether it is complete", "--accept REASON"]);
    assert!(files(&setting.archive()) == before, "nothing was written");
    with_all_keys(&setting, "[run.limits]\ndirectory_percent = 100\n");
    let retried = setting.run("retry", &[]);
    assert!(matches!(retried.code, Some(0 | 3)) && retried.out.contains("added "), "{retried:?}");

    let log = setting.run("log", &[]);
    log.assert(0, &[r#"accepted: "the old key is lost,\nsays \"IT\""#]);
    assert_eq!(log.out.matches("accepted: ").count(), 1);
    setting.run("verify", &[]).assert(0, &[]);
}

#[test]
fn a_limit_that_is_misspelled_is_an_error() {
    let setting = Setting::new(92, 50);
    setting.configure(|text| text + "[run.limits]\ndead_leters = 5\n");
    setting.run("run", &[]).assert(2, &["dead_leters", "dead_letters"]);
}
