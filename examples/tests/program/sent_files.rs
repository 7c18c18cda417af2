//! Files that were sent, from a folder or a server into mails and beside them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use jabber_archive_core::{Conversation, Digest, FileContent};
use jabber_archive_files::{SENTINEL, testing::Sshd};
use jabber_archive_sql::testing::Value;
use mail_parser::{MessageParser, MimeHeaders};

use crate::program::{Setting, command, conversations, files};

/// What the office's log of transfers calls its file store.
const LOGGED: &str = "/opt/mftFileStore";

/// A company whose files lie in a folder `mft` beside the configuration, which has this `[files]`.
fn setting(seed: u64, messages: usize, files: impl FnOnce(&Path) -> String) -> Setting {
    let setting = Setting::new(seed, messages);
    let store = store(&setting);
    for file in setting.office.stored_files() {
        let place = store.join(file.path.strip_prefix(LOGGED).unwrap().trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, file.content()).unwrap();
    }
    fs::write(store.join(SENTINEL), "").unwrap();
    let files = files(&store);
    setting.configure(|text| format!("{text}\n[files]\n{files}"));
    setting
}

fn store(setting: &Setting) -> PathBuf {
    let store = setting.folder.path().join("mft");
    fs::create_dir_all(&store).unwrap();
    store
}

fn folder(store: &Path) -> String {
    format!("kind = \"folder\"\nroots = [{{ logged = \"{LOGGED}\", place = \"{}\" }}]\n", store.display())
}

/// How many messages sent a file of each fate: stored, logged under no name, gone, logged without a path; see the office's scene.
fn fates(setting: &Setting) -> (u64, u64) {
    let sent: Vec<bool> = setting.office.truth().iter().flat_map(|message| &message.stored).map(Option::is_some).collect();
    (sent.len() as u64, sent.iter().filter(|stored| **stored).count() as u64)
}

/// Every file is in a mail or beside it, as it lies in the store, and those that do not lie there are told.
fn assert_archived(setting: &Setting) {
    let mut attached: BTreeMap<Digest, Vec<u8>> = BTreeMap::new();
    let archived = files(&setting.archive());
    for content in archived.iter().filter(|(path, _)| path.starts_with("items/")).map(|(_, content)| content) {
        let mail = MessageParser::default().parse(content).unwrap();
        for part in mail.attachments().filter(|part| part.attachment_name() != Some("conversation.json")) {
            attached.insert(Digest::of(part.contents()), part.contents().to_vec());
        }
    }
    let mut seen = BTreeSet::new();
    for parts in conversations(&setting.archive()) {
        for message in Conversation::from_mails(&parts).unwrap().messages {
            for file in message.files {
                let Some(truth) =
                    setting.office.truth().iter().find(|truth| truth.stanza_id == message.stanza_id && !truth.files.is_empty())
                else {
                    panic!("nobody sent {}", file.name)
                };
                match (&truth.stored[0], file.content()) {
                    (Some(stored), FileContent::Stored | FileContent::Read(_)) => {
                        let digest = Digest::of(&stored.content());
                        assert_eq!((file.size, file.digest), (Some(stored.size), Some(digest)));
                        let object = archived.get(&format!("attachments/{digest}"));
                        let found = if file.content() == FileContent::Stored { object } else { attached.get(&digest) };
                        assert!(found.is_some_and(|found| *found == stored.content()), "{}", stored.path);
                        seen.insert(digest);
                    }
                    (None, FileContent::Missing | FileContent::Unread) => {}
                    (stored, content) => panic!("{content:?} of {stored:?}"),
                }
            }
        }
    }
    assert_eq!(seen.len() as u64, fates(setting).1);
    assert_eq!(attached.len() + archived.keys().filter(|path| path.starts_with("attachments/")).count(), seen.len());
}

#[test]
fn files_of_a_folder_are_attached_or_beside_the_mails_and_the_others_are_findings() {
    let setting = setting(31, 1_600, folder);
    let (sent, stored) = fates(&setting);
    assert!(sent >= 6, "{sent}");
    setting.run("check", &[]).assert(3, &["files  ", ": can be read", "table  aft_log       readable; dated"]);
    let report = setting.run("run", &["--json"]).assert(3, &[]).json();
    assert_eq!(report["files"], stored);
    let count = |finding: &str| -> u64 {
        let findings = report["findings"].as_array().unwrap().iter().filter(|found| found["finding"] == finding);
        findings.map(|found| found["files"].as_u64().unwrap()).sum()
    };
    // In turn: logged, logged under another name, not logged, gone, logged without a path.
    assert_eq!(count("unlogged-file"), (sent + 2) / 5);
    assert_eq!(count("missing-file"), (sent + 1) / 5);
    assert_eq!(count("unlocated-file"), sent / 5);
    assert_eq!(count("file-size"), 0);
    assert_archived(&setting);

    let objects = files(&setting.archive()).keys().filter(|path| path.starts_with("attachments/")).count();
    assert!(objects > 0, "one of the files is too large for memory");
    let verified = setting.run("verify", &["--json"]).assert(0, &[]).json();
    assert_eq!((&verified["attachments"], &verified["problems"]), (&objects.into(), &serde_json::json!([])));

    let out = setting.folder.path().join("all");
    setting.run("export", &["--to", "maildir", "--out", out.to_str().unwrap()]).assert(0, &[]);
    let exported = files(&out);
    let small = setting.office.stored_files().find(|file| file.size < 1 << 20).unwrap().content();
    assert!(
        exported.values().any(|mail| { MessageParser::default().parse(mail).unwrap().attachments().any(|part| part.contents() == small) })
    );
}

#[test]
fn a_second_run_and_another_archive_of_the_same_files_have_the_same_bytes() {
    let setting = setting(32, 600, folder);
    setting.run("run", &[]).assert(3, &["attached, or in attachments"]);
    let first = crate::program::content(&setting.archive());
    setting.run("run", &[]).assert(0, &["nothing to archive"]);
    let text = fs::read_to_string(setting.config()).unwrap();
    fs::write(setting.config(), text.replace("path = \"archive\"", "path = \"again\"")).unwrap();
    setting.run("run", &[]).assert(3, &[]);
    assert!(crate::program::content(&setting.folder.path().join("again")) == first);
}

#[test]
fn a_store_that_is_gone_stops_the_run_with_1_and_the_next_one_goes_on() {
    let setting = setting(33, 300, folder);
    fs::remove_file(store(&setting).join(SENTINEL)).unwrap();
    let said = &["it has no file `.jabber-archive-root`", "check that it is mounted"];
    setting.run("check", &[]).assert(3, said);
    setting.run("run", &[]).assert(1, said);
    let archived = files(&setting.archive());
    assert!(!archived.keys().any(|path| path.starts_with("dead-letters/")), "no conversation is to blame");
    fs::write(store(&setting).join(SENTINEL), "").unwrap();
    setting.run("run", &[]).assert(3, &[]);
    assert_archived(&setting);
    setting.run("verify", &[]).assert(0, &[]);
}

#[test]
fn files_of_a_server_are_archived_too_and_a_server_that_is_not_known_is_refused_with_2() {
    let Some(sshd) = Sshd::start() else { return };
    let sftp = |host_key: &str| {
        let (key, port, user) = (sshd.folder().join("user_key"), sshd.port(), Sshd::user());
        let how = format!("host = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\nkey = \"{}\"\n{host_key}\n", key.display());
        move |store: &Path| format!("{}{how}", folder(store).replace("\"folder\"", "\"sftp\""))
    };
    let setting = setting(34, 600, sftp(&format!("host_key = \"{}\"", sshd.fingerprint())));
    setting.run("check", &[]).assert(3, &["files  sftp://", ": can be read"]);
    let report = setting.run("run", &["--json"]).assert(3, &[]).json();
    assert_eq!(report["files"], fates(&setting).1);
    assert_archived(&setting);

    fs::write(setting.folder.path().join("known_hosts"), "").unwrap();
    let store = store(&setting);
    setting.configure(|text| format!("{text}\n[files]\n{}", sftp("known_hosts = \"known_hosts\"")(&store)));
    setting.run("check", &[]).assert(2, &["the server cannot be trusted", &sshd.fingerprint(), "ssh-keyscan -p"]);
}

#[test]
fn a_file_far_larger_than_memory_is_archived_whole_in_a_little_of_it() {
    const SIZE: u64 = 400_000_000;
    let setting = setting(36, 60, folder);
    let sent = || Value::time("2026-11-20T10:00:00Z".parse().unwrap());
    let text = Value::text;
    let stanza = "<message id='large'><body>x</body><advanced-file-transfer><filename>large.iso</filename>\
                  <url>https://imp/files/large.iso</url></advanced-file-transfer></message>";
    let (length, none) = (Value::Int(1), || Value::Null);
    let jm = ["bob@example.com", "alice@example.com/x"].map(text).into_iter().chain([sent(), none(), none(), text("c"), text("I")]);
    let jm = jm.chain([length.clone(), length, text("x"), text(stanza), none(), none(), text("N")]);
    setting.database.insert("jm", vec![jm.collect()]);
    let path = format!("{LOGGED}/large.iso");
    let log = [Value::Int(9_999), text("alice@example.com"), text("bob@example.com"), text("Post"), text("large.iso"), text("large.iso")];
    let log =
        log.into_iter().chain([none(), none(), none(), text(path.as_str()), Value::Int(SIZE as i64), Value::Int(SIZE as i64), sent()]);
    setting.database.insert("aft_log", vec![log.collect()]);
    fs::File::create(store(&setting).join("large.iso")).unwrap().set_len(SIZE).unwrap();

    let mut child = command().arg("run").arg("--config").arg(setting.config()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let code = loop {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0_u64));
        if let Some(code) = child.try_wait().unwrap() {
            break code;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert_eq!(code.code(), Some(3));
    println!("at most {} MiB", peak >> 10);
    assert!(peak > 0 && peak < 200 << 10, "{peak} kB");
    let sizes = fs::read_dir(setting.archive().join("attachments")).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    assert!(sizes.collect::<Vec<_>>().contains(&SIZE));
}

#[test]
fn settings_of_files_that_do_not_belong_together_are_refused_by_name() {
    let setting = Setting::new(35, 60);
    let roots = "roots = [{ logged = \"/opt/mft\" }]\n";
    let server = "kind = \"sftp\"\nhost = \"files1\"\nuser = \"archive\"\n";
    for (files, words) in [
        ("kind = \"folder\"\nroots = []\n".to_owned(), "[files]: `roots` is empty"),
        (format!("kind = \"folder\"\n{roots}host = \"files1\"\n"), "`host` has no meaning with kind = \"folder\""),
        ("kind = \"folder\"\nroots = [{ logged = \"opt/mft\" }]\n".to_owned(), "roots: `opt/mft` is no root"),
        (format!("kind = \"sftp\"\n{roots}"), "it takes `host` and `user`"),
        (format!("{server}{roots}"), "it does not say how to sign in"),
        (format!("{server}{roots}key = \"k\"\n"), "it does not say how the server is known"),
        (
            format!("{server}{roots}key = \"k\"\npassword = {{ env = \"JABBER_TEST_PASSWORD\" }}\n"),
            "`key` and `password` exclude each other",
        ),
        (format!("{server}{roots}key = \"k\"\nhost_key = \"16:27\"\n"), "host_key: it is no fingerprint"),
        (format!("kind = \"folder\"\n{roots}sentinal = \"x\"\n"), "sentinel"),
    ] {
        setting.configure(|text| format!("{text}\n[files]\n{files}"));
        setting.run("run", &[]).assert(2, &[words]);
        assert!(!setting.archive().exists(), "{files}");
    }
}
