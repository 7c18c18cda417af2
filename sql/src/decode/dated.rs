use std::collections::BTreeMap;

use jabber_archive_core::{
    BareJid, Direction, Jid, MessageKind, MessageRow, Movement, PresenceRow, Record, Table, Timestamp, UndecodableRow,
};

use crate::{
    connection::Value,
    decryption::Keyring,
    schema::{JM, TC_MSGARCHIVE, TC_TIMELOG, TableSpec},
};

/// A row of `jm`, its values in the order of [`JM`], those that are encrypted opened.
pub(crate) fn jm(row: &[Value], keys: &Keyring) -> Record {
    let opened = match keys.open(row) {
        Ok(opened) => opened,
        Err(reason) => return undecodable(row, Table::Jm, &JM, reason),
    };
    let encrypted = keys.lacks_key(row);
    decode(row, &opened, Table::Jm, &JM, |fields| {
        let mut row = fields.message(Table::Jm)?;
        row.encrypted = encrypted;
        row.direction = Some(fields.one_of("direction", &[("o", Direction::Outgoing), ("i", Direction::Incoming)])?);
        // Whatever is not marked as a replay is taken for a message: a double is better than a loss.
        row.replay = fields.text("history_flag").is_some_and(|flag| flag.trim().eq_ignore_ascii_case("h"));
        row.thread = fields.normalized("thread_id");
        Ok(Record::Message(row))
    })
}

/// A row of `tc_msgarchive`, its values in the order of [`TC_MSGARCHIVE`].
pub(crate) fn tc_msgarchive(row: &[Value]) -> Record {
    decode(row, row, Table::TcMsgarchive, &TC_MSGARCHIVE, |fields| {
        let mut row = fields.message(Table::TcMsgarchive)?;
        row.nick = fields.text("nick_jid").map(str::to_owned);
        row.msg_id = fields.number("msg_id");
        Ok(Record::Message(row))
    })
}

/// A row of `tc_timelog`, its values in the order of [`TC_TIMELOG`].
pub(crate) fn tc_timelog(row: &[Value]) -> Record {
    decode(row, row, Table::TcTimelog, &TC_TIMELOG, |fields| {
        let (room, nick) = fields.text("nick_jid").and_then(|nick| nick.split_once('/')).ok_or("nick_jid is not room/nick")?;
        Ok(Record::Presence(PresenceRow {
            stamp: fields.sent,
            room: BareJid::new(room).ok_or("nick_jid names no room")?,
            nick: nick.to_owned(),
            movement: fields.one_of("direction", &[("e", Movement::Entered), ("l", Movement::Left)])?,
            real: fields.jid("real_jid")?,
        }))
    })
}

/// Decodes a row as it was opened, or keeps what was read of it, encrypted where it is, with the reason why it is no record.
fn decode(
    row: &[Value],
    opened: &[Value],
    table: Table,
    spec: &'static TableSpec,
    record: impl FnOnce(&Fields<'_>) -> Result<Record, &'static str>,
) -> Record {
    // A value of a type that is not read would be taken for NULL, and what it says be lost.
    if let Some((column, _)) = spec.columns.iter().zip(row).find(|(_, value)| **value == Value::Other) {
        return undecodable(row, table, spec, format!("{} is of a type that is not read", column.name));
    }
    record(&Fields::new(opened, spec)).unwrap_or_else(|reason| undecodable(row, table, spec, reason.to_owned()))
}

fn undecodable(row: &[Value], table: Table, spec: &'static TableSpec, reason: String) -> Record {
    let fields = Fields::new(row, spec);
    Record::Undecodable(UndecodableRow {
        table,
        sent: fields.sent,
        length: fields.length(),
        reason,
        values: spec.columns.iter().zip(row).map(|(column, value)| (column.name.to_owned(), as_text(value))).collect::<BTreeMap<_, _>>(),
    })
}

/// The values of a row, by column.
struct Fields<'a> {
    row: &'a [Value],
    spec: &'static TableSpec,
    sent: Timestamp,
}

impl<'a> Fields<'a> {
    fn new(row: &'a [Value], spec: &'static TableSpec) -> Self {
        // The date of a row that was found by its date is never NULL.
        let sent = if let Some(Value::Time(time)) = row.first() { *time } else { Timestamp::MIN };
        Self { row, spec, sent }
    }

    /// What both tables of messages have.
    fn message(&self, table: Table) -> Result<MessageRow, &'static str> {
        let mut row = MessageRow::new(table, self.sent, self.jid("from_jid")?, self.jid("to_jid")?);
        row.kind = self.kind()?;
        row.subject = self.normalized("subject");
        row.body = self.long_text("body_string", "body_text");
        row.stanza = self.long_text("message_string", "message_text");
        row.length = self.length();
        row.replaced = self.replaced();
        Ok(row)
    }

    fn value(&self, column: &str) -> Option<&'a Value> {
        let place = self.spec.columns.iter().position(|known| known.name == column)?;
        self.row.get(place)
    }

    fn text(&self, column: &str) -> Option<&'a str> {
        match self.value(column)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self, column: &str) -> Option<i64> {
        match self.value(column)? {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    fn jid(&self, column: &'static str) -> Result<Jid, &'static str> {
        self.text(column).and_then(Jid::parse).ok_or(match column {
            "to_jid" => "to_jid is empty",
            "from_jid" => "from_jid is empty",
            _ => "real_jid is empty",
        })
    }

    /// The meaning of a code of one letter, in either case.
    fn one_of<T: Copy>(&self, column: &'static str, meanings: &[(&str, T)]) -> Result<T, &'static str> {
        let code = self.text(column).unwrap_or_default().trim();
        let found = meanings.iter().find(|(letter, _)| code.eq_ignore_ascii_case(letter));
        found.map(|(_, meaning)| *meaning).ok_or(match column {
            "msg_type" => "msg_type is none of c, n, g, h and e",
            _ => "direction is a letter without a meaning here",
        })
    }

    fn kind(&self) -> Result<MessageKind, &'static str> {
        use MessageKind::{Chat, Error, Groupchat, Headline, Normal};
        self.one_of("msg_type", &[("c", Chat), ("n", Normal), ("g", Groupchat), ("h", Headline), ("e", Error)])
    }

    /// A text with `\n` alone as its line ending.
    fn normalized(&self, column: &str) -> Option<String> {
        self.text(column).map(|text| if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() })
    }

    /// A text that stands in one column if it is short and in another if it is long.
    fn long_text(&self, short: &str, long: &str) -> Option<String> {
        let filled = |column: &str| self.normalized(column).filter(|text| !text.is_empty());
        filled(short).or_else(|| filled(long))
    }

    /// The lengths that the row states, added up as the server's tally does.
    fn length(&self) -> u64 {
        let total: i64 = self.spec.lengths.iter().filter_map(|column| self.number(column)).sum();
        u64::try_from(total).unwrap_or_default()
    }

    /// How many values hold U+FFFD, which stands for a broken surrogate unless somebody wrote it.
    fn replaced(&self) -> u32 {
        self.row.iter().filter(|value| matches!(value, Value::Text(text) if text.contains('\u{fffd}'))).count() as u32
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Time(time) => Some(time.to_string()),
        Value::Other => Some("a value of a type that is not read".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn a_row() -> Vec<Value> {
        let text = |text: &str| Value::Text(text.to_owned());
        vec![
            Value::Time(Timestamp::from_sql_datetime(46_345, 7)),
            text("bob@example.com"),
            text("Alice@Example.com/jabber_1"),
            text("I"),
            text("c"),
            text("N"),
            Value::Int(5),
            Value::Int(40),
            text("one\r\ntwo\rthree"),
            Value::Null,
            Value::Null,
            text("<message id='m1'/>"),
            Value::Null,
            text("thread"),
        ]
    }

    #[test]
    fn a_row_of_jm_becomes_a_message() {
        let Record::Message(row) = jm(&a_row(), &Keyring::default()) else { panic!("no message") };
        assert_eq!(row.sent, Timestamp::from_sql_datetime(46_345, 7));
        assert_eq!((row.from.to_string().as_str(), row.to.to_string().as_str()), ("alice@example.com/jabber_1", "bob@example.com"));
        assert_eq!(row.body.as_deref(), Some("one\ntwo\nthree"));
        assert_eq!(row.stanza.as_deref(), Some("<message id='m1'/>"));
        assert_eq!((row.length, row.replay, row.thread.as_deref(), row.subject), (45, false, Some("thread"), None));
    }

    #[test]
    fn what_cannot_be_decoded_keeps_all_its_values_and_says_why() {
        for (place, value, why) in [
            (1, Value::Null, "to_jid is empty"),
            (2, Value::Text("  ".to_owned()), "from_jid is empty"),
            (3, Value::Text("x".to_owned()), "direction is a letter without a meaning here"),
            (4, Value::Text("z".to_owned()), "msg_type is none of c, n, g, h and e"),
            (8, Value::Other, "body_string is of a type that is not read"),
        ] {
            let mut row = a_row();
            row[place] = value.clone();
            let Record::Undecodable(undecodable) = jm(&row, &Keyring::default()) else { panic!("decoded") };
            assert_eq!(undecodable.reason, why);
            assert_eq!(undecodable.sent, Timestamp::from_sql_datetime(46_345, 7));
            assert_eq!(undecodable.values[JM.columns[place].name], as_text(&value));
            assert_eq!(undecodable.values["message_text"].as_deref(), Some("<message id='m1'/>"));
            assert_eq!(undecodable.length, 45);
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            "[a-z@/ ]{0,8}".prop_map(Value::Text),
            any::<String>().prop_map(Value::Text),
            proptest::sample::select(vec!["I", "O", "c", "g", "H", "E", "L", "a@b/c", "r@conf/n"])
                .prop_map(|text| Value::Text(text.to_owned())),
            any::<i32>().prop_map(|number| Value::Int(number.into())),
            Just(Value::Other),
        ]
    }

    proptest! {
        #[test]
        fn every_row_becomes_exactly_one_record_with_its_own_date(mut row in vec(value(), 14), ticks in 0_u32..25_920_000) {
            row[0] = Value::Time(Timestamp::from_sql_datetime(46_345, ticks));
            for (record, table) in [
                (jm(&row, &Keyring::default()), Table::Jm),
                (tc_msgarchive(&row[..13]), Table::TcMsgarchive),
                (tc_timelog(&row[..4]), Table::TcTimelog),
            ] {
                prop_assert_eq!(record.sent(), Timestamp::from_sql_datetime(46_345, ticks));
                prop_assert_eq!(record.table(), table);
                if let Record::Message(message) = &record {
                    let texts = [&message.body, &message.stanza, &message.subject, &message.thread];
                    prop_assert!(texts.into_iter().flatten().all(|text| !text.contains('\r')));
                }
            }
        }

        #[test]
        fn no_word_of_a_text_is_lost(body in any::<String>(), long in any::<bool>()) {
            let mut row = a_row();
            row[8] = if long { Value::Null } else { Value::Text(body.clone()) };
            row[9] = if long { Value::Text(body.clone()) } else { Value::Null };
            let Record::Message(message) = jm(&row, &Keyring::default()) else { panic!("no message") };
            let kept = message.body.unwrap_or_default();
            prop_assert!(body.split(['\r', '\n']).filter(|line| !line.is_empty()).eq(kept.split('\n').filter(|line| !line.is_empty())));
        }
    }
}
