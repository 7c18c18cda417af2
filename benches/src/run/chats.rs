use std::time::Duration;

use jabber_archive_core::Timestamp;
use jabber_archive_sql::testing::{Table, Value, tables};

/// Messages that one person sends a day: the design load of 20 an hour, for eight hours.
const A_DAY: u64 = 160;

/// With how many others everybody chats, so that a conversation has some 20 messages a day.
const OTHERS: u64 = 8;

/// When the last of the days ends.
///
/// # Panics
///
/// Never: it is a time.
pub fn end() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().expect("a time")
}

/// `jm` with so many rows of so many days, two a message and of about 1.4 KB each on the wire; an index leads with their date.
pub fn chats(rows: u64, days: u64) -> Table {
    let messages = rows / 2;
    let people = (messages / days / A_DAY).max(2 * OTHERS);
    let first = end().before(Duration::from_hours(24 * days));
    let step = Duration::from_hours(24 * days).as_millis() as u64 / messages.max(1);
    let rows: Vec<Vec<Value>> = (0..2 * messages)
        .map(|row| {
            let (message, copy) = (row / 2, row % 2);
            let sent = first.after(Duration::from_millis(message * step + copy * 10));
            let (one, turn) = (message % people, message / people);
            let other = (one + 1 + turn % OTHERS) % people;
            let (from, to) = if (turn / OTHERS).is_multiple_of(2) { (one, other) } else { (other, one) };
            let body = format!("Message {message}: {}", "the figures of the third quarter ".repeat(2 + message as usize % 7));
            let stanza = format!(
                "<message from='user{from}@example.com/jabber_1' to='user{to}@example.com' type='chat' id='id{message}' xml:lang='en'><body>{body}</body>\
                 <active xmlns='http://jabber.org/protocol/chatstates'/></message>"
            );
            vec![
                Value::text(format!("user{to}@example.com/jabber_2")),
                Value::text(format!("user{from}@example.com/jabber_1")),
                Value::time(sent),
                Value::Null,
                Value::Null,
                Value::text("c"),
                Value::text(if copy == 0 { "O" } else { "I" }),
                Value::Int(body.len() as i64),
                Value::Int(stanza.len() as i64),
                Value::text(body),
                Value::text(stanza),
                Value::Null,
                Value::Null,
                Value::text("N"),
            ]
        })
        .collect();
    tables::jm().index("sent_date").rows(rows)
}
