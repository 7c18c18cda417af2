//! Rows that the message archiver encrypted, from the configuration to the mails.

use std::{fs, os::unix::fs::PermissionsExt};

use jabber_archive_sql::testing::{ArchiverKey, Office};

use crate::program::{Ran, Setting, command, content, ran};

fn keys() -> [ArchiverKey; 2] {
    [ArchiverKey::new("2025", 1), ArchiverKey::new("2026", 2)]
}

/// A company that encrypts, and the keys in the environment and in files.
pub(crate) fn encrypted(seed: u64) -> Setting {
    let setting = Setting::new(seed, 300);
    Office::new(seed, 300).encrypted(keys()).fill(&setting.database);
    for key in keys() {
        for (name, secret) in [("key", key.key()), ("iv", key.iv())] {
            let path = setting.folder.path().join(format!("{}.{name}", key.id()));
            fs::write(&path, format!("{}\n", secret.reveal())).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
    setting
}

pub(crate) fn with_keys(setting: &Setting, keys: &str) {
    setting.configure(|text| text.replace("encrypt = \"off\"", &format!("encrypt = \"off\"\nencryption_keys = [{keys}]")));
}

pub(crate) const FROM_FILES: &str = r#"{ id = "2025", key = { file = "2025.key" }, iv = { file = "2025.iv" } }"#;
const FROM_ENVIRONMENT: &str = r#"{ id = "2026", key = { env = "JABBER_TEST_KEY" }, iv = { env = "JABBER_TEST_IV" } }"#;

fn run(setting: &Setting, name: &str) -> Ran {
    let [_, key] = keys();
    let (key, iv) = (key.key(), key.iv());
    let ran = ran(command()
        .arg(name)
        .arg("--config")
        .arg(setting.config())
        .env("JABBER_TEST_KEY", key.reveal())
        .env("JABBER_TEST_IV", iv.reveal()));
    for secret in keys().iter().flat_map(|key| [key.key(), key.iv()]) {
        assert!(!ran.out.contains(secret.reveal()) && !ran.err.contains(secret.reveal()), "{ran:?}");
    }
    ran
}

#[test]
fn the_mails_of_an_encrypted_company_are_those_of_a_plain_one() {
    let plain = Setting::new(71, 300);
    plain.run("run", &[]).assert(3, &[]);
    let setting = encrypted(71);
    with_keys(&setting, &format!("{FROM_FILES}, {FROM_ENVIRONMENT}"));
    run(&setting, "check").assert(3, &["keys   2 for encrypted rows: 2025, 2026"]);
    run(&setting, "run").assert(3, &[]);
    let (plain, opened) = (content(&plain.archive()), content(&setting.archive()));
    assert_eq!(plain.keys().collect::<Vec<_>>(), opened.keys().collect::<Vec<_>>());
    assert!(plain == opened, "the bytes differ");
}

#[test]
fn rows_under_a_key_that_is_not_set_are_told_before_and_after_the_run() {
    let setting = encrypted(72);
    with_keys(&setting, FROM_FILES);
    run(&setting, "check").assert(3, &["keys   1 for encrypted rows: 2025", "would be dead letters: jm: to_jid and from_jid and"]);
    run(&setting, "run").assert(1, &["could not be archived", "rows: columns, keys"]);
    setting.run("run", &["--accept", "the key is lost"]).assert(3, &["dead letters"]);
    let dead: Vec<String> = content(&setting.archive())
        .into_iter()
        .filter(|(path, _)| path.starts_with("dead-letters/"))
        .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
        .collect();
    assert!(dead.len() > 50, "{}", dead.len());
    for letter in dead {
        assert!(letter.contains("is not opened by any of the keys 2025") && !letter.contains('@'), "{letter}");
    }
}

#[test]
fn without_keys_check_and_run_say_that_rows_look_encrypted() {
    let setting = encrypted(73);
    run(&setting, "check").assert(3, &["keys   none", "look encrypted", "encryption_keys"]);
    let checked = setting.run("check", &["--json"]).assert(3, &[]).json();
    assert!(checked["encrypted_rows"].as_u64().unwrap() > 10, "{checked}");
    run(&setting, "run").assert(3, &["rows of jm look encrypted and are archived as ciphertext"]);
    let plain = Setting::new(73, 300);
    assert_eq!(plain.run("check", &["--json"]).assert(3, &[]).json()["encrypted_rows"], 0);
}

#[test]
fn a_key_that_cannot_be_one_is_a_mistake_of_the_configuration() {
    let setting = encrypted(74);
    fs::write(setting.folder.path().join("2025.key"), "c0ffee").unwrap();
    with_keys(&setting, FROM_FILES);
    let ran = run(&setting, "run");
    ran.assert(2, &["key of encryption key `2025`", "it is not 64 hexadecimal digits"]);
    assert!(!ran.err.contains("c0ffee"), "{ran:?}");
    with_keys(&setting, r#"{ id = "2025", key = "00", iv = { file = "2025.iv" } }"#);
    run(&setting, "check").assert(2, &["a secret is never written here"]);
    with_keys(&setting, r#"{ id = "2025", key = { file = "2025.key" } }"#);
    run(&setting, "check").assert(2, &["iv"]);
}
