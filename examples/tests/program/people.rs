//! Who the people are, and what becomes of those whom nobody knows.

use std::{collections::BTreeMap, fs, path::Path};

use jabber_archive_core::{Address, Conversation, Participant, Party};

use crate::program::{Setting, content, conversations};

fn directory(setting: &Setting, line: &str) {
    setting.configure(|text| text.replace("csv = \"users.csv\"", &format!("csv = \"users.csv\"\n{line}")));
}

/// Whether no mail reaches them; a room is no person.
fn is_unreached(person: &Participant) -> bool {
    matches!(person.address, Address::Unmapped(_)) && !person.party.is_room()
}

#[test]
fn mails_with_people_without_an_address_go_to_the_catch_all_and_no_others() {
    let setting = Setting::new(81, 200);
    directory(&setting, "catch_all = \"archive@example.com\"");
    setting.run("run", &[]).assert(3, &[]);
    let (mut caught, mut others) = (0, 0);
    for mails in conversations(&setting.archive()) {
        let conversation = Conversation::from_mails(&mails).unwrap();
        let unreached = conversation.participants.iter().any(is_unreached);
        for mail in &mails {
            let mail = String::from_utf8_lossy(mail);
            let head = mail.split("\r\n\r\n").next().unwrap();
            assert_eq!(head.contains("\"Participants without an address\""), unreached, "{head}");
            assert_eq!(mail.matches("archive@example.com").count(), usize::from(unreached), "in `To` and nowhere else");
            *if unreached { &mut caught } else { &mut others } += 1;
        }
    }
    assert!(caught > 0 && others > 0);

    directory(&setting, "catch_all = \"the archive\"");
    for name in ["check", "run"] {
        setting.run(name, &[]).assert(2, &["catch_all", "`the archive` is no address", "archive@example.com"]);
    }
}

/// The lines of the directory without those that begin so.
fn without(setting: &Setting, start: &str) -> String {
    let csv = fs::read_to_string(setting.folder.path().join("users.csv")).unwrap();
    csv.split_inclusive('\n').filter(|line| !line.starts_with(start)).collect()
}

#[test]
fn who_has_no_address_is_listed_with_counts_as_a_directory_to_be_filled_in() {
    let setting = Setting::new(82, 300);
    fs::write(setting.folder.path().join("users.csv"), without(&setting, "pat\\20o\\27brien@")).unwrap();
    let list = setting.folder.path().join("unmapped.csv");
    let list = list.to_str().unwrap();
    let report = setting.run("run", &["--json", "--unmapped", list]).assert(3, &[]).json();
    assert_eq!(report["unmapped_file"], list);

    let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for mails in conversations(&setting.archive()) {
        let conversation = Conversation::from_mails(&mails).unwrap();
        for person in conversation.participants.iter().filter(|person| is_unreached(person)) {
            let counted = expected.entry(person.party.to_string()).or_default();
            *counted = (counted.0 + 1, counted.1 + conversation.messages.len() as u64);
            if let Party::User(jid) = &person.party
                && jid.as_str().starts_with("pat\\20")
            {
                let mail = String::from_utf8_lossy(&mails[0]).into_owned();
                assert!(
                    mail.contains("pat o'brien") && mail.contains("pat\\20o\\27brien@im.example.com"),
                    "the name unescaped, beside the JID"
                );
            }
        }
    }
    let listed: Vec<(String, (u64, u64))> = report["unmapped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["party"].as_str().unwrap().to_owned(), (row["conversations"].as_u64().unwrap(), row["messages"].as_u64().unwrap())))
        .collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeMap<_, _>>(), expected);
    assert!(listed.is_sorted_by(|(_, before), (_, behind)| before.1 >= behind.1), "most messages first: {listed:?}");

    let csv = fs::read_to_string(list).unwrap();
    let (conversations, messages) = expected["pat\\20o\\27brien@im.example.com"];
    assert!(csv.starts_with("jid,email,name,conversations,messages\n"));
    assert!(csv.contains(&format!("\npat\\20o\\27brien@im.example.com,,pat o'brien,{conversations},{messages}\n")), "{csv}");
    setting.run("run", &["--unmapped", list]).assert(2, &["unmapped.csv: it is there already", "name a new file"]);
    assert_eq!(fs::read_to_string(list).unwrap(), csv, "somebody may have begun to fill it in");

    // Filled in, it is a directory.
    fs::write(setting.folder.path().join("users.csv"), csv.replace(",,", ",somebody@example.com,")).unwrap();
    setting.configure(|text| text.replace("path = \"archive\"", "path = \"again\""));
    let again = setting.run("run", &["--json"]).assert(3, &[]).json();
    let jids: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    let still: Vec<&str> = again["unmapped"].as_array().unwrap().iter().map(|row| row["party"].as_str().unwrap()).collect();
    assert!(jids.len() > 2 && jids.iter().all(|jid| !still.contains(jid)), "{still:?}");
}

#[test]
fn the_first_are_named_and_a_file_tells_of_all_before_anything_is_archived() {
    let setting = Setting::new(83, 300);
    fs::write(setting.folder.path().join("users.csv"), without(&setting, "pat\\20o\\27brien@")).unwrap();
    setting.run("check", &[]).assert(3, &["people without an address", "--unmapped FILE"]);
    let list = setting.folder.path().join("unmapped.csv");
    setting
        .run("check", &["--unmapped", list.to_str().unwrap()])
        .assert(3, &["unmapped.csv: fill in the addresses", "nothing was archived; the archive"]);
    assert!(fs::read_to_string(&list).unwrap().starts_with("jid,email,name,"));
    assert!(!setting.archive().exists());

    let missing = setting.folder.path().join("no/folder.csv");
    let failed = setting.run("run", &["--unmapped", missing.to_str().unwrap()]);
    failed.assert(1, &["write --unmapped", "no/folder.csv", "people without an address: ", "head digest "]);
    setting.run("verify", &[]).assert(0, &[]);
    fs::remove_dir_all(setting.archive()).unwrap();
    let shown = setting.run("run", &[]);
    shown.assert(3, &["people without an address: ", "pat\\20o\\27brien@im.example.com, that is pat o'brien@im.example.com (", "and "]);
}

#[test]
fn a_directory_may_name_jids_as_people_write_them() {
    let setting = Setting::new(84, 300);
    setting.run("run", &[]).assert(3, &[]);
    let items = |folder: &Path| content(folder).into_iter().filter(|(path, _)| path.starts_with("items/")).collect::<Vec<_>>();
    let expected = items(&setting.archive());
    let csv = fs::read_to_string(setting.folder.path().join("users.csv")).unwrap();
    let read = csv.replace("pat\\20o\\27brien@", "Pat O'Brien@").replace("kim\\40example.com@", "kim@example.com@");
    assert_ne!(read, csv);
    fs::write(setting.folder.path().join("users.csv"), read).unwrap();
    fs::remove_dir_all(setting.archive()).unwrap();
    setting.run("run", &[]).assert(3, &[]);
    assert!(items(&setting.archive()) == expected);
}
