//! Which conversations are archived, as somebody sets it.

use std::fs;

use jabber_archive_core::{Address, Conversation, Party};
use serde_json::Value;

use crate::{
    check::plain,
    program::{Setting, conversations},
};

fn configure(setting: &Setting, filter: &str) {
    setting.configure(|text| text.replace("[converter]", &format!("[filter]\n{filter}\n\n[converter]")));
}

fn archived(setting: &Setting) -> Vec<Conversation> {
    conversations(&setting.archive()).iter().map(|mails| Conversation::from_mails(mails).unwrap()).collect()
}

fn messages(conversations: &[Conversation]) -> usize {
    conversations.iter().map(|conversation| conversation.messages.len()).sum()
}

fn sum(counts: &Value) -> u64 {
    counts.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

fn names(conversation: &Conversation, text: &str) -> bool {
    conversation.participants.iter().any(|person| {
        let mapped = matches!(&person.address, Address::Mapped(address) if address == text);
        mapped || matches!(&person.party, Party::User(jid) if jid.as_str() == text)
    })
}

#[test]
fn only_the_conversations_of_those_who_are_included_are_archived_and_all_others_are_counted() {
    let setting = Setting::new(71, 400);
    setting.run("run", &[]).assert(3, &[]);
    let everything = archived(&setting);
    fs::remove_dir_all(setting.archive()).unwrap();

    fs::write(setting.folder.path().join("in-scope.txt"), "\u{feff}# those under retention\n\n  BJones@im.example.com  \n").unwrap();
    configure(&setting, "include = [\"Alice.Smith@example.com\"]\ninclude_file = \"in-scope.txt\"\nkinds = [\"one-to-one\", \"room\"]");
    let report = setting.run("run", &["--json"]).assert(3, &[]).json();
    let expected: Vec<Conversation> = everything
        .iter()
        .filter(|conversation| ["one-to-one", "room"].contains(&&*conversation.kind.to_string()))
        .filter(|conversation| names(conversation, "alice.smith@example.com") || names(conversation, "bjones@im.example.com"))
        .cloned()
        .collect();
    assert!(!expected.is_empty() && expected.len() < everything.len());
    let mut kept = archived(&setting);
    let mut sorted = expected.clone();
    for list in [&mut kept, &mut sorted] {
        list.sort_by_key(|conversation| (conversation.window, conversation.key.clone()));
    }
    assert!(kept == sorted, "the same conversations, whole");
    assert_eq!(report["messages"], messages(&expected));
    assert_eq!(sum(&report["filtered"]) as usize, messages(&everything) - messages(&expected));
    assert!(report["filtered"]["kind"].as_u64() > Some(0) && report["filtered"]["not-included"].as_u64() > Some(0), "{report}");

    setting.run("verify", &["--expect", report["head"].as_str().unwrap()]).assert(0, &["are as they were archived"]);
    let status = setting.run("status", &["--json"]).assert(0, &[]).json();
    assert_eq!((&status["messages"], &status["filtered"]), (&report["messages"], &report["filtered"]));
    setting.run("status", &[]).assert(0, &["left out by the filter: kind "]);
    setting.run("run", &[]).assert(0, &["nothing to archive"]);
}

#[test]
fn what_is_filtered_is_no_finding() {
    let setting = plain(72);
    let directory = "csv = \"users.csv\"";
    setting.configure(|text| {
        text.replace(directory, "jid_is_email = true").replace("[converter]", "[filter]\nkinds = [\"room\"]\n\n[converter]")
    });
    setting.run("check", &[]).assert(0, &["filter left out of these rows", "kind "]);
    let report = setting.run("run", &["--json"]).assert(0, &[]).json();
    assert_eq!((&report["messages"], &report["items"], &report["findings"]), (&0.into(), &0.into(), &serde_json::json!([])));
    assert!(sum(&report["filtered"]) > 0, "{report}");
    setting.run("verify", &[]).assert(0, &[]);
}

#[test]
fn an_entry_that_cannot_be_meant_is_refused_with_its_place() {
    let setting = Setting::new(73, 100);
    let file = |name: &str, content: &[u8]| fs::write(setting.folder.path().join(name), content).unwrap();
    file("typo.txt", b"# works council\nasmith@im.example.com\nbjones\n");
    file("empty.txt", b"# nobody yet\n\n");
    file("latin.txt", b"m\xfcller@im.example.com\n");
    for (filter, words) in [
        ("include = []", &["[filter] include: there is no entry", "remove the setting"][..]),
        ("kinds = []", &["[filter] kinds: there is no entry"]),
        ("rooms = { exclude = [] }", &["[filter] rooms.exclude: there is no entry"]),
        ("include = [\"asmith\"]", &["[filter] include: `asmith`", "neither a JID, nor an e-mail address, nor a domain"]),
        ("exclude = [\"asmith@im.example.com/jabber_1\"]", &["[filter] exclude", "without a resource"]),
        ("exclude_file = \"typo.txt\"", &["typo.txt: line 3", "neither a JID"]),
        ("exclude_file = \"empty.txt\"", &["empty.txt: there is no entry"]),
        ("include_file = \"latin.txt\"", &["latin.txt: the file is not UTF-8"]),
        ("include_file = \"nobody.txt\"", &["nobody.txt: the file cannot be read", "`include_file`"]),
        ("include = [\"a@b.example\"]\nexclude = [\"A@b.example\"]", &["`a@b.example`: both included and excluded"]),
        ("rooms = { include = [\"a@b.example\"] }\nkinds = [\"one-to-one\"]", &["`rooms`: rooms are named"]),
        ("kinds = [\"group\"]", &["`group`", "`one-to-one`"]),
        ("includes = [\"a@b.example\"]", &["no key `includes`", "did you mean `include`?"]),
        ("rooms = { includ = [\"a@b.example\"] }", &["no key `includ`", "did you mean `include`?"]),
    ] {
        configure(&setting, filter);
        for name in ["check", "run"] {
            setting.run(name, &[]).assert(2, words);
        }
    }
    assert!(!setting.archive().join("archive.json").exists());
}

#[test]
fn check_names_the_entries_that_nobody_is_known_by() {
    let setting = Setting::new(74, 200);
    configure(
        &setting,
        "include = [\"im.example.com\", \"alice.smith@example.com\", \"dave@partner.example\"]\nexclude = [\"bjoness@im.example.com\"]\n\
         rooms = { exclude = [\"ops815@conference-2-standaloneclusterab12c.im.example.com\", \"ops851@conference.im.example.com\"] }",
    );
    let checked = setting.run("check", &["--json"]).assert(3, &[]).json();
    let unknown: Vec<&str> = checked["unknown_entries"].as_array().unwrap().iter().map(|entry| entry.as_str().unwrap()).collect();
    let expected = ["ops851@conference.im.example.com", "bjoness@im.example.com"];
    assert_eq!(unknown.iter().filter(|entry| **entry != "dave@partner.example").copied().collect::<Vec<_>>(), expected);
    setting.run("check", &[]).assert(3, &["entries of the filter that name nobody", "bjoness@im.example.com"]);
}
