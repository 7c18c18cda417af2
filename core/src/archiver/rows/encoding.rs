//! Rows as bytes and back, exactly: numbers little-endian or as LEB128, texts behind their length. Nothing of it outlives the process.

use std::collections::BTreeMap;

use crate::{
    BareJid, Direction, Error, ErrorClass, ErrorKind, Jid, MessageKind, MessageRow, Movement, PresenceRow, Record, Result, ShortDigest,
    Table, Timestamp, UndecodableRow,
};

/// Adds a row.
pub(super) fn write(record: &Record, to: &mut Vec<u8>) {
    match record {
        Record::Message(row) => {
            to.push(0);
            row.write(to);
        }
        Record::Presence(row) => {
            to.push(1);
            row.write(to);
        }
        Record::Undecodable(row) => {
            to.push(2);
            row.write(to);
        }
    }
}

/// The row that was written.
pub(super) fn read(mut from: &[u8]) -> Result<Record> {
    let read = match u8::read(&mut from) {
        Some(0) => MessageRow::read(&mut from).map(Record::Message),
        Some(1) => PresenceRow::read(&mut from).map(Record::Presence),
        Some(2) => UndecodableRow::read(&mut from).map(Record::Undecodable),
        _ => None,
    };
    read.filter(|_| from.is_empty()).ok_or_else(damaged)
}

/// What stands in the spool is not what was written there.
pub(super) fn damaged() -> Error {
    Error::new(ErrorKind::Spool, ErrorClass::Fatal, "read spool", "it does not give back what was written")
        .advise("check the disk that `spool` under [run] lies on, and run again: what is sealed is intact")
}

/// What has a form as bytes.
pub(super) trait Encoded: Sized {
    fn write(&self, to: &mut Vec<u8>);

    /// Takes what was written from the front; `None` if it is not there.
    fn read(from: &mut &[u8]) -> Option<Self>;
}

macro_rules! record {
    ($type:ident { $($field:ident),+ }) => {
        impl Encoded for $type {
            fn write(&self, to: &mut Vec<u8>) {
                // Every field is named: one that is added is not forgotten here.
                let Self { $($field),+ } = self;
                $($field.write(to);)+
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                $(let $field = Encoded::read(from)?;)+
                Some(Self { $($field),+ })
            }
        }
    };
}

record!(MessageRow {
    sent,
    table,
    direction,
    to,
    from,
    nick,
    kind,
    replay,
    msg_id,
    subject,
    thread,
    body,
    stanza,
    length,
    replaced,
    encrypted
});
record!(PresenceRow { stamp, room, nick, movement, real });
record!(UndecodableRow { table, sent, length, reason, values });

macro_rules! choice {
    ($type:ident { $($variant:ident = $number:literal),+ }) => {
        impl Encoded for $type {
            fn write(&self, to: &mut Vec<u8>) {
                to.push(match self {
                    $(Self::$variant => $number,)+
                });
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                match u8::read(from)? {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

choice!(Table { Jm = 0, TcMsgarchive = 1, TcTimelog = 2 });
choice!(Direction { Incoming = 0, Outgoing = 1 });
choice!(MessageKind { Chat = 0, Normal = 1, Groupchat = 2, Headline = 3, Error = 4 });
choice!(Movement { Left = 0, Entered = 1 });

impl Encoded for u8 {
    fn write(&self, to: &mut Vec<u8>) {
        to.push(*self);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let (first, rest) = from.split_first()?;
        *from = rest;
        Some(*first)
    }
}

impl Encoded for u64 {
    fn write(&self, to: &mut Vec<u8>) {
        let mut left = *self;
        while left >= 0x80 {
            to.push(left as u8 | 0x80);
            left >>= 7;
        }
        to.push(left as u8);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = u8::read(from)?;
            number |= Self::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

impl Encoded for u32 {
    fn write(&self, to: &mut Vec<u8>) {
        u64::from(*self).write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        u64::read(from)?.try_into().ok()
    }
}

impl Encoded for bool {
    fn write(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(u8::read(from)? == 1)
    }
}

impl<const N: usize> Encoded for [u8; N] {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let (first, rest) = from.split_first_chunk()?;
        *from = rest;
        Some(*first)
    }
}

impl Encoded for i64 {
    fn write(&self, to: &mut Vec<u8>) {
        self.to_le_bytes().write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Encoded::read(from).map(Self::from_le_bytes)
    }
}

impl Encoded for Timestamp {
    fn write(&self, to: &mut Vec<u8>) {
        self.millis().write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        i64::read(from).map(Self::from_millis)
    }
}

impl Encoded for ShortDigest {
    fn write(&self, to: &mut Vec<u8>) {
        self.as_bytes().write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Encoded::read(from).map(Self::from_bytes)
    }
}

fn write_text(text: &str, to: &mut Vec<u8>) {
    (text.len() as u64).write(to);
    to.extend_from_slice(text.as_bytes());
}

fn read_text<'a>(from: &mut &'a [u8]) -> Option<&'a str> {
    let length = u64::read(from)?.try_into().ok()?;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    str::from_utf8(text).ok()
}

impl Encoded for String {
    fn write(&self, to: &mut Vec<u8>) {
        write_text(self, to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        read_text(from).map(str::to_owned)
    }
}

impl Encoded for BareJid {
    fn write(&self, to: &mut Vec<u8>) {
        write_text(self.as_str(), to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        read_text(from).map(Self::from_normal)
    }
}

impl Encoded for Jid {
    fn write(&self, to: &mut Vec<u8>) {
        self.bare().write(to);
        // A resource that is there is not empty.
        write_text(self.resource().unwrap_or_default(), to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let bare = BareJid::read(from)?;
        let resource = read_text(from)?;
        Some(Self::from_parts(bare, Some(resource).filter(|resource| !resource.is_empty())))
    }
}

impl<T: Encoded> Encoded for Option<T> {
    fn write(&self, to: &mut Vec<u8>) {
        self.is_some().write(to);
        if let Some(value) = self {
            value.write(to);
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        if bool::read(from)? { T::read(from).map(Some) } else { Some(None) }
    }
}

impl<K: Encoded + Ord, V: Encoded> Encoded for BTreeMap<K, V> {
    fn write(&self, to: &mut Vec<u8>) {
        (self.len() as u64).write(to);
        for (key, value) in self {
            key.write(to);
            value.write(to);
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let length = u64::read(from)?;
        (0..length).map(|_| Some((K::read(from)?, V::read(from)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_map, option, prelude::*, sample::select};

    use super::*;

    /// Any characters: NUL, unpaired what-not replaced, letters whose lower case is longer, none at all.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![".{0,12}", Just(String::new()), Just("\0\r\n\u{fffd}İΣς\u{10ffff}".to_owned()), Just("x".repeat(70_000))]
    }

    fn jid() -> impl Strategy<Value = Jid> {
        (text(), text()).prop_filter_map("an empty JID", |(bare, resource)| Jid::parse(&format!("{bare}/{resource}")))
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        any::<i64>().prop_map(Timestamp::from_millis)
    }

    fn message() -> impl Strategy<Value = Record> {
        let kinds = [MessageKind::Chat, MessageKind::Normal, MessageKind::Groupchat, MessageKind::Headline, MessageKind::Error];
        let told = (option::of(text()), option::of(text()), option::of(text()), option::of(text()), option::of(text()));
        let numbers = (any::<[bool; 2]>(), option::of(any::<i64>()), any::<u64>(), any::<u32>());
        let direction = option::of(select(vec![Direction::Incoming, Direction::Outgoing]));
        let known = (time(), select(Table::ALL.to_vec()), direction, jid(), jid(), select(kinds.to_vec()));
        (known, told, numbers).prop_map(|(known, told, numbers)| {
            let (sent, table, direction, to, from, kind) = known;
            let (nick, subject, thread, body, stanza) = told;
            let ([replay, encrypted], msg_id, length, replaced) = numbers;
            let row = MessageRow {
                direction,
                nick,
                kind,
                replay,
                msg_id,
                subject,
                thread,
                body,
                stanza,
                length,
                replaced,
                encrypted,
                ..MessageRow::new(table, sent, from, to)
            };
            Record::Message(row)
        })
    }

    fn record() -> impl Strategy<Value = Record> {
        let movement = select(vec![Movement::Entered, Movement::Left]);
        let presence = (time(), jid(), text(), movement, jid()).prop_map(|(stamp, room, nick, movement, real)| {
            Record::Presence(PresenceRow { stamp, room: room.bare().clone(), nick, movement, real })
        });
        let undecodable = (select(Table::ALL.to_vec()), time(), any::<u64>(), text(), btree_map(text(), option::of(text()), 0..5))
            .prop_map(|(table, sent, length, reason, values)| Record::Undecodable(UndecodableRow { table, sent, length, reason, values }));
        prop_oneof![3 => message(), 1 => presence, 1 => undecodable]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_exactly(record in record()) {
            let mut bytes = Vec::new();
            write(&record, &mut bytes);
            prop_assert_eq!(read(&bytes).unwrap(), record);
        }

        #[test]
        fn what_is_cut_off_or_longer_is_an_error(record in record(), cut in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            write(&record, &mut bytes);
            let error = read(&bytes[..cut.index(bytes.len())]).unwrap_err();
            prop_assert_eq!((error.kind(), error.class()), (ErrorKind::Spool, ErrorClass::Fatal));
            bytes.push(0);
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn hostile_bytes_are_an_error_or_a_row_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(record) = read(&bytes) {
                let mut again = Vec::new();
                write(&record, &mut again);
                prop_assert_eq!(read(&again).unwrap(), record);
            }
        }

        #[test]
        fn numbers_of_any_size_are_read_exactly(number: u64) {
            let mut bytes = Vec::new();
            number.write(&mut bytes);
            prop_assert_eq!(u64::read(&mut &bytes[..]), Some(number));
        }
    }
}
