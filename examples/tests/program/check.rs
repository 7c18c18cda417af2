//! What `check` tells before anything is written.

use std::time::{Duration, SystemTime};

use jabber_archive_core::{Jid, Timestamp};
use jabber_archive_sql::testing::Value;

use crate::program::{Setting, files};

const DATE: usize = 2;

fn now() -> Timestamp {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(passed.as_millis() as i64)
}

/// A database in which nothing is odd: chats of two people of today's calendar, everybody known.
pub(crate) fn plain(seed: u64) -> Setting {
    let setting = Setting::new(seed, 200);
    let is_text = |value: &Value, wanted: &str| matches!(value, Value::Text(text) if &**text == wanted);
    let is_room = |value: &Value| matches!(value, Value::Text(text) if text.contains("conf") || text.contains("room"));
    let is_address =
        |value: &Value| matches!(value, Value::Text(text) if Jid::parse(text).is_some_and(|jid| jid.bare().addr_spec().is_some()));
    setting.database.retain("jm", |row| {
        let [to, from, date, _, _, kind, ..] = row else { return false };
        let Value::DateTime(days, ticks) = date else { return false };
        let of_two = [to, from].into_iter().all(|jid| is_address(jid) && !is_room(jid));
        Timestamp::from_sql_datetime(*days, *ticks) >= Timestamp::PLAUSIBLE && is_text(kind, "c") && of_two
    });
    for table in ["tc_msgarchive", "tc_timelog"] {
        setting.database.retain(table, |_| false);
    }
    setting.configure(|text| text.replace("csv = \"users.csv\"", "jid_is_email = true"));
    setting
}

fn insert_dated(setting: &Setting, date: Timestamp) {
    let mut row = setting.database.table("jm").unwrap().read().next().unwrap();
    row[DATE] = Value::time(date);
    setting.database.insert("jm", vec![row]);
}

#[test]
fn check_tells_what_a_run_would_find_and_writes_nothing() {
    let setting = Setting::new(22, 200);
    let before = files(setting.folder.path());
    let checked = setting.run("check", &["--json"]).assert(3, &[]).json();
    assert_eq!(checked["sources"][0]["isolation"], "snapshot");
    let tables: Vec<_> = checked["sources"][0]["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| (table["name"].clone(), table["readable"].clone()))
        .collect();
    assert_eq!(tables.len(), 6);
    assert!(tables.iter().all(|(_, readable)| *readable == true), "{tables:?}");
    assert!(checked["sources"][0]["version"].as_str().unwrap().contains('.'));
    assert!(checked["last"].as_str().unwrap().starts_with("2026-11-"));
    assert!(!checked["unmapped"].as_array().unwrap().is_empty(), "the office leaves people out of its directory");
    setting.run("check", &[]).assert(3, &["SQL Server", "table  jm", "people without an address", "nothing was written"]);
    assert_eq!(files(setting.folder.path()), before);
}

#[test]
fn check_is_done_where_there_is_nothing_to_look_at_and_names_whatever_there_is() {
    let setting = plain(51);
    let checked = setting.run("check", &["--json"]).assert(0, &[]).json();
    assert!(checked["sampled_rows"].as_u64().unwrap() > 0);

    insert_dated(&setting, "1970-01-01T00:00:00Z".parse().unwrap());
    setting.run("check", &[]).assert(3, &["1 dated before 2000"]);
    setting.database.retain("jm", |row| row[DATE] != Value::time("1970-01-01T00:00:00Z".parse().unwrap()));
    setting.run("check", &[]).assert(0, &[]);

    setting.database.set_clock(now().before(Duration::from_mins(4)));
    setting.run("check", &[]).assert(0, &[]);
    setting.database.set_clock(now().before(Duration::from_mins(6)));
    setting.run("check", &[]).assert(3, &["s ahead"]);
}

#[test]
fn rows_of_clocks_that_are_a_little_ahead_are_not_from_the_future_to_check_either() {
    let setting = plain(52);
    insert_dated(&setting, now().after(Duration::from_mins(30)));
    setting.run("check", &[]).assert(0, &[]);
    insert_dated(&setting, now().after(Duration::from_hours(48)));
    setting.run("check", &[]).assert(3, &["1 dated in the future"]);
}

#[test]
fn only_messages_count_as_rows_that_were_looked_at() {
    let setting = Setting::new(53, 200);
    let sampled = |setting: &Setting| setting.run("check", &["--json"]).assert(3, &[]).json()["sampled_rows"].clone();
    let with_presence = sampled(&setting);
    setting.database.retain("tc_timelog", |_| false);
    assert_eq!(sampled(&setting), with_presence);
}

#[test]
fn check_says_that_a_run_would_be_refused_for_its_clock() {
    let setting = Setting::new(54, 100);
    setting.database.set_clock(now().before(Duration::from_hours(2)));
    setting.run("check", &[]).assert(3, &["a run would be refused", "more than `settle`"]);
    setting.run("run", &[]).assert(1, &["more than `settle`"]);
}

#[test]
fn check_says_whether_the_archive_is_there_and_how_far_it_has_come() {
    let setting = Setting::new(55, 100);
    setting.run("check", &[]).assert(3, &["archive will be made"]);
    setting.run("run", &[]).assert(3, &[]);
    setting.run("check", &[]).assert(3, &["archive exists, archived until 2026-11-2"]);
    let checked = setting.run("check", &["--json"]).assert(3, &[]).json();
    let status = setting.run("status", &["--json"]).assert(0, &[]).json();
    assert_eq!((&checked["exists"], &checked["archived_until"]), (&true.into(), &status["archived_until"]));
}
