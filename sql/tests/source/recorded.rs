//! What was never recorded, or is gone: each defect is put into the company's tables, and found by the archiver through the driver.

use std::{collections::BTreeMap, future::pending, sync::Arc, time::Duration};

use jabber_archive_core::{
    ArchiveFacts, Archiver, BareJid, Entry, EntryRecord, Finding, Link, Table, Timestamp, Transcript, TranscriptSettings,
    testing::memory::{MemoryLedger, MemorySink},
};
use jabber_archive_sql::testing::{Database, Office, Value};

use crate::setting::{source, start};

/// The places of columns.
const JM: Jm = Jm { to: 0, sent: 2, direction: 6, stanza: 10, flag: 13 };
const ARCHIVE: Archive = Archive { number: 0, room: 1, sent: 4 };

struct Jm {
    to: usize,
    sent: usize,
    direction: usize,
    stanza: usize,
    flag: usize,
}

struct Archive {
    number: usize,
    room: usize,
    sent: usize,
}

/// A company's database, and an archive of it.
struct World {
    office: Office,
    database: Database,
    sink: Arc<MemorySink>,
    ledger: Arc<MemoryLedger>,
}

impl World {
    fn new(office: Office) -> Self {
        let database = Database::new("tcmadb");
        office.fill(&database);
        Self { office, database, sink: Arc::default(), ledger: Arc::default() }
    }

    /// The same company, nothing archived, without the rows of a table that are not kept.
    fn retaining(office: Office, table: &str, keep: impl Fn(&[Value]) -> bool + Send + Sync + 'static) -> Self {
        let world = Self::new(office);
        world.database.retain(table, keep);
        world
    }

    /// Archives until the company's end, and gives what is found of rows that are not there.
    async fn run(&self) -> Vec<Finding> {
        self.run_at(self.office.end()).await
    }

    async fn run_at(&self, now: Timestamp) -> Vec<Finding> {
        self.database.set_clock(now);
        let server = start(&self.database).await;
        let facts = ArchiveFacts::new("office").unwrap();
        let converter = Arc::new(Transcript::new(&facts, TranscriptSettings::default()).unwrap());
        let pause = Arc::new(tokio::time::sleep);
        let archiver = Archiver::new(facts, Arc::new(source(&server)), converter, self.sink.clone(), self.ledger.clone(), pause);
        recorded(archiver.run(now, pending()).await.unwrap().findings)
    }

    /// The findings by the day of their window.
    fn of_days(&self) -> BTreeMap<Timestamp, Vec<Finding>> {
        let entries = self.ledger.entries();
        let entries = entries.iter().map(|(number, bytes)| Link::from_bytes(*number, bytes).unwrap().entry);
        let of_day = |entry: Entry| match entry.record {
            EntryRecord::Seal(seal) => Some((seal.span.start, recorded(seal.findings))),
            _ => None,
        };
        entries.filter_map(of_day).filter(|(_, findings)| !findings.is_empty()).collect()
    }

    /// The numbers that no row of the room archive has, by room.
    fn holes(&self) -> BTreeMap<String, Vec<i64>> {
        let mut held: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for row in self.database.table("tc_msgarchive").unwrap().read() {
            held.entry(text(&row[ARCHIVE.room]).to_owned()).or_default().push(int(&row[ARCHIVE.number]));
        }
        held.retain(|_, numbers| {
            numbers.sort_unstable();
            let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
            *numbers = (first..last).filter(|number| numbers.binary_search(number).is_err()).collect();
            !numbers.is_empty()
        });
        held
    }
}

fn recorded(findings: Vec<Finding>) -> Vec<Finding> {
    let kept = |finding: &Finding| {
        matches!(
            finding,
            Finding::Silence { .. }
                | Finding::NoOutgoing { .. }
                | Finding::MissingNumbers { .. }
                | Finding::UnarchivedRooms { .. }
                | Finding::UnrecordedOriginal { .. }
                | Finding::StartsLater { .. }
                | Finding::PurgeNear { .. }
        )
    };
    findings.into_iter().filter(kept).collect()
}

fn text(value: &Value) -> &str {
    if let Value::Text(text) = value { text } else { "" }
}

fn int(value: &Value) -> i64 {
    if let Value::Int(number) = value { *number } else { panic!("a number") }
}

fn time(value: &Value) -> Timestamp {
    if let Value::DateTime(days, ticks) = value { Timestamp::from_sql_datetime(*days, *ticks) } else { panic!("a time") }
}

fn day(office: &Office, number: u32) -> Timestamp {
    office.start().after(Duration::from_hours(24) * number)
}

/// How many numbers are missing, and which room lacks most of them.
fn missing(findings: &[Finding]) -> u64 {
    let numbers = findings.iter().map(|finding| match finding {
        Finding::MissingNumbers { numbers, rooms, worst } => {
            assert_eq!((worst.len() as u64, worst.iter().map(|gap| gap.numbers).sum::<u64>()), (*rooms, *numbers));
            *numbers
        }
        _ => 0,
    });
    numbers.sum()
}

#[tokio::test]
async fn of_a_company_nothing_is_found_but_the_numbers_that_it_left_out() {
    for (seed, messages, days) in [(0, 3_000, 5), (1, 3_000, 21), (2, 4_000, 36), (3, 4_000, 30), (4, 6_000, 24)] {
        let world = World::new(Office::new(seed, messages).days(days).indexed(seed % 2 == 0));
        let findings = world.run().await;
        let holes = world.holes();
        assert_eq!(missing(&findings), holes.values().map(|numbers| numbers.len() as u64).sum::<u64>(), "{seed}");
        assert!(!holes.is_empty(), "{seed}");
        for (day, findings) in world.of_days() {
            for finding in findings.iter().filter(|finding| !matches!(finding, Finding::MissingNumbers { .. })) {
                // Of small companies a room may be copied to its people before anything of it is archived.
                let Finding::UnarchivedRooms { named, .. } = finding else { panic!("{seed}: {finding:?}") };
                let archived = world.database.table("tc_msgarchive").unwrap();
                let archived = archived.read().filter(|row| time(&row[ARCHIVE.sent]) < day.after(Duration::from_hours(24)));
                let archived: Vec<BareJid> = archived.filter_map(|row| BareJid::new(text(&row[ARCHIVE.room]))).collect();
                assert!(named.iter().all(|room| !archived.contains(room)), "{seed}: {finding:?}");
            }
        }
        assert!(!findings.iter().any(Finding::is_of_a_run), "{seed}: {findings:?}");
    }
}

#[tokio::test]
async fn a_day_without_rows_is_found_and_nothing_else_of_a_busy_company() {
    let office = || Office::new(5, 12_000).days(22).indexed(true);
    let (start, end) = (day(&office(), 21), day(&office(), 22));
    assert_eq!(World::new(office()).run().await.iter().filter(|finding| matches!(finding, Finding::Silence { .. })).count(), 0);
    let world = World::retaining(office(), "jm", move |row| !(start..end).contains(&time(&row[JM.sent])));
    let silences: Vec<Finding> = world.run().await.into_iter().filter(|finding| matches!(finding, Finding::Silence { .. })).collect();
    let [Finding::Silence { table: Table::Jm, start: from, end: until, usual }] = &silences[..] else { panic!("{silences:?}") };
    assert_eq!((*from, *until), (start, end));
    assert!(*usual > 1_000, "{usual}");
}

#[tokio::test]
async fn hours_without_rows_are_found() {
    let office = || Office::new(6, 15_000).days(22).indexed(false);
    // 09:00 to 12:00.
    let [start, end] = [9, 12].map(|hour| day(&office(), 21).after(Duration::from_hours(hour)));
    let world = World::retaining(office(), "jm", move |row| !(start..end).contains(&time(&row[JM.sent])));
    let silences: Vec<Finding> = world.run().await.into_iter().filter(|finding| matches!(finding, Finding::Silence { .. })).collect();
    let [Finding::Silence { table: Table::Jm, start: from, end: until, usual }] = &silences[..] else { panic!("{silences:?}") };
    assert_eq!((*from, *until), (start, end));
    assert!(*usual > 300, "{usual}");
}

#[tokio::test]
async fn a_row_that_is_gone_from_the_room_archive_is_found_by_its_number() {
    let office = || Office::new(7, 2_000);
    let whole = World::new(office());
    let before = missing(&whole.run().await);
    // One that others of its room stand around, with no other hole beside it.
    let mut rows: Vec<(String, i64, Timestamp)> = Vec::new();
    for row in whole.database.table("tc_msgarchive").unwrap().read() {
        rows.push((text(&row[ARCHIVE.room]).to_owned(), int(&row[ARCHIVE.number]), time(&row[ARCHIVE.sent])));
    }
    rows.sort();
    let gone = rows.windows(5).find(|five| five[0].0 == five[4].0 && five[0].1 + 4 == five[4].1).unwrap()[2].clone();
    let (room, number) = (gone.0.clone(), gone.1);
    let world = World::retaining(office(), "tc_msgarchive", move |row| {
        (text(&row[ARCHIVE.room]), int(&row[ARCHIVE.number])) != (room.as_str(), number)
    });
    let findings = world.run().await;
    assert_eq!(missing(&findings), before + 1);
    let holds = |finding: &Finding| match finding {
        Finding::MissingNumbers { worst, .. } => {
            worst.iter().any(|gap| (gap.first..=gap.last).contains(&number) && Some(gap.room.clone()) == BareJid::new(&gone.0))
        }
        _ => false,
    };
    assert_eq!(findings.iter().filter(|finding| holds(finding)).count(), 1);
}

#[tokio::test]
async fn a_replay_whose_original_is_gone_is_found() {
    let office = || Office::new(8, 2_000);
    let whole = World::new(office());
    let baseline = whole.run().await;
    assert!(!baseline.iter().any(|finding| matches!(finding, Finding::UnrecordedOriginal { .. })), "{baseline:?}");
    let id =
        |row: &[Value]| text(&row[JM.stanza]).split(" id='").nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or_default().to_owned();
    let jm: Vec<Vec<Value>> = whole.database.table("jm").unwrap().read().collect();
    let originals: Vec<String> = jm.iter().filter(|row| text(&row[JM.flag]) == "N").map(|row| id(row)).collect();
    let replayed = jm.iter().filter(|row| text(&row[JM.flag]) == "H").find(|row| originals.contains(&id(row))).unwrap().clone();
    let lost = id(&replayed);
    assert!(lost.len() > 20, "an id that no other message has");
    let world = World::new(office());
    let gone = lost.clone();
    world.database.retain("jm", move |row| text(&row[JM.flag]) == "H" || !text(&row[JM.stanza]).contains(&gone));
    world.database.retain("tc_msgarchive", move |row| !row.iter().any(|value| text(value).contains(&lost)));
    let findings = world.run().await;
    let originals: Vec<&Finding> = findings.iter().filter(|finding| matches!(finding, Finding::UnrecordedOriginal { .. })).collect();
    assert_eq!(originals, [&Finding::UnrecordedOriginal { messages: 1 }]);
    let shown = time(&replayed[JM.sent]);
    let days = world.of_days();
    let (at, _) = days.iter().find(|(_, findings)| findings.contains(&Finding::UnrecordedOriginal { messages: 1 })).unwrap();
    assert!((*at..at.after(Duration::from_hours(24))).contains(&shown), "in the seal of the day on which it was shown");
}

#[tokio::test]
async fn days_without_outgoing_rows_are_found() {
    let world = World::retaining(Office::new(9, 2_000), "jm", |row| text(&row[JM.direction]) != "O");
    world.run().await;
    let days = world.of_days();
    assert_eq!(days.len(), 5);
    for (day, findings) in days {
        assert!(findings.iter().any(|finding| matches!(finding, Finding::NoOutgoing { rows } if *rows > 300)), "{day}: {findings:?}");
    }
}

#[tokio::test]
async fn a_persistent_room_without_archive_is_found_by_name() {
    let office = Office::new(10, 3_000);
    let room = "q3-planning4711@conference-2-standaloneclusterab12c.im.example.com";
    let world = World::retaining(office, "tc_msgarchive", move |row| text(&row[ARCHIVE.room]) != room);
    let copied = world.database.table("jm").unwrap().read().filter(|row| text(&row[JM.to]) == room).count();
    assert!(copied > 0);
    let findings = world.run().await;
    let named: Vec<&Vec<BareJid>> = findings
        .iter()
        .filter_map(|finding| match finding {
            Finding::UnarchivedRooms { rooms: 1, messages, named } if *messages > 0 => Some(named),
            _ => None,
        })
        .collect();
    assert!(!named.is_empty() && named.iter().all(|named| **named == [BareJid::new(room).unwrap()]), "{named:?}");
}

#[tokio::test]
async fn rows_that_were_purged_before_they_were_archived_are_found() {
    let world = World::new(Office::new(11, 1_000));
    let hours = Duration::from_hours(2);
    let first = day(&world.office, 2).after(hours);
    assert_eq!(world.run_at(first).await.iter().filter(|finding| matches!(finding, Finding::StartsLater { .. })).count(), 0);
    let kept = day(&world.office, 3);
    for (table, column) in [("jm", JM.sent), ("tc_msgarchive", ARCHIVE.sent)] {
        world.database.retain(table, move |row| time(&row[column]) >= kept);
    }
    let left = world.database.table("jm").unwrap().read().map(|row| time(&row[JM.sent])).min();
    let archived = world.database.table("tc_msgarchive").unwrap().read().map(|row| time(&row[ARCHIVE.sent])).min();
    let findings = world.run().await;
    let expected = Finding::StartsLater { first: left.into_iter().chain(archived).min(), archived_until: day(&world.office, 2) };
    assert!(findings.contains(&expected), "{findings:?}");
}

#[tokio::test]
async fn what_is_asked_for_that_is_asked_once_a_run() {
    for (indexed, of_jm) in [(true, 5), (false, 1)] {
        let world = World::new(Office::new(12, 300).indexed(indexed));
        let asked = |what: &str| world.database.statements().iter().filter(|statement| statement.contains(what)).count();
        let hours = |table: &str| asked(&format!("AS [cell] FROM [dbo].[{table}]"));
        // Two windows of many: the weeks before are days of their own.
        let most = day(&world.office, 2).after(Duration::from_hours(2));
        world.run_at(most).await;
        assert_eq!((hours("jm"), hours("tc_msgarchive"), asked("COLLATE Latin1_General_BIN2")), (of_jm, 1, 1));
        world.run_at(most).await;
        assert_eq!((hours("jm"), asked("COLLATE Latin1_General_BIN2")), (of_jm, 1), "nothing to seal, nothing to ask");
        world.run().await;
        assert_eq!((hours("jm"), hours("tc_msgarchive"), asked("COLLATE Latin1_General_BIN2")), (2 * of_jm, 2, 2));
    }
}
