//! Dead letters that only who has a key can read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use jabber_archive_core::{DeadLetter, Digest};
use jabber_archive_sql::testing::{ArchiverKey, Office};
use serde_json::Value;

use crate::program::{Setting, content, ended, files};

/// A company whose rows no key opens, so that they are dead letters, and the keys of who may read these.
fn unopened(seed: u64) -> (Setting, String) {
    let setting = Setting::new(seed, 100);
    Office::new(seed, 100).encrypted([ArchiverKey::new("2025", 1)]).fill(&setting.database);
    let key = setting.folder.path().join("auditor.key");
    ended(Command::new("age-keygen").arg("-o").arg(&key).output().expect("age is needed: see .ci/test")).assert(0, &[]);
    let public = ended(Command::new("age-keygen").arg("-y").arg(&key).output().unwrap());
    (setting, public.assert(0, &[]).out.trim().to_owned())
}

/// Configures a key that opens nothing, an archive in a folder of this name, and more.
fn configure(setting: &Setting, archive: &str, more: &str) {
    for part in ["key", "iv"] {
        let path = setting.folder.path().join(format!("other.{part}"));
        fs::write(&path, if part == "key" { "ab".repeat(32) } else { "cd".repeat(16) }).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let keys = r#"encryption_keys = [{ id = "other", key = { file = "other.key" }, iv = { file = "other.iv" } }]"#;
    setting.configure(|text| {
        text.replace("encrypt = \"off\"", &format!("encrypt = \"off\"\n{keys}")).replace("\"archive\"", &format!("\"{archive}\""))
            + more
            + "\n\n[run.limits]\ndead_letters = 10000\ndead_letters_per_mille = 1000\n"
    });
}

fn letters(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = content(archive);
    files.retain(|path, _| path.starts_with("dead-letters/"));
    files
}

#[test]
fn they_say_where_they_belong_and_why_and_age_opens_what_they_hold() {
    let (setting, public) = unopened(91);
    configure(&setting, "plain", "");
    setting.run("run", &[]).assert(3, &["dead letters"]);
    configure(&setting, "archive", &format!("dead_letters_to = \"{public}\""));
    let report = setting.run("run", &["--json"]).assert(3, &[]).json();
    let (plain, encrypted) = (letters(&setting.folder.path().join("plain")), letters(&setting.archive()));
    assert!(plain.len() > 50 && encrypted.len() == plain.len(), "{} and {}", plain.len(), encrypted.len());
    assert_eq!(report["dead_letters"], encrypted.len());

    // As docs/archive.md has it.
    let open = "jq -r .encrypted \"$0\" | age --decrypt -i auditor.key";
    for (number, bytes) in encrypted.values().enumerate() {
        let DeadLetter::Encrypted { window, table, sent, reason, sha256, recipients, .. } = serde_json::from_slice(bytes).unwrap() else {
            panic!("{}", String::from_utf8_lossy(bytes))
        };
        let within = &plain[&format!("dead-letters/{sha256}.json")];
        let DeadLetter::Row { window: of, table: from, sent: at, reason: why, values, .. } = serde_json::from_slice(within).unwrap() else {
            panic!("{}", String::from_utf8_lossy(within))
        };
        assert_eq!((window, table, sent, &reason), (of, Some(from), at, &why));
        assert_eq!(recipients.join(" "), public);
        let text = String::from_utf8_lossy(bytes);
        let hidden =
            |(column, _): &(&String, &Option<String>)| ["to_jid", "from_jid", "body_string", "message_string"].contains(&column.as_str());
        let hidden: Vec<&String> = values.iter().filter(hidden).filter_map(|(_, value)| value.as_ref()).collect();
        assert!(hidden.len() >= 3 && hidden.iter().all(|value| !text.contains(value.as_str())), "{text}");
        if number < 3 {
            let path = setting.folder.path().join("letter.json");
            fs::write(&path, bytes).unwrap();
            let opened = Command::new("sh").args(["-c", open]).arg(&path).current_dir(setting.folder.path()).output().unwrap();
            assert!(opened.stdout == *within, "{}", String::from_utf8_lossy(&opened.stderr));
        }
    }
    setting.run("verify", &["--expect", report["head"].as_str().unwrap()]).assert(0, &[]);
}

#[test]
fn those_of_an_interrupted_run_stay_behind_and_are_no_damage() {
    let (setting, public) = unopened(92);
    configure(&setting, "first", &format!("dead_letters_to = [\"{public}\"]"));
    setting.run("run", &[]).assert(3, &[]);
    // All that a run has written that was killed before it sealed anything.
    let first = setting.folder.path().join("first");
    for (path, bytes) in files(&first).into_iter().filter(|(path, _)| !path.starts_with("ledger/")) {
        let place = setting.archive().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, bytes).unwrap();
    }
    let behind = letters(&setting.archive());
    configure(&setting, "archive", &format!("dead_letters_to = [\"{public}\"]"));
    setting.run("run", &[]).assert(3, &[]);
    let all = letters(&setting.archive());
    assert_eq!(all.len(), 2 * behind.len(), "the same content encrypted twice is two objects");
    let verified = setting.run("verify", &["--json"]).assert(0, &[]).json();
    // And the configuration of the other archive.
    assert_eq!(verified["unreferenced"], behind.len() + 1);
    let held = |letters: &BTreeMap<String, Vec<u8>>| -> BTreeSet<Digest> {
        let digest = |bytes: &Vec<u8>| serde_json::from_value(serde_json::from_slice::<Value>(bytes).unwrap()["sha256"].clone()).unwrap();
        letters.values().map(digest).collect()
    };
    assert_eq!(held(&all), held(&behind));
    let items = |archive: &Path| content(archive).into_iter().filter(|(path, _)| path.starts_with("items/")).collect::<Vec<_>>();
    assert!(items(&first) == items(&setting.archive()));
}

#[test]
fn a_private_key_in_the_place_of_the_public_one_is_refused_and_not_shown() {
    let (setting, public) = unopened(93);
    let key = fs::read_to_string(setting.folder.path().join("auditor.key")).unwrap();
    let key = key.lines().last().unwrap();
    assert!(key.starts_with("AGE-SECRET-KEY-"));
    for (wrong, said) in [
        (format!("\"{key}\""), "public keys of age begin with age1"),
        (format!("[\"{public}\", \"{key}\"]"), "public keys of age begin with age1"),
        ("[]".to_owned(), "public keys of age begin with age1"),
        ("7".to_owned(), "public keys of age begin with age1"),
        (format!("\"{}x\"", &public[..40]), "dead_letters_to"),
    ] {
        configure(&setting, "archive", &format!("dead_letters_to = {wrong}"));
        for command in ["run", "check"] {
            let refused = setting.run(command, &[]);
            refused.assert(2, &[said]);
            assert!(!refused.err.contains(key) && !refused.out.contains(key), "{refused:?}");
        }
    }
    assert!(!setting.archive().exists());

    // And decrypting needs the right one: another opens nothing.
    configure(&setting, "archive", &format!("dead_letters_to = \"{public}\""));
    setting.run("run", &[]).assert(3, &[]);
    let letter = letters(&setting.archive()).into_values().next().unwrap();
    let letter: Value = serde_json::from_slice(&letter).unwrap();
    let other = setting.folder.path().join("other-auditor.key");
    ended(Command::new("age-keygen").arg("-o").arg(&other).output().unwrap()).assert(0, &[]);
    let mut age = Command::new("age").args(["--decrypt", "-i"]).arg(&other).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    age.stdin.take().unwrap().write_all(letter["encrypted"].as_str().unwrap().as_bytes()).unwrap();
    assert!(!age.wait().unwrap().success());
}
