//! The company's true list of messages against what the assembler makes of its tables.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jabber_archive_core::{
    ArchiveFacts, Assembler, Assembly, BareJid, ConversationKey, ConversationKind, Direction, Directory, Grid, Issue, ItemId, ItemKey, Jid,
    List, MailItem, MemoryDirectory, MessageKind, MessageLine, MessageRow, Movement, Neighbour, Part, Party, People, PresenceRow, Record,
    Room, RoomKind, Rooms, SkipReason, Table, Timestamp, Window,
};
use jabber_archive_sql::testing::{Database, Office, Value};

const DAY: Duration = Duration::from_hours(24);

#[test]
fn the_assembler_finds_the_true_messages_and_no_others() {
    for seed in 0..12 {
        compare(&Office::new(seed, 200), DAY);
    }
    for seed in 100..102 {
        compare(&Office::new(seed, 3_000), DAY);
    }
}

#[test]
fn windows_of_other_lengths_hold_the_same_messages() {
    for hours in [1, 6, 12] {
        compare(&Office::new(200 + hours, 2_000), Duration::from_hours(hours));
    }
}

#[test]
fn other_days_and_rows_in_the_future_change_nothing() {
    let start = "2024-02-28T00:00:00Z".parse().unwrap();
    compare(&Office::new(300, 1_000).starting(start).days(2).indexed(true), DAY);
    compare(&Office::new(301, 1_000).with_future(true), DAY);
}

#[test]
fn the_directory_misses_people_and_an_address_changes_hands() {
    let office = Office::new(1, 100);
    let directory = MemoryDirectory::from_csv(office.directory_csv().as_bytes()).unwrap();
    let email = |jid: &str, at| directory.person(&BareJid::new(jid).unwrap(), at).map(|person| person.email);
    let (first, last) = (office.start(), office.end());
    assert_eq!(email("jlee@im.example.com", first).as_deref(), Some("john.lee@example.com"));
    assert_eq!(email("jlee@im.example.com", last).as_deref(), Some("jin.lee@example.com"));
    assert_eq!(email("jlee2@im.example.com", first), None);
    assert_eq!(email("jlee2@im.example.com", last).as_deref(), Some("john.lee@example.com"));
    assert_eq!(email("extern.koch@im.example.com", first), None);
}

#[test]
fn conversations_of_every_kind_occur() {
    let office = Office::new(2, 200);
    for kind in [ConversationKind::OneToOne, ConversationKind::AdHoc, ConversationKind::Room, ConversationKind::RoomPrivate] {
        assert!(office.truth().iter().any(|message| message.kind == kind), "{kind}");
    }
}

/// Assembles the office's tables in windows of this length, and holds messages and counts against the truth.
fn compare(office: &Office, length: Duration) {
    let assemblies = assemble(office, length);
    let (truth, found) = (truth(office), assembled(&assemblies));
    for ((told, scene), found) in truth.iter().zip(&found) {
        assert_eq!(told, found, "{scene}, {office:?}");
    }
    assert_eq!(truth.len(), found.len(), "{office:?}");

    let mut skipped: BTreeMap<(Table, SkipReason), u64> = BTreeMap::new();
    let mut rows: BTreeMap<String, u64> = BTreeMap::from([("jm".to_owned(), office.future())]);
    let mut replaced = 0;
    for (table, account) in assemblies.iter().flat_map(|assembly| &assembly.tables) {
        assert!(account.closes(), "{account:?}");
        replaced += account.replaced;
        *rows.entry(table.name().to_owned()).or_default() += account.rows;
        for (reason, count) in &account.skipped {
            *skipped.entry((*table, *reason)).or_default() += count;
        }
    }
    assert_eq!(&skipped, office.skipped(), "{office:?}");
    assert_eq!(replaced, office.replaced(), "{office:?}");
    for (table, rows) in rows {
        assert_eq!(rows, office.rows()[&table], "{table}, {office:?}");
    }
}

/// Assembles all windows that are closed at the office's end.
fn assemble(office: &Office, length: Duration) -> Vec<Assembly> {
    let database = Database::new("office");
    office.fill(&database);
    let mut facts = ArchiveFacts::new("office").unwrap();
    facts.grid = Grid::new(length, Duration::ZERO).unwrap();
    let directory = MemoryDirectory::from_csv(office.directory_csv().as_bytes()).unwrap();
    let people = People::new(Arc::new(directory)).internal_domains(office.internal_domains());
    let mut assembler = Assembler::new(&facts, Arc::new(rooms(&database)), people);
    let records = records(&database);
    let windows: BTreeSet<Window> = records.iter().map(|record| facts.grid.window_at(record.sent())).collect();
    assembler.accept(records);
    let mut listed = List::default();
    let closed = windows.into_iter().filter(|window| window.end() <= office.end());
    closed
        .map(|window| {
            let assembly = assembler.assemble(&window, &Neighbour::of(&listed, &window, facts.margin()));
            listed = list(&window, &assembly);
            assembly
        })
        .collect()
}

/// What a seal of the window would list.
fn list(window: &Window, assembly: &Assembly) -> List {
    let lines = assembly.conversations.iter().map(|conversation| {
        let id = ItemId::new("office", "test", &conversation.key, None, window, 1, 1);
        let key = ItemKey::new(*window, id);
        let mut item = MailItem::new(key, conversation.key.digest(), Issue::FIRST, Part::new(1, 1), Vec::new().into());
        item.messages = conversation.messages.iter().map(MessageLine::of).collect();
        item.line()
    });
    List::new(lines.collect())
}

/// What is compared of a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    sent: Timestamp,
    conversation: ConversationKey,
    kind: String,
    sender: Party,
    recipients: Vec<Party>,
    body: String,
    files: Vec<String>,
    stanza_id: Option<String>,
    subject: Option<String>,
    thread: Option<String>,
    copies: u32,
}

fn assembled(assemblies: &[Assembly]) -> Vec<Told> {
    let conversations = assemblies.iter().flat_map(|assembly| &assembly.conversations);
    let told = conversations.flat_map(|conversation| {
        conversation.messages.iter().map(|message| Told {
            sent: message.sent(),
            conversation: conversation.key.clone(),
            kind: conversation.kind.to_string(),
            sender: message.sender.clone(),
            recipients: message.recipients.clone(),
            body: message.body.clone(),
            files: message.files.iter().map(|file| file.name.clone()).collect(),
            stanza_id: message.stanza_id.clone(),
            subject: message.subject.clone(),
            thread: message.thread.clone(),
            copies: message.copies,
        })
    });
    let mut told: Vec<Told> = told.collect();
    told.sort();
    told
}

/// The truth, with the scene of each message.
fn truth(office: &Office) -> Vec<(Told, &'static str)> {
    let told = office.truth().iter().map(|message| {
        let told = Told {
            sent: message.sent,
            conversation: message.conversation.clone(),
            kind: message.kind.to_string(),
            sender: message.sender.clone(),
            recipients: message.recipients.iter().cloned().collect(),
            body: message.body.clone(),
            files: message.files.clone(),
            stanza_id: message.stanza_id.clone(),
            subject: message.subject.clone(),
            thread: message.thread.clone(),
            copies: message.copies,
        };
        (told, message.scene)
    });
    let mut told: Vec<(Told, &'static str)> = told.collect();
    told.sort();
    told
}

fn records(database: &Database) -> Vec<Record> {
    let messages = [Table::Jm, Table::TcMsgarchive].into_iter();
    let messages = messages.flat_map(|table| rows(database, table.name()).into_iter().map(move |row| row.message(table)));
    messages.chain(rows(database, "tc_timelog").iter().map(Row::presence)).collect()
}

fn rooms(database: &Database) -> Rooms {
    let mut rooms = Rooms::new();
    for row in rows(database, "tc_rooms") {
        let kind = if row.text("type").unwrap() == "ad-hoc" { RoomKind::AdHoc } else { RoomKind::Persistent };
        rooms.add_room(row.jid("room_jid").bare().clone(), Room::new(kind, None));
    }
    for row in rows(database, "tc_users") {
        let (room, nick) = row.room_and_nick();
        rooms.add_nick(room, nick, row.jid("real_jid"));
    }
    rooms
}

fn rows(database: &Database, name: &str) -> Vec<Row> {
    let table = database.table(name).unwrap();
    let columns: Vec<String> = table.columns().iter().map(|(name, _)| name.clone()).collect();
    table.read().map(|row| Row(columns.iter().cloned().zip(row).collect())).collect()
}

/// A row by the names of its columns.
struct Row(BTreeMap<String, Value>);

impl Row {
    fn message(&self, table: Table) -> Record {
        let jm = table == Table::Jm;
        let mut row = MessageRow::new(table, self.time("sent_date"), self.jid("from_jid"), self.jid("to_jid"));
        row.kind = match &*self.text("msg_type").unwrap() {
            "c" => MessageKind::Chat,
            "n" => MessageKind::Normal,
            "g" => MessageKind::Groupchat,
            "h" => MessageKind::Headline,
            "e" => MessageKind::Error,
            other => panic!("no type of message: {other}"),
        };
        if jm {
            row.direction = Some(if self.text("direction").unwrap() == "O" { Direction::Outgoing } else { Direction::Incoming });
            row.replay = self.text("history_flag").unwrap() == "H";
            row.thread = self.text("thread_id");
        } else {
            row.nick = Some(self.text("nick_jid").unwrap());
            row.msg_id = Some(self.number("msg_id"));
        }
        row.subject = self.text("subject");
        row.body = self.short_or_long("body");
        row.stanza = self.short_or_long("message");
        row.length = (self.number("body_len") + self.number("message_len")) as u64;
        row.replaced = self.0.values().filter(|value| matches!(value, Value::Utf16(_))).count() as u32;
        Record::Message(row)
    }

    fn presence(&self) -> Record {
        let (room, nick) = self.room_and_nick();
        let movement = if self.text("direction").unwrap() == "E" { Movement::Entered } else { Movement::Left };
        Record::Presence(PresenceRow { stamp: self.time("stamp"), room, nick, movement, real: self.jid("real_jid") })
    }

    fn text(&self, column: &str) -> Option<String> {
        let text = match &self.0[column] {
            Value::Text(text) => text.to_string(),
            Value::Utf16(units) => String::from_utf16_lossy(units),
            _ => return None,
        };
        Some(text.replace("\r\n", "\n").replace('\r', "\n"))
    }

    fn short_or_long(&self, name: &str) -> Option<String> {
        self.text(&format!("{name}_string")).or_else(|| self.text(&format!("{name}_text")))
    }

    fn number(&self, column: &str) -> i64 {
        let Value::Int(number) = self.0[column] else { panic!("{column} is no number") };
        number
    }

    fn time(&self, column: &str) -> Timestamp {
        let Value::DateTime(days, ticks) = self.0[column] else { panic!("{column} is no time") };
        Timestamp::from_sql_datetime(days, ticks)
    }

    fn jid(&self, column: &str) -> Jid {
        Jid::parse(&self.text(column).unwrap()).unwrap()
    }

    fn room_and_nick(&self) -> (BareJid, String) {
        let jid = self.jid("nick_jid");
        (jid.bare().clone(), jid.resource().unwrap().to_owned())
    }
}
