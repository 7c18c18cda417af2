//! What is said, and the rows that it leaves in the source.

use std::{collections::BTreeMap, fmt, time::Duration};

use jabber_archive_core::{Record, Timestamp, UndecodableRow, testing::rows};

use crate::world::{ALICE, BOB, ROOM};

/// What was said once. No two have the same text, so that a mail tells which of them it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Saying {
    pub(crate) number: u32,
    /// Of those that were altered: how often.
    pub(crate) version: u32,
}

impl fmt::Display for Saying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}v{}x", self.number, self.version)
    }
}

impl Saying {
    /// Those in a text, in its order.
    pub(crate) fn read(text: &str) -> Vec<Self> {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
        let saying = |word: &str| {
            let (number, version) = word.strip_prefix('w')?.strip_suffix('x')?.split_once('v')?;
            Some(Self { number: number.parse().ok()?, version: version.parse().ok()? })
        };
        words.filter_map(saying).collect()
    }
}

/// A row of the source. Those of one saying are at most four minutes apart, and those of two are never of the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) saying: Saying,
    /// Who says it to whom.
    pub(crate) place: u8,
    /// Long enough that a few of them take several mails.
    pub(crate) long: bool,
    /// When it was said.
    pub(crate) base: Timestamp,
    /// So many seconds later the row is dated; each row of a saying has its own.
    pub(crate) offset: u8,
    /// Whether it can be decoded.
    pub(crate) readable: bool,
}

impl Row {
    pub(crate) const PLACES: u8 = 4;

    pub(crate) fn sent(&self) -> Timestamp {
        self.base.after(Duration::from_secs(self.offset.into()))
    }

    fn body(&self) -> String {
        let filler = if self.long { " mmmmmmmmm".repeat(6_000) } else { String::new() };
        format!("{}{filler}", self.saying)
    }

    pub(crate) fn record(&self) -> Record {
        let record = self.readable_record();
        if self.readable {
            return record;
        }
        let values = BTreeMap::from([("body_string".to_owned(), Some(self.saying.to_string()))]);
        Record::Undecodable(UndecodableRow {
            table: record.table(),
            sent: record.sent(),
            length: record.length(),
            reason: "no key decrypts body_string".into(),
            values,
        })
    }

    /// Incoming and outgoing rows of a chat; the room archive's row and those of a room's occupants.
    fn readable_record(&self) -> Record {
        let device = format!("bob@example.com/jabber_{}", self.offset);
        let row = match (self.place % Self::PLACES, self.offset % 2) {
            (0, 0) => rows::Row::jm(ALICE, &device),
            (0, _) => rows::Row::jm(ALICE, BOB).outgoing(),
            (1, 0) => rows::Row::jm("chen@example.com/x", &device),
            (1, _) => rows::Row::jm("chen@example.com/x", BOB).outgoing(),
            (2, 0) => rows::Row::jm(&format!("adhoc1@conference.example.com/{ALICE}"), &device).groupchat(),
            (2, _) => rows::Row::jm(ALICE, "adhoc1@conference.example.com").groupchat().outgoing(),
            (_, 0) => rows::Row::archived(ROOM, ALICE, "ali").number(self.saying.number.into()),
            (..) => rows::Row::jm(&format!("{ROOM}/ali"), &device).groupchat(),
        };
        row.at_time(self.sent()).id(&format!("id{}", self.saying.number)).body(&self.body()).record()
    }
}
