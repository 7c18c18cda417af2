//! Archives of other mails than transcripts: run, verified, rebuilt and exported as these.

use std::{ffi::OsStr, path::Path, process::Command};

use jabber_archive_core::{Conversation, journaled_mail};

use crate::program::{Setting, conversations};

#[test]
fn an_export_as_zip_names_files_for_review_tools_as_these_know_them() {
    let setting = Setting::new(68, 60);
    setting.configure(|text| text.replace("[converter]", "[converter]\nmode = \"rsmf\""));
    let report = setting.run("run", &["--json"]).assert(3, &[]).json();
    let out = setting.folder.path().join("out.zip");
    setting.run("export", &["--to", "zip", "--out", out.to_str().unwrap()]).assert(0, &[]);
    let list = Command::new("unzip").arg("-Z1").arg(&out).output().unwrap();
    let names = String::from_utf8(list.stdout).unwrap();
    let mails: Vec<_> = names.lines().filter(|name| name.starts_with("mails/")).collect();
    assert_eq!(report["items"], mails.len());
    assert!(mails.iter().all(|name| Path::new(name).extension() == Some(OsStr::new("rsmf"))), "{mails:?}");
}

#[test]
fn whatever_the_mails_are_an_archive_holds_the_same_conversations() {
    let setting = Setting::new(67, 250);
    let mut expected = None;
    for (mode, per_message, journal) in [
        ("mode = \"transcript\"", false, false),
        ("mode = \"per-message\"", true, false),
        ("journal = true", false, true),
        ("mode = \"per-message\"\njournal = true", true, true),
        ("mode = \"rsmf\"", false, false),
        ("mode = \"rsmf\"\njournal = true", false, true),
    ] {
        setting.configure(|text| text.replace("[converter]", &format!("[converter]\n{mode}")));
        let report = setting.run("run", &["--json"]).assert(3, &[]).json();
        assert_eq!(report["messages"], setting.office.truth().len());
        assert_eq!(report["items"] == report["messages"], per_message, "{mode}");
        let verified = setting.run("verify", &["--json"]).assert(0, &[]).json();
        assert_eq!(verified["items"], report["items"], "{mode}");

        let mut rebuilt: Vec<Conversation> = Vec::new();
        for mails in conversations(&setting.archive()) {
            let mails: Vec<&[u8]> = mails.iter().map(|mail| if journal { journaled_mail(mail).unwrap() } else { mail }).collect();
            rebuilt.push(Conversation::from_mails(&mails).unwrap());
        }
        rebuilt.sort_by_key(|conversation| (conversation.window, conversation.key.clone()));

        // What is asked for is judged by the mail, in a report too: each message of a conversation between two, of one person.
        let person = rebuilt.iter().find(|conversation| conversation.kind.to_string() == "one-to-one").unwrap().participants[0].clone();
        let asked = |conversation: &&Conversation| {
            conversation.kind.to_string() == "one-to-one" && conversation.participants.iter().any(|other| other.party == person.party)
        };
        let messages: usize = rebuilt.iter().filter(asked).map(|conversation| conversation.messages.len()).sum();
        let out = setting.folder.path().join("out.mbox");
        let arguments =
            ["--to", "mbox", "--out", out.to_str().unwrap(), "--json", "--kind", "one-to-one", "--person", &person.party.to_string()];
        let exported = setting.run("export", &arguments).assert(0, &[]).json();
        assert_eq!((&exported["messages"], &exported["refused"]), (&messages.into(), &serde_json::json!([])), "{mode}");
        std::fs::remove_file(&out).unwrap();
        std::fs::remove_dir_all(setting.archive()).unwrap();

        assert!(expected.get_or_insert_with(|| rebuilt.clone()) == &rebuilt, "{mode}");
    }
}
