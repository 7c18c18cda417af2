//! A company whose week is played day by day, and whose chats are whose.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jabber_archive_core::{Conversation, ConversationKey, Digest, Party, Timestamp};
use jabber_archive_sql::testing::{Office, Table, TrueMessage, Value};
use mail_parser::MessageParser;

use super::mailboxes::{FOLDER, Mailboxes};
use crate::program::{Setting, conversations};

/// Days with chats, from Monday on; some go on until late in the night to Sunday.
const DAYS: u32 = 6;

pub(super) const CATCH_ALL: &str = "catch-all@example.com";

/// Who stands in the directory from midweek on.
pub(super) const HIRED: [&str; 2] = ["dcohen@im.example.com", "david.cohen@example.com"];

/// What a mail says of somebody who is in no directory, before their JID.
const UNMAPPED: &str = "reaches nobody: not in the directory)\n    JID: ";

/// Rows that a node kept back: those of these hours of this day, until the day of the last number.
const LATE: [(u32, [u64; 2], u32); 2] = [(1, [9, 15], 3), (4, [8, 14], 6)];

const DAY: Duration = Duration::from_hours(24);

fn now() -> Timestamp {
    Timestamp::from_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

/// The week, with everything that it will have written.
pub(super) struct Company {
    start: Timestamp,
    tables: Vec<Table>,
    truth: Vec<TrueMessage>,
    people: String,
}

impl Company {
    /// A week that ended some days ago, and a database that has nothing of it yet.
    pub(super) fn new() -> (Self, Setting) {
        let millis = DAY.as_millis() as i64;
        let midnight = Timestamp::from_millis(now().millis().div_euclid(millis) * millis);
        let start = midnight.before(DAY * (DAYS + 3));
        let setting = Setting::of(Office::new(77, 1_000).starting(start).days(DAYS));
        let people = setting.office.directory_csv();
        let company = Self { start, tables: setting.database.tables(), truth: setting.office.truth().to_vec(), people };
        (company, setting)
    }

    /// Everybody whom the directory will know.
    pub(super) fn addresses(&self) -> BTreeSet<String> {
        self.people().into_iter().map(|[_, email, ..]| email).collect()
    }

    fn people(&self) -> Vec<[String; 4]> {
        let mut reader = csv::Reader::from_reader(self.people.as_bytes());
        reader.records().map(|line| line.unwrap()).map(|line| [0, 1, 3, 4].map(|column| line[column].to_owned())).collect()
    }

    /// It is noon after this day: the database has the rows that are there by then, the directory those who are known by then, and no window behind this day is closed.
    pub(super) fn noon_after(&self, day: u32, setting: &Setting) -> String {
        for table in &self.tables {
            let rows: Vec<Vec<Value>> = table.read().filter(|row| self.is_there(day, table, row)).collect();
            setting.database.put(table.clone().rows(rows));
        }
        let known = |line: &&str| day >= 3 || !line.starts_with(HIRED[0]);
        let directory: String = self.people.split_inclusive('\n').filter(known).collect();
        fs::write(setting.folder.path().join("users.csv"), directory).unwrap();
        let ago = self.start.after(DAY * (day + 1)).after(DAY / 2).distance(now());
        format!("settle = \"{}m\"\n", ago.as_secs() / 60)
    }

    fn is_there(&self, day: u32, table: &Table, row: &[Value]) -> bool {
        let dated = table.columns().iter().position(|(name, _)| name == "sent_date" || name == "stamp");
        let Some(Value::DateTime(days, ticks)) = dated.map(|column| &row[column]) else { return true };
        let sent = Timestamp::from_sql_datetime(*days, *ticks);
        let hour = |day: u32, hour: u64| self.start.after(DAY * day + Duration::from_hours(hour));
        let is_kept_back = |(of, [from, to], until): &(u32, [u64; 2], u32)| {
            table.name() != "tc_timelog" && day < *until && hour(*of, *from) <= sent && sent < hour(*of, *to)
        };
        sent < hour(day + 1, 12) && !LATE.iter().any(is_kept_back)
    }

    /// In whose mailbox somebody's chats are to be, if in anybody's.
    fn mailbox(&self, party: &Party, at: Timestamp) -> Option<String> {
        let Party::User(jid) = party else { return None };
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let is_of = |[of, _, from, until]: &[String; 4]| {
            of == jid.as_str() && (from.is_empty() || time(from) <= at) && (until.is_empty() || at < time(until))
        };
        let known = self.people().into_iter().find(is_of).map(|[_, email, ..]| email);
        known.or_else(|| jid.as_str().ends_with("@im.example.com").then(|| CATCH_ALL.to_owned()))
    }

    /// What is to lie in which mailbox, by the heads and texts of the mails of an archive; that these mails say what was said, and that whoever wrote or read it has them.
    pub(super) fn expected(&self, archive: &Path) -> Mailboxes {
        let (directory, mut expected) = (self.addresses(), Mailboxes::new());
        let mut truth: BTreeMap<_, &TrueMessage> = self.truth.iter().map(|message| (as_told(message), message)).collect();
        assert_eq!(truth.len(), self.truth.len(), "each can be told from the others");
        for mails in conversations(archive) {
            let (to, unmapped) = named(&mails);
            let mut mailboxes: BTreeSet<String> = to.iter().filter(|address| directory.contains(*address)).cloned().collect();
            if to.iter().any(|address| address.ends_with(".invalid")) {
                mailboxes.insert(CATCH_ALL.to_owned());
            }
            if unmapped.contains(HIRED[0]) {
                assert!(mailboxes.contains(CATCH_ALL) && mailboxes.insert(HIRED[1].to_owned()));
            }
            let conversation = Conversation::from_mails(&mails).unwrap();
            let mut theirs = BTreeSet::new();
            for message in &conversation.messages {
                let key =
                    (message.sent(), conversation.key.clone(), message.sender.clone(), message.stanza_id.clone(), message.body.clone());
                let truth = truth.remove(&key).unwrap_or_else(|| panic!("{key:?} was not said, or stands in two mails"));
                assert!(message.recipients.iter().eq(&truth.recipients), "{message:?} is not {truth:?}");
                let people = truth.recipients.iter().chain([&truth.sender]);
                theirs.extend(people.filter_map(|party| self.mailbox(party, truth.sent)));
            }
            assert!(theirs.is_subset(&mailboxes), "{theirs:?} have to have what {mailboxes:?} get: {:?}", conversation.messages);
            if matches!(conversation.key, ConversationKey::Pair(Party::User(_), Party::User(_))) {
                mailboxes.iter().filter(|mailbox| *mailbox != CATCH_ALL).for_each(|mailbox| assert!(theirs.contains(mailbox)));
            }
            for mailbox in mailboxes {
                let folder = expected.entry(mailbox).or_default().entry(FOLDER.to_owned()).or_default();
                folder.extend(mails.iter().map(|mail| Digest::of(mail).to_string()));
            }
        }
        assert!(truth.is_empty(), "never archived: {truth:#?}");
        expected.values_mut().flat_map(BTreeMap::values_mut).for_each(|mails| mails.sort());
        expected
    }
}

/// To whom mails are addressed, and the JIDs of those of whom they say that they reach nobody.
fn named(mails: &[Vec<u8>]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut to, mut unmapped) = (BTreeSet::new(), BTreeSet::new());
    for mail in mails {
        let mail = MessageParser::default().parse(mail).unwrap();
        to.extend(mail.to().unwrap().iter().map(|address| address.address().unwrap().to_lowercase()));
        let text = mail.body_text(0).unwrap().replace("\r\n", "\n");
        unmapped.extend(text.split(UNMAPPED).skip(1).map(|rest| rest.split('\n').next().unwrap().to_owned()));
    }
    (to, unmapped)
}

type Told = (Timestamp, ConversationKey, Party, Option<String>, String);

fn as_told(message: &TrueMessage) -> Told {
    (message.sent, message.conversation.clone(), message.sender.clone(), message.stanza_id.clone(), message.body.clone())
}
