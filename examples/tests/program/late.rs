//! Rows that come after their window was sealed, through the whole program.

use std::time::Duration;

use jabber_archive_sql::testing::Value;

use crate::program::{Setting, content, ended};

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
