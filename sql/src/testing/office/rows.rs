//! The rows of the tables.

use std::collections::BTreeMap;

use jabber_archive_core::Timestamp;

use crate::testing::{
    server::{Table, Value},
    tables,
};

/// How many characters fit into the `_string` columns; longer texts stand in the `_text` ones.
const SHORT: usize = 4_000;

/// A row of `jm`.
#[derive(Debug, Clone)]
pub(super) struct JmRow {
    pub(super) to: String,
    pub(super) from: String,
    pub(super) sent: Timestamp,
    pub(super) subject: Option<String>,
    pub(super) thread: Option<String>,
    pub(super) kind: char,
    pub(super) direction: char,
    pub(super) body: Value,
    pub(super) stanza: Value,
    pub(super) replay: bool,
}

/// A row of `tc_msgarchive`; its number is given when all are known.
#[derive(Debug, Clone)]
pub(super) struct ArchiveRow {
    pub(super) room: String,
    pub(super) from: String,
    pub(super) nick: String,
    pub(super) sent: Timestamp,
    pub(super) body: Value,
    pub(super) stanza: Value,
    pub(super) subject: Option<String>,
}

/// The rows of all tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) jm: Vec<JmRow>,
    pub(super) archive: Vec<ArchiveRow>,
    pub(super) rooms: Vec<Vec<Value>>,
    pub(super) users: Vec<Vec<Value>>,
    pub(super) timelog: Vec<Vec<Value>>,
    pub(super) transfers: Vec<Vec<Value>>,
}

/// A row of `aft_log`.
#[derive(Debug)]
pub(super) struct TransferRow<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) method: &'a str,
    pub(super) resource: &'a str,
    pub(super) name: &'a str,
    pub(super) path: Option<&'a str>,
    pub(super) size: u64,
    pub(super) sent: Timestamp,
}

impl Tables {
    /// Adds to `tc_rooms`.
    pub(super) fn room(&mut self, jid: &str, creator: &str, subject: &str, kind: &str, title: &str) {
        let config = format!(
            "<x xmlns='jabber:x:data' type='form'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#roomconfig</value></field>\
             <field var='muc#roomconfig_roomname' type='text-single'><value>{}</value></field></x>",
            super::stanza::escape(title)
        );
        self.rooms.push(vec![
            Value::text(jid),
            Value::text(creator),
            Value::text(subject),
            Value::text(kind),
            Value::text(config),
            Value::Null,
            Value::Int(1),
            Value::Int(1),
        ]);
    }

    /// Adds to `tc_users`.
    pub(super) fn user(&mut self, room: &str, real: &str, nick: &str) {
        let values = [room, real, "participant", "member"].map(Value::text);
        self.users.push(values.into_iter().chain([Value::text(format!("{room}/{nick}")), Value::Null, Value::Null]).collect());
    }

    /// Adds to `tc_timelog`: `E` entered, `L` left.
    pub(super) fn moved(&mut self, room: &str, real: &str, nick: &str, direction: char, stamp: Timestamp) {
        self.timelog.push(vec![
            Value::text(real),
            Value::text(format!("{room}/{nick}")),
            Value::text(direction.to_string()),
            Value::time(stamp),
        ]);
    }

    /// Adds to `aft_log`.
    pub(super) fn transfer(&mut self, row: &TransferRow<'_>) {
        let index = Value::Int(self.transfers.len() as i64 + 1);
        let size = || Value::Int(row.size as i64);
        self.transfers.push(vec![
            index,
            Value::text(row.from),
            Value::text(row.to),
            Value::text(row.method),
            Value::text(row.resource),
            Value::text(row.name),
            Value::text(row.name.rsplit('.').next().unwrap_or_default().chars().take(10).collect::<String>()),
            Value::text("im"),
            Value::text("files1.example.com"),
            row.path.map_or(Value::Null, Value::text),
            size(),
            size(),
            Value::time(row.sent),
        ]);
    }

    /// The tables in no order of their rows; `seal` may change those of `jm` before.
    pub(super) fn finish(mut self, indexed: bool, rng: &mut fastrand::Rng, seal: impl FnOnce(&mut [Vec<Value>])) -> Vec<Table> {
        let archive = self.number();
        let mut messages: Vec<Vec<Value>> = self.jm.into_iter().map(JmRow::values).collect();
        seal(&mut messages);
        let mut jm = tables::jm();
        if indexed {
            jm = jm.index("sent_date");
        }
        let tables = [
            (jm, messages),
            (tables::tc_msgarchive(), archive),
            (tables::tc_rooms(), self.rooms),
            (tables::tc_users(), self.users),
            (tables::tc_timelog(), self.timelog),
            (tables::aft_log(), self.transfers),
        ];
        tables
            .into_iter()
            .map(|(table, mut rows): (Table, Vec<Vec<Value>>)| {
                rng.shuffle(&mut rows);
                table.rows(rows)
            })
            .collect()
    }

    /// Numbers the room messages as they came, room by room.
    fn number(&mut self) -> Vec<Vec<Value>> {
        self.archive.sort_by(|a, b| (&a.room, a.sent).cmp(&(&b.room, b.sent)));
        let mut next: BTreeMap<String, i64> = BTreeMap::new();
        let rows = std::mem::take(&mut self.archive)
            .into_iter()
            .map(|row| {
                let number = next.entry(row.room.clone()).or_insert(1);
                let values = row.values(*number);
                // Every 25th was never recorded.
                *number += if *number % 25 == 24 { 2 } else { 1 };
                values
            })
            .collect();
        for room in &mut self.rooms {
            if let Value::Text(jid) = &room[0]
                && let Some(number) = next.get(&**jid)
            {
                room[7] = Value::Int(*number);
            }
        }
        rows
    }
}

impl JmRow {
    fn values(self) -> Vec<Value> {
        let (body_len, body_string, body_text) = placed(self.body);
        let (message_len, message_string, message_text) = placed(self.stanza);
        vec![
            Value::text(self.to),
            Value::text(self.from),
            Value::time(self.sent),
            optional(self.subject),
            optional(self.thread),
            Value::text(self.kind.to_string()),
            Value::text(self.direction.to_string()),
            body_len,
            message_len,
            body_string,
            message_string,
            body_text,
            message_text,
            Value::text(if self.replay { "H" } else { "N" }),
        ]
    }
}

impl ArchiveRow {
    fn values(self, number: i64) -> Vec<Value> {
        let (body_len, body_string, body_text) = placed(self.body);
        let (message_len, message_string, message_text) = placed(self.stanza);
        vec![
            Value::Int(number),
            Value::text(self.room),
            Value::text(self.from),
            Value::text(self.nick),
            Value::time(self.sent),
            Value::text("g"),
            body_len,
            message_len,
            body_string,
            message_string,
            body_text,
            message_text,
            optional(self.subject),
        ]
    }
}

fn optional(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::text)
}

/// The length of a text, and the text in the column for short ones or that for long ones.
pub(super) fn placed(text: Value) -> (Value, Value, Value) {
    let length = match &text {
        Value::Text(text) => text.encode_utf16().count(),
        Value::Utf16(units) => units.len(),
        _ => 0,
    };
    let stated = Value::Int(length as i64);
    if length <= SHORT { (stated, text, Value::Null) } else { (stated, Value::Null, text) }
}
