//! The source is changed behind the archive's back, and an audit finds it all.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use jabber_archive_core::{Conversation, ConversationKey, Party, Timestamp};
use jabber_archive_sql::testing::{TrueMessage, Value};
use serde_json::{Value as Json, json};

use crate::program::{Setting, command, files, ran};

/// The columns of `jm` that matter here.
const SENT: usize = 2;
const BODY: usize = 9;
const STANZA: usize = 10;

fn text(value: &Value) -> Option<&str> {
    if let Value::Text(text) = value { Some(text) } else { None }
}

/// Whether a row is a copy of a message.
fn is_copy(row: &[Value], message: &TrueMessage) -> bool {
    let id = format!("id='{}'", message.stanza_id.as_deref().unwrap());
    row.iter().filter_map(text).any(|text| text.contains(&id))
}

/// Messages of two people whose ids are theirs alone and whose rows are all in `jm`, plain and short.
fn plain(setting: &Setting) -> Vec<TrueMessage> {
    let rows: Vec<Vec<Value>> = setting.database.table("jm").unwrap().read().collect();
    let is_plain = |message: &&TrueMessage| {
        let between_users = matches!(message.conversation, ConversationKey::Pair(Party::User(_), Party::User(_)));
        if !between_users || message.stanza_id.is_none() || !message.files.is_empty() || !message.body.is_ascii() {
            return false;
        }
        let copies: Vec<_> = rows.iter().filter(|row| is_copy(row, message)).collect();
        copies.len() == message.copies as usize && copies.iter().all(|row| text(&row[BODY]).is_some_and(|body| body == message.body))
    };
    setting.office.truth().iter().filter(is_plain).cloned().collect()
}

/// A room with some messages, nobody of whom writes to another in private.
fn room(setting: &Setting) -> (String, u64) {
    let mut rooms: BTreeMap<String, u64> = BTreeMap::new();
    let mut private = BTreeSet::new();
    for message in setting.office.truth() {
        match &message.conversation {
            ConversationKey::Room(room) => *rooms.entry(room.to_string()).or_default() += 1,
            ConversationKey::Pair(one, other) => {
                for party in [one, other] {
                    if let Party::Occupant { room, .. } = party {
                        private.insert(room.to_string());
                    }
                }
            }
            other => panic!("{other:?}"),
        }
    }
    rooms.into_iter().filter(|(room, _)| !private.contains(room)).max_by_key(|(_, messages)| *messages).unwrap()
}

/// Rewrites a room's JID wherever a column holds one, as when a cluster is renamed.
fn rename(setting: &Setting, old: &str, new: &str) {
    for table in setting.database.tables() {
        let jids: Vec<bool> = table.columns().iter().map(|(name, _)| name.ends_with("_jid")).collect();
        let rewritten = |(value, is_jid): (Value, &bool)| match &value {
            Value::Text(text) if *is_jid && text.to_lowercase().starts_with(old) => Value::text(format!("{new}{}", &text[old.len()..])),
            _ => value,
        };
        let rows: Vec<Vec<Value>> = table.read().map(|row| row.into_iter().zip(&jids).map(rewritten).collect()).collect();
        setting.database.put(table.rows(rows));
    }
}

fn dated(row: &[Value], sent: Timestamp) -> Vec<Value> {
    let mut row = row.to_vec();
    row[SENT] = Value::time(sent);
    row
}

/// What was found of one kind.
fn of_kind<'j>(audited: &'j Json, kind: &str) -> Vec<&'j Json> {
    audited["discrepancies"].as_array().unwrap().iter().filter(|discrepancy| discrepancy["kind"] == kind).collect()
}

#[test]
fn an_audit_finds_and_names_what_came_late_was_deleted_altered_or_renamed_and_a_repair_leaves_nothing_to_find() {
    let setting = Setting::new(101, 1_200);
    setting.run("audit", &[]).assert(1, &["there is no such folder"]);
    setting.run("run", &[]).assert(3, &[]);
    let clean = setting.run("audit", &["--json"]).assert(0, &[]).json();
    assert_eq!((&clean["messages"], &clean["found"]), (&json!(setting.office.truth().len()), &json!({})));

    let plain = plain(&setting);
    let [deleted, altered, repeated] = [&plain[0], &plain[plain.len() / 2], &plain[plain.len() - 1]];
    assert!(plain.len() > 10);
    let rows: Vec<Vec<Value>> = setting.database.table("jm").unwrap().read().collect();
    // Late: the same words again, an hour later, under another id.
    let hour_later = repeated.sent.before(std::time::Duration::from_hours(1));
    let mut late = dated(rows.iter().find(|row| is_copy(row, repeated)).unwrap(), hour_later);
    late[STANZA] = Value::text(text(&late[STANZA]).unwrap().replace(repeated.stanza_id.as_deref().unwrap(), "late-1"));
    setting.database.insert("jm", vec![late]);
    setting.database.retain("jm", |row| !is_copy(row, deleted));
    let jm = setting.database.table("jm").unwrap();
    let falsified: Vec<Vec<Value>> = jm
        .read()
        .map(|mut row| {
            if is_copy(&row, altered) {
                let stanza = text(&row[STANZA]).unwrap().replace(&altered.body, "nothing of the kind");
                (row[BODY], row[STANZA]) = (Value::text("nothing of the kind"), Value::text(stanza));
            }
            row
        })
        .collect();
    setting.database.put(jm.rows(falsified));
    let (old, messages) = room(&setting);
    let new = format!("renamed-{old}");
    rename(&setting, &old, &new);

    let before = files(&setting.archive());
    let found = setting.run("audit", &["--json"]).assert(3, &[]).json();
    assert!(files(&setting.archive()) == before, "an audit writes nothing");
    assert_eq!(found["found"], json!({ "missing": 1, "changed": 1, "renamed": messages, "purged": 1 }), "{found}");
    assert_eq!(found["addable"], 2);
    let missing = of_kind(&found, "missing")[0];
    assert_eq!((&missing["conversation"], &missing["start"]), (&json!(repeated.conversation), &json!(hour_later)));
    let changed = of_kind(&found, "changed")[0];
    assert_eq!((&changed["conversation"], &changed["start"]), (&json!(altered.conversation), &json!(altered.sent)));
    let purged = of_kind(&found, "purged")[0];
    assert_eq!(purged["start"], json!(deleted.sent));
    for (discrepancy, said) in [(changed, &altered.body), (purged, &deleted.body)] {
        let mail = before[discrepancy["item"].as_str().unwrap()].clone();
        let conversation = Conversation::from_mails(&[mail]).unwrap();
        assert!(conversation.messages.iter().any(|message| message.body == *said), "the mail that has it as it was");
    }
    assert!(of_kind(&found, "renamed").iter().all(|renamed| renamed["conversation"]["room"] == new && renamed["item"].is_string()));
    let told = setting.run("audit", &[]);
    told.assert(3, &[&new, "`audit --repair` adds 2 messages", "archived under another name of their room"]);

    let repaired = setting.run("audit", &["--repair", "--json"]).assert(3, &[]).json();
    assert_eq!((&repaired["found"], &repaired["repair"]["added"]), (&found["found"], &json!(2)));
    let after = files(&setting.archive());
    let mails = |files: &BTreeMap<String, Vec<u8>>| files.keys().filter(|path| path.starts_with("items/")).count();
    assert_eq!(mails(&after), mails(&before) + 2, "nothing of the room, and nothing that is archived, goes out again");

    // Whoever may only read can audit: no file may have a byte.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]).arg(command().get_program());
    ran(limited.env("JABBER_TEST_PASSWORD", "demo").args(["audit", "--config"]).arg(setting.config())).assert(0, &["head digest"]);
    let again = setting.run("audit", &["--json"]).assert(0, &[]).json();
    assert_eq!((&again["found"], &again["known"]), (&json!({}), &json!(messages + 2)), "{again}");
    setting.run("audit", &[]).assert(0, &["the archive has what the source has"]);
    setting.run("verify", &["--expect", again["head"].as_str().unwrap()]).assert(0, &[]);
    setting.run("run", &[]).assert(0, &["nothing to archive"]);
}

#[test]
fn a_repair_of_much_stops_and_its_reason_is_recorded() {
    let setting = Setting::new(102, 300);
    let all: Vec<Vec<Value>> = setting.database.table("jm").unwrap().read().collect();
    let mut number = 0;
    setting.database.retain("jm", |_| {
        number += 1;
        number % 2 == 0
    });
    setting.run("run", &[]).assert(3, &[]);
    let jm = setting.database.table("jm").unwrap();
    setting.database.put(jm.rows(all));
    let before = files(&setting.archive());
    setting.run("audit", &["--repair"]).assert(1, &["more than one of a hundred; nothing was written", "the same database"]);
    assert!(files(&setting.archive()) == before);
    setting.run("audit", &["--accept", "why"]).assert(2, &["--repair"]);
    setting.run("audit", &["--from", "2026-11-02", "--until", "2026-11-01"]).assert(2, &["--until"]);
    setting.run("audit", &["--repair", "--accept", "half of the rows were in a backup"]).assert(3, &["added "]);
    setting.run("log", &[]).assert(0, &["accepted: \"half of the rows were in a backup\""]);
    let again = setting.run("audit", &["--json"]).assert(0, &[]).json();
    assert_eq!(again["found"], json!({}));
    setting.run("verify", &[]).assert(0, &[]);
}
