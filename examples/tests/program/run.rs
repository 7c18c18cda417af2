//! A database that is configured, checked, archived and compared with the truth.

use std::collections::BTreeSet;

use jabber_archive_core::{Conversation, Participant, Party};

use crate::program::{Setting, content, conversations, files};

#[test]
fn every_message_is_archived_as_it_was_said() {
    let setting = Setting::new(21, 600);
    let report = setting.run("run", &["--json"]).assert(3, &[]).json();
    assert_eq!(report["messages"], setting.office.truth().len());
    let several = setting.office.truth().iter().filter(|message| message.copies > 1).count();
    assert_eq!((&report["spread"]["messages"], &report["late"]), (&several.into(), &serde_json::json!([])));
    let rows: u64 = ["jm", "tc_msgarchive", "tc_timelog"].iter().map(|table| setting.office.rows()[*table]).sum();
    // Presence before the first window is read for who is inside, and belongs to no window that is sealed.
    assert!(report["rows"].as_u64().unwrap() <= rows && report["rows"].as_u64().unwrap() > rows * 9 / 10);

    let mut archived = Vec::new();
    for parts in conversations(&setting.archive()) {
        let conversation = Conversation::from_mails(&parts).unwrap();
        for message in conversation.messages {
            let recipients: BTreeSet<Party> = message.recipients.iter().cloned().collect();
            let files: Vec<String> = message.files.iter().map(|file| file.name.clone()).collect();
            archived.push((
                message.key.start,
                conversation.key.clone(),
                message.stanza_id.clone(),
                message.sender.clone(),
                message.body.clone(),
                recipients,
                files,
                message.copies,
            ));
            assert!(
                conversation.participants.iter().any(|participant: &Participant| participant.party == message.sender && participant.sent)
            );
        }
    }
    let mut said: Vec<_> = setting
        .office
        .truth()
        .iter()
        .map(|message| {
            (
                message.sent,
                message.conversation.clone(),
                message.stanza_id.clone(),
                message.sender.clone(),
                message.body.clone(),
                message.recipients.clone(),
                message.files.clone(),
                message.copies,
            )
        })
        .collect();
    archived.sort();
    said.sort();
    for (archived, said) in archived.iter().zip(&said) {
        assert_eq!(archived, said);
    }
    assert_eq!(archived.len(), said.len());
}

#[test]
fn a_run_with_nothing_to_do_writes_nothing_and_is_done() {
    let setting = Setting::new(23, 200);
    let first = setting.run("run", &["--json"]).assert(3, &[]).json();
    let before = files(setting.folder.path());
    setting.run("run", &[]).assert(0, &["nothing to archive", first["head"].as_str().unwrap()]);
    assert!(files(setting.folder.path()) == before);
    setting.run("verify", &["--expect", first["head"].as_str().unwrap()]).assert(0, &["are as they were archived"]);
    let status = setting.run("status", &["--json"]).assert(0, &[]).json();
    assert_eq!((&status["messages"], &status["head"]), (&first["messages"], &first["head"]));
    assert_eq!(status["facts"]["name"], "test");
}

#[test]
fn how_late_rows_came_and_how_far_copies_are_apart_is_told() {
    let setting = Setting::new(25, 300);
    setting.configure(|text| text + "late_windows = 100\n");
    let rows: Vec<_> = setting.database.table("jm").unwrap().read().collect();
    let mut place = 0..;
    setting.database.retain("jm", |_| place.next().is_none_or(|place| !(100..130).contains(&place)));
    setting.run("run", &[]).assert(3, &["copies of ", " s apart at most in 99 of 100 cases, "]);
    setting.database.insert("jm", rows[100..115].to_vec());
    let first = setting.run("run", &["--json"]).json();
    let late = first["late"].as_array().unwrap();
    assert_eq!(late.iter().map(|late| late["rows"].as_u64().unwrap()).sum::<u64>(), 15, "{late:?}");
    assert_eq!(late.iter().map(|late| late["messages"].as_u64().unwrap()).sum::<u64>(), first["added"].as_u64().unwrap());
    setting.database.insert("jm", rows[115..130].to_vec());
    let second = setting.run("run", &[]);
    assert!(second.out.contains(" h after their date or earlier") && second.out.contains("late: "), "{second:?}");
}

#[test]
fn the_bytes_do_not_depend_on_how_the_source_is_read() {
    let setting = Setting::new(24, 400);
    setting.run("run", &[]).assert(3, &[]);
    let expected = content(&setting.archive());
    let spool = setting.folder.path().join("spool");
    std::fs::create_dir(&spool).unwrap();
    for (path, run) in [("one", "chunk_windows = 1"), ("narrow", "concurrency = 1\nmemory = \"256KiB\"\nspool = \"spool\"")] {
        setting.configure(|text| text.replace("path = \"archive\"", &format!("path = \"{path}\"")) + run + "\n");
        setting.run("run", &[]).assert(3, &[]);
        assert!(content(&setting.folder.path().join(path)) == expected, "{run}");
    }
    assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 0);
}
