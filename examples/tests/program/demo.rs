//! The demonstration, and the proof that it leaves behind.

use std::{fs, process::Command};

use jabber_archive_sql::testing::{Office, TrueMessage};
use mail_parser::MessageParser;

use crate::{
    grammar,
    program::{content, files, program},
};

fn demo(out: &str, messages: &str) -> serde_json::Value {
    let ran = program(&["demo", "--out", out, "--messages", messages, "--seed", "11", "--json"]);
    ran.assert(0, &[]).json()
}

#[test]
fn the_demo_archives_what_the_company_wrote_and_adds_nothing_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let first = demo(out.to_str().unwrap(), "400");
    let office = Office::new(11, 400);
    assert_eq!(first["messages"], office.truth().len());
    let skipped: u64 = office.skipped().values().sum();
    assert_eq!(first["skipped"].as_object().unwrap().values().map(|rows| rows.as_u64().unwrap()).sum::<u64>(), skipped);
    assert!(first["head"].is_string());

    let before = files(&out);
    let second = demo(out.to_str().unwrap(), "400");
    assert_eq!((&second["seals"], &second["messages"]), (&0.into(), &0.into()));
    assert_eq!(files(&out), before, "the second demo wrote something");
}

/// A message as its transcript shows it: day, time of day, text, and the subject and the files that came with it.
type Shown = (String, String, String, Vec<String>);

/// Control characters are shown as their pictures.
fn picture(char: char) -> char {
    match char {
        '\t' | '\n' => char,
        '\0'..='\x1f' => char::from_u32(0x2400 + char as u32).unwrap(),
        '\x7f' => '\u{2421}',
        '\u{85}' | '\u{2028}' | '\u{2029}' => '\u{2424}',
        '\u{80}'..='\u{9f}' => '\u{fffd}',
        char => char,
    }
}

fn as_shown(message: &TrueMessage) -> Shown {
    let time = message.sent.to_string();
    let (day, time) = time.split_once('T').unwrap();
    // In a line of ours `: ` ends a name, so that a ratio stands for the colon.
    let subject = message.subject.iter().map(|subject| format!("Subject: {subject}"));
    let files = message.files.iter().map(|file| format!("File: {file}"));
    (day.to_owned(), format!("{}Z", &time[..8]), message.body.chars().map(picture).collect(), subject.chain(files).collect())
}

/// A line about a file without what stands in parentheses: size and digest, where they are known.
fn without_facts(line: &str) -> String {
    match line.strip_prefix("File (").and_then(|file| file.split_once("): ")) {
        Some((_, name)) => format!("File: {name}"),
        None => line.to_owned(),
    }
}

#[test]
fn every_message_stands_in_the_mails_as_it_was_said_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    demo(out.to_str().unwrap(), "700");
    let mut shown: Vec<Shown> = Vec::new();
    for (path, content) in files(&out).iter().filter(|(path, _)| path.starts_with("items/")) {
        let mail = MessageParser::default().parse(&content[..]).unwrap();
        let body = grammar::read(&mail.body_text(0).unwrap_or_else(|| panic!("{path} has no text")));
        shown.extend(body.messages.into_iter().map(|said| {
            let with = said.with.iter().map(|line| without_facts(line)).collect();
            (said.day, said.time, said.text, with)
        }));
    }
    let mut said: Vec<Shown> = Office::new(11, 700).truth().iter().map(as_shown).collect();
    shown.sort();
    said.sort();
    for (shown, said) in shown.iter().zip(&said) {
        assert_eq!(shown, said);
    }
    assert_eq!(shown.len(), said.len());
}

#[test]
fn a_demo_of_another_company_does_not_go_on_with_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    demo(out.to_str().unwrap(), "120");
    let before = files(&out);
    for (messages, seed) in [("120", "12"), ("121", "11")] {
        let refused = program(&["demo", "--out", out.to_str().unwrap(), "--messages", messages, "--seed", seed]);
        refused.assert(1, &[&format!("name is demo-11-120 there and demo-{seed}-{messages} here")]);
    }
    assert_eq!(files(&out), before);
}

#[test]
fn two_demos_have_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    demo(one.to_str().unwrap(), "300");
    demo(other.to_str().unwrap(), "300");
    let content_of_one = content(&one);
    assert!(content_of_one.len() > 20);
    assert!(content_of_one == content(&other));
}

#[test]
fn the_demo_says_where_to_look_and_what_to_try() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ran = program(&["demo", "--out", out.to_str().unwrap(), "--messages", "150"]);
    ran.assert(0, &["rows", "folded", "skipped", "messages", "mails", "bytes", "seconds", "/items", "verify --archive", "sealed"]);
    let head = ran.out.lines().find_map(|line| line.strip_prefix("head digest ")).unwrap();
    program(&["verify", "--archive", out.to_str().unwrap(), "--expect", head]).assert(0, &["as they were archived"]);
    program(&["status", "--archive", out.to_str().unwrap()]).assert(0, &["archive `demo-1-150`", "archived until 2026-11-21", head]);
}

const SCRIPT: &str = r#"
import email, sys
from email import policy
from pathlib import Path

count = 0
for path in Path(sys.argv[1]).rglob("*.eml"):
    mail = email.message_from_bytes(path.read_bytes(), policy=policy.default)
    defects = [defect for part in mail.walk() for defect in part.defects]
    defects += [defect for part in mail.walk() for _, value in part.items() for defect in getattr(value, "defects", ())]
    assert not defects, (path, defects)
    assert mail.get_body(("plain",)).get_content().rstrip().splitlines()[-1], path
    count += 1
print(count)
"#;

#[test]
fn every_mail_is_without_a_defect_to_two_other_parsers() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let report = demo(out.to_str().unwrap(), "400");
    let files = files(&out);
    let mails: Vec<_> = files.iter().filter(|(path, _)| path.starts_with("items/")).collect();
    assert_eq!(report["items"], mails.len());
    for (path, content) in &mails {
        let mail = MessageParser::default().parse(&content[..]).unwrap();
        assert!(mail.parts.iter().all(|part| !part.is_encoding_problem), "{path}");
        assert!(mail.body_text(0).unwrap().contains("Cisco Jabber archive"), "{path}");
        assert!(mail.body_html(0).unwrap().contains("Cisco Jabber archive"), "{path}");
        assert!(path.ends_with(&format!("/{}.eml", mail.message_id().unwrap().split('@').next().unwrap())), "{path}");
    }
    let python = Command::new("python3").args(["-c", SCRIPT]).arg(&out).output().expect("python3 is installed by .ci/test");
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    assert_eq!(String::from_utf8(python.stdout).unwrap().trim(), mails.len().to_string());
}

#[test]
fn whatever_is_changed_removed_or_added_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let report = demo(out.to_str().unwrap(), "120");
    let head = report["head"].as_str().unwrap();
    let archive = out.to_str().unwrap();
    let verify = || program(&["verify", "--archive", archive, "--expect", head, "--json"]);
    verify().assert(0, &[]);
    let named = |path: &str| {
        let found = verify().assert(3, &[]).json();
        let problems = found["problems"].as_array().unwrap().clone();
        // That the last entry is missing shows in the one before.
        let names = |problem: &serde_json::Value| problem["path"] == path || problem["fault"].to_string().contains(path);
        assert!(problems.iter().any(names), "{path} is not among {problems:?}");
    };
    let all = files(&out);
    // One of each kind, and every entry; the crate's own tests take every file.
    let mut spoiled: Vec<&String> = all.keys().filter(|path| path.starts_with("ledger/0") || *path == "archive.json").collect();
    for kind in ["items/", "ledger/lists/", "context/"] {
        spoiled.extend(all.keys().filter(|path| path.starts_with(kind)).take(2));
    }
    for path in spoiled {
        let file = out.join(path);
        let mut bytes = all[path].clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, &bytes).unwrap();
        named(path);
        fs::remove_file(&file).unwrap();
        named(path);
        fs::write(&file, &all[path]).unwrap();
    }
    let mail = all.keys().find(|path| path.starts_with("items/")).unwrap();
    let added = format!("{}/aaaaaaaaaaaaaaaaaaaaaaaaaa.eml", mail.rsplit_once('/').unwrap().0);
    fs::write(out.join(&added), &all[mail]).unwrap();
    named(&added);
    fs::remove_file(out.join(&added)).unwrap();
    verify().assert(0, &[]);
}
