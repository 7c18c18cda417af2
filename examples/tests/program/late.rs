//! Rows that come after their window was sealed, through the whole program.

use std::{fs, time::Duration};

use jabber_archive_sql::testing::Value;

use crate::program::{Setting, content, ended, files, of_rows};

/// A row of `jm` as the server writes it.
pub(crate) fn row(sent: jabber_archive_core::Timestamp, body: &str) -> Vec<Value> {
    let stanza = format!("<message id='{body}'><body>{body}</body></message>");
    let length = |text: &str| Value::Int(text.len() as i64);
    vec![
        Value::text("bob@example.com"),
        Value::text("alice@example.com/jabber_1"),
        Value::time(sent),
        Value::Null,
        Value::Null,
        Value::text("c"),
        Value::text("I"),
        length(body),
        length(&stanza),
        Value::text(body),
        Value::text(stanza),
        Value::Null,
        Value::Null,
        Value::text("N"),
    ]
}

#[test]
fn what_comes_late_is_added_by_the_next_run_and_verified_like_everything_else() {
    let setting = Setting::new(81, 200);
    // The office is some days back, and every day more.
    setting.configure(|text| format!("{text}late_windows = 5000\n"));
    setting.run("run", &[]).assert(3, &[]);
    let before = content(&setting.archive());
    let sent = setting.office.start().after(Duration::from_hours(34));
    setting.database.insert("jm", vec![row(sent, "kept-back-for-days")]);
    let late = setting.run("run", &["--json"]).assert(0, &[]).json();
    assert_eq!((&late["seals"], &late["addenda"], &late["added"], &late["items"]), (&0.into(), &1.into(), &1.into(), &1.into()));
    let after = content(&setting.archive());
    let added: Vec<&Vec<u8>> =
        after.iter().filter(|(path, _)| !before.contains_key(*path) && path.starts_with("items/")).map(|(_, mail)| mail).collect();
    let [mail] = added[..] else { panic!("{} mails", added.len()) };
    assert!(String::from_utf8_lossy(mail).contains("kept-back-for-days"));
    assert!(before.iter().filter(|(path, _)| path.starts_with("items/")).all(|(path, mail)| after[path] == *mail));
    setting.run("verify", &[]).assert(0, &[]);
    setting.run("log", &[]).assert(0, &["added to: 1 messages in 1 mails"]);
    let script = ended(
        std::process::Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verify.py"))
            .arg(setting.archive())
            .output()
            .unwrap(),
    );
    script.assert(0, &["0 problems"]);
    setting.run("run", &[]).assert(0, &["nothing came late"]);
    setting.run("retry", &["--json"]).assert(0, &[]);
}

#[test]
fn a_mail_that_a_killed_run_was_adding_is_extra_until_it_is_added_and_for_good_where_its_rows_are_gone() {
    let setting = Setting::new(82, 100);
    setting.configure(|text| format!("{text}late_windows = 5000\n"));
    setting.run("run", &[]).assert(3, &[]);
    let before = files(&setting.archive());
    let sent = setting.office.start().after(Duration::from_hours(34));
    setting.database.insert("jm", vec![row(sent, "put-and-not-yet-named")]);
    setting.run("run", &[]).assert(0, &["added 1 messages"]);
    let after = files(&setting.archive());
    let (path, mail) = after.iter().find(|(path, _)| path.starts_with("items/") && !before.contains_key(*path)).unwrap();

    // As a kill between the mail and its entry leaves it.
    let left = |archive: &str| {
        setting.configure(|text| format!("{text}late_windows = 5000\n").replace("\"archive\"", &format!("\"{archive}\"")));
        for (path, content) in before.iter().chain([(path, mail)]) {
            let path = setting.folder.path().join(archive).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        setting.run("verify", &[]).assert(3, &[&format!("{path}: extra")]);
    };
    left("added");
    setting.run("run", &[]).assert(0, &["added 1 messages"]);
    setting.run("verify", &[]).assert(0, &[]);
    assert!(of_rows(files(&setting.folder.path().join("added"))) == of_rows(after.clone()));

    left("gone");
    setting.database.retain("jm", |row| row[9] != Value::text("put-and-not-yet-named"));
    setting.run("run", &[]).assert(0, &["nothing to archive"]);
    setting.run("audit", &["--repair"]).assert(0, &[]);
    setting.run("verify", &[]).assert(3, &[&format!("{path}: extra")]);
}
