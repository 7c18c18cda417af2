//! Rows as the source would give them: a builder for single ones, and strategies for whole days.
//!
//! ```
//! use jabber_archive_core::testing::rows::Row;
//!
//! let incoming = Row::jm("alice@example.com/jabber_1", "bob@example.com").at("2026-11-21T09:14:03Z").id("m1").body("Hello").message();
//! assert_eq!(incoming.stanza.as_deref(), Some("<message id='m1'><body>Hello</body></message>"));
//! ```

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};

use crate::{BareJid, Direction, Jid, MessageKind, MessageRow, Movement, PresenceRow, Record, Table, Timestamp};

/// Builds one [`MessageRow`]: an incoming chat row of `jm` without id and body at midnight of 2026-11-21, until told otherwise.
#[derive(Debug, Clone)]
pub struct Row {
    message: MessageRow,
    id: Option<String>,
    raw: bool,
}

impl Row {
    /// A row of `jm`.
    ///
    /// # Panics
    ///
    /// If one of the JIDs is empty.
    pub fn jm(from: &str, to: &str) -> Self {
        let sent = Timestamp::from_millis(1_795_219_200_000);
        let jid = |text| Jid::parse(text).expect("a JID is not empty");
        let mut message = MessageRow::new(Table::Jm, sent, jid(from), jid(to));
        message.direction = Some(Direction::Incoming);
        Self { message, id: None, raw: false }
    }

    /// A row of `tc_msgarchive`: `from` is the real user, `nick` the part behind the room.
    ///
    /// # Panics
    ///
    /// If one of the JIDs is empty.
    pub fn archived(room: &str, from: &str, nick: &str) -> Self {
        let mut built = Self::jm(from, room).groupchat();
        built.message.table = Table::TcMsgarchive;
        built.message.direction = None;
        built.message.nick = Some(format!("{room}/{nick}"));
        built
    }

    /// When it is dated: `2026-11-21T09:14:03Z`.
    ///
    /// # Panics
    ///
    /// If that is no time.
    #[must_use]
    pub fn at(self, time: &str) -> Self {
        self.at_time(time.parse().expect("a time such as 2026-11-21T09:14:03Z"))
    }

    /// When it is dated.
    #[must_use]
    pub fn at_time(mut self, time: Timestamp) -> Self {
        self.message.sent = time;
        self
    }

    /// The stanza's id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// The text.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.message.body = Some(body.to_owned());
        self
    }

    /// The raw stanza, instead of one made of id and body.
    #[must_use]
    pub fn stanza(mut self, stanza: &str) -> Self {
        self.message.stanza = Some(stanza.to_owned());
        self.raw = true;
        self
    }

    /// Logged on its way from the sender.
    #[must_use]
    pub fn outgoing(mut self) -> Self {
        self.message.direction = Some(Direction::Outgoing);
        self
    }

    /// With this `msg_id`.
    #[must_use]
    pub fn number(mut self, number: i64) -> Self {
        self.message.msg_id = Some(number);
        self
    }

    /// Of type `groupchat`.
    #[must_use]
    pub fn groupchat(self) -> Self {
        self.kind(MessageKind::Groupchat)
    }

    /// Of another type.
    #[must_use]
    pub fn kind(mut self, kind: MessageKind) -> Self {
        self.message.kind = kind;
        self
    }

    /// A replay of room history.
    #[must_use]
    pub fn replay(mut self) -> Self {
        self.message.replay = true;
        self
    }

    /// The finished row.
    pub fn message(mut self) -> MessageRow {
        let body = self.message.body.as_deref().unwrap_or_default();
        if !self.raw {
            let id = self.id.map(|id| format!(" id='{}'", escape(&id))).unwrap_or_default();
            self.message.stanza = Some(format!("<message{id}><body>{}</body></message>", escape(body)));
        }
        self.message.length = (body.chars().count() + self.message.stanza.as_deref().unwrap_or_default().chars().count()) as u64;
        self.message
    }

    /// The finished row as a record.
    pub fn record(self) -> Record {
        Record::Message(self.message())
    }
}

/// A row of `tc_timelog`.
///
/// # Panics
///
/// If a JID is empty or the time is none.
pub fn presence(room: &str, nick: &str, real: &str, movement: Movement, time: &str) -> Record {
    Record::Presence(PresenceRow {
        stamp: time.parse().expect("a time such as 2026-11-21T09:14:03Z"),
        room: BareJid::new(room).expect("a JID is not empty"),
        nick: nick.to_owned(),
        movement,
        real: Jid::parse(real).expect("a JID is not empty"),
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&apos;")
        .replace('\r', "&#13;")
        .replace('\n', "&#10;")
}

/// A time within `days` days from 2026-11-20, often within seconds of midnight or of another such time, so that ties and borders occur.
pub fn time(days: i64) -> impl Strategy<Value = Timestamp> {
    let first = 1_795_132_800_000_i64;
    let near_midnight = (0..=days, -400_000_i64..400_000).prop_map(|(day, offset)| day * 86_400_000 + offset);
    let anywhere = 0..days * 86_400_000;
    let crowded = (0..days, 0..40_i64).prop_map(|(day, step)| day * 86_400_000 + 36_000_000 + step * 1_000);
    prop_oneof![3 => near_midnight, 1 => anywhere, 4 => crowded].prop_map(move |millis| {
        let (day, ticks) = Timestamp::from_millis(first + millis.clamp(0, days * 86_400_000 - 4)).to_sql_datetime();
        Timestamp::from_sql_datetime(day, ticks)
    })
}

/// The copies of one message: spread by less than `spread`, with and without id, resources and outgoing rows.
///
/// Few people, rooms, ids and texts, so that messages collide in all of them.
pub fn copies(days: i64, spread: Duration) -> impl Strategy<Value = Vec<Record>> {
    let people = || select(vec!["alice@example.com", "bob@example.com", "Chen@Example.com", "dave@partner.example"]);
    let resource = || select(vec!["/jabber_1", "/jabber_2", "/phone", ""]);
    let id = prop_oneof![5 => any::<u16>().prop_map(|n| Some(format!("u{n}"))), 3 => select(vec!["m1", "m2"]).prop_map(|id| Some(id.to_owned())), 2 => Just(None)];
    let body =
        prop_oneof![4 => select(vec!["ok", "yes", "好的", "نعم"]).prop_map(str::to_owned), 1 => "[a-z ]{1,12}", 1 => Just(String::new())];
    let kind = prop_oneof![
        6 => Just(Shape::Chat),
        2 => Just(Shape::AdHoc),
        3 => Just(Shape::Room),
        1 => Just(Shape::Private),
        1 => Just(Shape::Replay),
        1 => Just(Shape::Error),
    ];
    let spread = spread.as_millis() as i64;
    let rows = vec((-spread / 2..spread - spread / 2, any::<bool>(), resource()), 1..6);
    (kind, people(), people(), resource(), id, body, time(days), rows).prop_map(|(shape, from, to, device, id, body, start, rows)| {
        let build = |row: Row, offset: i64| {
            let (day, ticks) = Timestamp::from_millis(start.millis() + offset).to_sql_datetime();
            let row = row.at_time(Timestamp::from_sql_datetime(day, ticks)).body(&body);
            match &id {
                Some(id) => row.id(id),
                None => row,
            }
        };
        rows.into_iter().map(|(offset, outgoing, shown)| build(shape.row(from, to, device, shown, outgoing), offset).record()).collect()
    })
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Chat,
    AdHoc,
    Room,
    Private,
    Replay,
    Error,
}

impl Shape {
    fn row(self, from: &str, to: &str, device: &str, shown: &str, outgoing: bool) -> Row {
        let adhoc = "adhoc1@conference.example.com";
        let room = "planning@conference.example.com";
        match self {
            Self::Chat if outgoing => Row::jm(&format!("{from}{device}"), to).outgoing(),
            Self::Chat => Row::jm(&format!("{from}{}", if shown.is_empty() { "" } else { device }), &format!("{to}{shown}")),
            Self::AdHoc if outgoing => Row::jm(&format!("{from}{device}"), adhoc).groupchat().outgoing(),
            Self::AdHoc => Row::jm(&format!("{adhoc}/{from}{device}"), to).groupchat(),
            Self::Room if outgoing => Row::archived(room, from, &from[..3]),
            Self::Room => Row::jm(&format!("{room}/{}", &from[..3]), to).groupchat(),
            Self::Private if outgoing => Row::jm(&format!("{from}{device}"), &format!("{room}/{}", &to[..3])).outgoing(),
            Self::Private => Row::jm(&format!("{room}/{}", &from[..3]), to),
            Self::Replay => Row::jm(&format!("{room}/{}", &from[..3]), to).groupchat().replay(),
            Self::Error => Row::jm(&format!("{from}{device}"), to).kind(MessageKind::Error),
        }
    }
}

/// The rows of some days: copies of up to `messages` messages that are spread by less than `spread`, in any order, with people entering and leaving.
///
/// # Panics
///
/// Never: the JIDs are constants.
pub fn rows(days: i64, messages: usize, spread: Duration) -> impl Strategy<Value = Vec<Record>> {
    let movement = prop_oneof![Just(Movement::Entered), Just(Movement::Left)];
    let person = select(vec!["alice@example.com/jabber_1", "bob@example.com/jabber_1", "dave@partner.example/x"]);
    let presence = (time(days), movement, person).prop_map(|(stamp, movement, real)| {
        let room = BareJid::new("planning@conference.example.com").expect("not empty");
        Record::Presence(PresenceRow { stamp, room, nick: real[..3].to_owned(), movement, real: Jid::parse(real).expect("not empty") })
    });
    (vec(copies(days, spread), 0..=messages), vec(presence, 0..8))
        .prop_map(|(copies, presence)| copies.into_iter().flatten().chain(presence).collect::<Vec<_>>())
        .prop_shuffle()
}
