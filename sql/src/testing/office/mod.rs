//! A seeded company whose chats fill a database, and the true list of its messages.

mod encryption;
mod people;
mod rooms;
mod rows;
mod scene;
mod stanza;
mod texts;
mod truth;

use std::{collections::BTreeMap, fmt, sync::OnceLock, time::Duration};

use fastrand::Rng;
use jabber_archive_core::{SkipReason, Timestamp};

pub use self::truth::{TrueFile, TrueMessage};
use self::{
    scene::{Days, Scene},
    truth::Truth,
};
use super::{
    ArchiverKey,
    server::{Database, Table, Value},
};

/// A company whose chats fill the tables of a database, and who knows what was really said.
///
/// Everything follows from the seed and the settings. Each kind of message that is found in such databases occurs, from plain chats to rows of a node with a dead
/// clock; each is a scene, and messages never look alike by accident: where ids, texts and times are the same, that is the scene's point.
///
/// ```
/// use jabber_archive_sql::testing::{Database, Office};
///
/// let office = Office::new(7, 500).days(3);
/// let database = Database::new("tcmadb");
/// office.fill(&database);
/// assert!(office.truth().len() >= 500);
/// assert_eq!(office.end().to_string(), "2026-11-21T02:00:00.000Z");
/// ```
pub struct Office {
    seed: u64,
    messages: usize,
    start: Option<Timestamp>,
    days: u32,
    indexed: bool,
    with_future: bool,
    keys: Vec<ArchiverKey>,
    chats: OnceLock<Chats>,
}

#[derive(Debug)]
struct Chats {
    tables: Vec<Table>,
    rows: BTreeMap<String, u64>,
    truth: Truth,
}

impl Office {
    /// 2026-11-21T00:00:00Z: where the days end unless a start is given.
    const LAST_MIDNIGHT: Timestamp = Timestamp::from_millis(1_795_219_200_000);

    /// A company that writes so many messages, or some more, in the five days before 2026-11-21.
    ///
    /// There are never fewer than about 60 messages: each kind of scene is played once before any is played again.
    pub fn new(seed: u64, messages: usize) -> Self {
        Self { seed, messages, start: None, days: 5, indexed: false, with_future: false, keys: Vec::new(), chats: OnceLock::new() }
    }

    /// With the first day beginning at this midnight.
    #[must_use]
    pub fn starting(mut self, midnight: Timestamp) -> Self {
        self.start = Some(midnight);
        self.chats = OnceLock::new();
        self
    }

    /// Over so many days, at least two: some messages are logged on both sides of a midnight.
    #[must_use]
    pub fn days(mut self, days: u32) -> Self {
        self.days = days.max(2);
        self.chats = OnceLock::new();
        self
    }

    /// With an index on `jm.sent_date` or without one, as Cisco documents the table.
    #[must_use]
    pub fn indexed(mut self, indexed: bool) -> Self {
        self.indexed = indexed;
        self.chats = OnceLock::new();
        self
    }

    /// With some rows of `jm` that are dated after [`end`](Office::end); they are not in the truth.
    #[must_use]
    pub fn with_future(mut self, with_future: bool) -> Self {
        self.with_future = with_future;
        self.chats = OnceLock::new();
        self
    }

    /// With a message archiver that encrypts from some day on, under one key after the other; some rows stay plain. The truth is the same.
    #[must_use]
    pub fn encrypted(mut self, keys: impl IntoIterator<Item = ArchiverKey>) -> Self {
        self.keys = keys.into_iter().collect();
        self.chats = OnceLock::new();
        self
    }

    /// Puts `jm`, `tc_msgarchive`, `tc_rooms`, `tc_users`, `tc_timelog` and `aft_log` into a database, rows in no order.
    pub fn fill(&self, database: &Database) {
        for table in &self.chats().tables {
            database.put(table.clone());
        }
    }

    /// What was really said, in order of time.
    pub fn truth(&self) -> &[TrueMessage] {
        &self.chats().truth.messages
    }

    /// What lies on the file server.
    pub fn stored_files(&self) -> impl Iterator<Item = &TrueFile> {
        self.truth().iter().flat_map(|message| &message.stored).flatten()
    }

    /// How many rows are no message, by table and reason.
    pub fn skipped(&self) -> &BTreeMap<(jabber_archive_core::Table, SkipReason), u64> {
        &self.chats().truth.skipped
    }

    /// How many values hold a broken surrogate.
    pub fn replaced(&self) -> u64 {
        self.chats().truth.replaced
    }

    /// How many rows are dated in the future.
    pub fn future(&self) -> u64 {
        self.chats().truth.future
    }

    /// How many rows each table has.
    pub fn rows(&self) -> &BTreeMap<String, u64> {
        &self.chats().rows
    }

    /// How often each kind of scene was played.
    pub fn scenes(&self) -> &BTreeMap<&'static str, usize> {
        &self.chats().truth.scenes
    }

    /// The directory as CSV: `jid,email,name,valid_from,valid_until`. Some people are missing; a user id and an address change hands halfway.
    pub fn directory_csv(&self) -> String {
        let days = self.span();
        people::directory_csv(days.midnight(days.number / 2))
    }

    /// The company's own domains.
    pub fn internal_domains(&self) -> Vec<String> {
        vec![people::DOMAIN.to_owned()]
    }

    /// The midnight at which the first day begins. A few rows are dated before: those of a dead clock, and of people who entered rooms long ago.
    pub fn start(&self) -> Timestamp {
        self.span().start
    }

    /// Two hours after the last midnight: by then every day is over.
    pub fn end(&self) -> Timestamp {
        self.span().last().after(Duration::from_hours(2))
    }

    fn span(&self) -> Days {
        let start = self.start.unwrap_or_else(|| Self::LAST_MIDNIGHT.before(Duration::from_hours(24) * self.days));
        Days { start, number: self.days }
    }

    fn chats(&self) -> &Chats {
        self.chats.get_or_init(|| {
            let mut scene = Scene::play(Rng::with_seed(self.seed), self.span(), self.messages);
            if self.with_future {
                scene.play_future(self.end());
            }
            let (tables, truth, mut rng) = scene.finish();
            let seal = |rows: &mut [Vec<Value>]| {
                if !self.keys.is_empty() {
                    encryption::encrypt(rows, &self.keys, self.span(), &mut Rng::with_seed(self.seed));
                }
            };
            let tables = tables.finish(self.indexed, &mut rng, seal);
            let rows = tables.iter().map(|table| (table.name().to_owned(), table.read().count() as u64)).collect();
            Chats { tables, rows, truth }
        })
    }
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office")
            .field("seed", &self.seed)
            .field("messages", &self.messages)
            .field("days", &self.days)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_rows(office: &Office) -> Vec<Vec<Vec<Value>>> {
        office.chats().tables.iter().map(|table| table.read().collect()).collect()
    }

    #[test]
    fn one_seed_makes_the_same_tables_and_another_makes_others() {
        assert_eq!(all_rows(&Office::new(1, 300)), all_rows(&Office::new(1, 300)));
        assert_ne!(all_rows(&Office::new(1, 300)), all_rows(&Office::new(2, 300)));
    }

    #[test]
    fn every_kind_of_scene_is_played_in_a_hundred_messages() {
        let office = Office::new(3, 100);
        assert_eq!(office.scenes().len(), scene::KINDS.len());
        assert!((100..110).contains(&office.truth().len()), "{}", office.truth().len());
    }

    #[test]
    fn every_row_has_a_value_for_each_column() {
        for table in &Office::new(4, 200).chats().tables {
            assert!(table.read().all(|row| row.len() == table.columns().len()), "{}", table.name());
        }
    }

    #[test]
    fn nothing_is_dated_behind_the_end_unless_asked_for() {
        let last = |office: &Office| office.truth().iter().map(|message| message.sent).max().unwrap();
        let office = Office::new(5, 200).with_future(true);
        assert!(last(&office) < office.end());
        assert_eq!((office.future(), Office::new(5, 200).future()), (5, 0));
    }

    #[test]
    fn every_text_stands_in_the_column_for_its_length() {
        let office = Office::new(6, 2_000);
        let jm = &office.chats().tables[0];
        let place = |name: &str| jm.columns().iter().position(|(column, _)| column == name).unwrap();
        for name in ["body", "message"] {
            let [length, string, text] = ["len", "string", "text"].map(|kind| place(&format!("{name}_{kind}")));
            let mut long = 0;
            for row in jm.read() {
                let Value::Int(length) = row[length] else { panic!("a length is an int") };
                assert!(row[string] == Value::Null || row[text] == Value::Null);
                assert_eq!(row[text] != Value::Null, length > 4_000);
                long += u64::from(length > 4_000);
            }
            assert!(long > 0, "{name}");
        }
    }
}
