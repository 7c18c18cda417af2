//! What goes wrong at every point of the protocol: an error of the right class, never a hang, never a short reading taken for the end; and an archive that is what it would
//! have been.

use std::{
    collections::BTreeMap,
    future::{pending, ready},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use jabber_archive_core::{
    ArchiveFacts, Archiver, Digest, Error, ErrorClass, ItemKey, KeptKind, MemoryDirectory, People, Record, Result, Source, Span,
    Transcript, TranscriptSettings,
    testing::memory::{MemoryLedger, MemorySink},
};
use jabber_archive_sql::{
    MssqlSource, TimeLimits,
    testing::{Database, Ending, Fault, Moment, Office, Phase, SqlServer, Value},
};

use tokio::sync::OnceCell;

use crate::setting::{config, database, jm_row, start};

const ROWS: u64 = 80;
/// A silence longer than this is not waited for.
const LIMIT: Duration = Duration::from_millis(400);

fn span() -> Span {
    Span::new("2026-11-21T00:00:00Z".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap())
}

/// Rows with a long text each.
fn rows() -> Database {
    let long = "long ".repeat(200);
    let rows = (0..ROWS).map(|n| {
        let mut row = jm_row(Value::time(span().start.after(Duration::from_secs(n))), &format!("number {n}"));
        row[9] = Value::Null;
        row[11] = Value::text(format!("{n} {long}"));
        row
    });
    database(rows.collect())
}

fn source(server: &SqlServer) -> MssqlSource {
    MssqlSource::new(config(server).limits(TimeLimits::new(LIMIT, LIMIT, LIMIT)))
}

async fn read(source: &MssqlSource) -> Result<Vec<Record>> {
    let batches: Vec<Vec<Record>> = source.records(span()).try_collect().await?;
    let mut records = batches.concat();
    records.sort();
    Ok(records)
}

/// The archiver over a database, and what it leaves behind.
struct Archive {
    office: Office,
    database: Database,
    source: Arc<MssqlSource>,
    sink: Arc<MemorySink>,
    ledger: Arc<MemoryLedger>,
    _server: SqlServer,
}

#[derive(Debug, PartialEq)]
struct Content {
    items: BTreeMap<ItemKey, bytes::Bytes>,
    lists: BTreeMap<Digest, bytes::Bytes>,
    dead_letters: BTreeMap<Digest, bytes::Bytes>,
}

impl Archive {
    async fn new() -> Self {
        let office = Office::new(31, 80);
        let database = Database::new("tcmadb");
        database.set_clock(office.end());
        office.fill(&database);
        let server = start(&database).await;
        let source = Arc::new(source(&server));
        // The lookup is done, so that a fault of a table meets the reading.
        source.extent(office.end()).await.unwrap();
        Self { office, database, source, sink: Arc::default(), ledger: Arc::default(), _server: server }
    }

    async fn run(&self) -> Result<()> {
        let facts = ArchiveFacts::new("faults").unwrap();
        let converter = Arc::new(Transcript::new(&facts, TranscriptSettings::default()).unwrap());
        let directory = MemoryDirectory::from_csv(self.office.directory_csv().as_bytes()).unwrap();
        let people = People::new(Arc::new(directory)).internal_domains(self.office.internal_domains());
        let pause = Arc::new(|_: Duration| ready(()));
        let archiver = Archiver::new(facts, self.source.clone(), converter, self.sink.clone(), self.ledger.clone(), pause).people(people);
        archiver.run(self.office.end(), pending()).await.map(|_| ())
    }

    fn content(&self) -> Content {
        let kept = |kind| self.ledger.kept(kind);
        Content { items: self.sink.items(), lists: kept(KeptKind::List), dead_letters: kept(KeptKind::DeadLetter) }
    }
}

/// An archive that meets these faults, one in each of its runs, is in the end the one that met none.
async fn ends_as_if_undisturbed(faults: &[Fault]) {
    static UNDISTURBED: OnceCell<Content> = OnceCell::const_new();
    let expected = UNDISTURBED.get_or_init(async || {
        let archive = Archive::new().await;
        archive.run().await.unwrap();
        archive.content()
    });
    let expected = expected.await;
    let disturbed = Archive::new().await;
    for fault in faults {
        disturbed.database.inject(fault.clone());
    }
    for _ in faults {
        if disturbed.run().await.is_ok() {
            break;
        }
    }
    disturbed.run().await.unwrap();
    assert!(expected.items.len() > 20);
    assert!(disturbed.content() == *expected, "{faults:?}");
}

/// Every one of the faults is a transient error within the limit, after which the reading is whole; and does an archive no harm.
async fn may_pass(faults: &[Fault]) {
    let database = rows();
    let server = start(&database).await;
    let source = source(&server);
    source.extent(span().end).await.unwrap();
    let whole = read(&source).await.unwrap();
    assert_eq!(whole.len() as u64, ROWS);
    for fault in faults {
        database.inject(fault.clone());
        let begun = Instant::now();
        let error: Error = read(&source).await.expect_err(&format!("{fault:?}"));
        assert_eq!(error.class(), ErrorClass::Transient, "{fault:?}: {error}");
        // The limit, and what the machine takes for the rest.
        assert!(begun.elapsed() < Duration::from_secs(20), "{fault:?} took {:?}", begun.elapsed());
        assert!(read(&source).await.unwrap() == whole, "{fault:?}");
    }
    ends_as_if_undisturbed(faults).await;
}

fn both(moment: Moment) -> [Fault; 2] {
    [Ending::Drop, Ending::Stall].map(|ending| Fault::at("jm", moment, ending))
}

#[tokio::test]
async fn before_prelogin_is_answered() {
    may_pass(&[Ending::Drop, Ending::Stall].map(|ending| Fault::before_login(Phase::Connected, ending))).await;
}

#[tokio::test]
async fn in_the_answer_to_prelogin() {
    may_pass(&[Ending::Drop, Ending::Stall].map(|ending| Fault::before_login(Phase::Prelogin, ending))).await;
}

#[tokio::test]
async fn before_the_login_is_answered() {
    may_pass(&[Ending::Drop, Ending::Stall].map(|ending| Fault::before_login(Phase::Login, ending))).await;
}

#[tokio::test]
async fn in_the_answer_to_the_login() {
    may_pass(&[Ending::Drop, Ending::Stall].map(|ending| Fault::before_login(Phase::LoginAnswer, ending))).await;
}

#[tokio::test]
async fn in_the_header_of_a_packet() {
    may_pass(&both(Moment::Header)).await;
}

#[tokio::test]
async fn in_the_description_of_the_columns() {
    may_pass(&both(Moment::Columns)).await;
}

#[tokio::test]
async fn before_the_first_row() {
    may_pass(&both(Moment::After(0))).await;
}

#[tokio::test]
async fn within_a_row() {
    for row in [1, 7, 64] {
        may_pass(&both(Moment::Within(row))).await;
    }
}

#[tokio::test]
async fn within_a_long_text() {
    let database = rows();
    let server = start(&database).await;
    let source = source(&server);
    let whole = read(&source).await.unwrap();
    for row in [1, 40, ROWS] {
        for fault in both(Moment::WithinText(row)) {
            database.inject(fault.clone());
            let error = read(&source).await.expect_err(&format!("{fault:?}"));
            assert_eq!(error.class(), ErrorClass::Transient, "{fault:?}: {error}");
            assert!(read(&source).await.unwrap() == whole, "{fault:?}");
        }
    }
    ends_as_if_undisturbed(&both(Moment::WithinText(3))).await;
}

#[tokio::test]
async fn after_the_last_row_before_done() {
    may_pass(&both(Moment::Done)).await;
}

#[tokio::test]
async fn within_done() {
    may_pass(&both(Moment::WithinDone)).await;
}

#[tokio::test]
async fn in_counts_too() {
    let database = rows();
    let server = start(&database).await;
    let source = source(&server);
    source.extent(span().end).await.unwrap();
    let grid = jabber_archive_core::Grid::daily();
    for moment in [Moment::Header, Moment::Columns, Moment::After(0), Moment::Within(1), Moment::Done, Moment::WithinDone] {
        for fault in both(moment).map(Fault::in_counts) {
            database.inject(fault.clone());
            let error = source.tally(span(), &grid).await.expect_err(&format!("{fault:?}"));
            assert_eq!(error.class(), ErrorClass::Transient, "{fault:?}: {error}");
            assert_eq!(source.tally(span(), &grid).await.unwrap()[0].rows, ROWS);
        }
        ends_as_if_undisturbed(&both(moment).map(Fault::in_counts)).await;
    }
}

#[tokio::test]
async fn an_error_of_the_server_after_rows_were_sent_is_no_end() {
    // Deadlock, lock timeout, failover, resources, shutdown, and a session that was killed.
    let errors = [1205, 1222, 976, 983, 701, 6005, 596, 40_501, 40_613];
    let faults: Vec<Fault> =
        errors.into_iter().flat_map(|number| [1, 70].map(|rows| Fault::error("jm", number).after_rows(rows))).collect();
    may_pass(&faults).await;
}

#[tokio::test]
async fn an_error_that_does_not_pass_ends_the_run_and_the_next_goes_on() {
    let database = rows();
    let server = start(&database).await;
    let source = source(&server);
    source.extent(span().end).await.unwrap();
    for number in [207, 229, 3952, 823, 50_000] {
        database.inject(Fault::error("jm", number).after_rows(70));
        let error = read(&source).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Fatal, "{number}: {error}");
        assert!(error.to_string().contains(&number.to_string()), "{error}");
    }
    ends_as_if_undisturbed(&[Fault::error("jm", 207).after_rows(7)]).await;
}

#[tokio::test]
async fn a_byte_that_is_another_in_the_place_of_a_token_never_makes_a_short_reading() {
    const DONE_IN_PROC: u8 = 0xFF;
    // Every token that there is, and some that are none.
    const TOKENS: [u8; 26] = [
        0x79, 0x81, 0x88, 0xA4, 0xA5, 0xA9, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xD1, 0xD2, 0xD3, 0xE3, 0xE4, 0xED, 0xEE, 0xFD, 0xFE, 0xFF, 0x00,
        0x01, 0x78, 0x80, 0xD0,
    ];
    let database = rows();
    let server = start(&database).await;
    let source = source(&server);
    source.extent(span().end).await.unwrap();
    let whole = read(&source).await.unwrap();
    let mut silent = Vec::new();
    for token in TOKENS {
        for (moment, right) in [(Moment::Within(40), 0xD1), (Moment::Done, DONE_IN_PROC)] {
            if token == right {
                continue;
            }
            database.inject(Fault::at("jm", moment, Ending::Token(token)));
            match read(&source).await {
                Ok(found) if found == whole => silent.push((moment, token)),
                Ok(found) => panic!("{moment:?} {token:#x}: {} rows were taken for all", found.len()),
                Err(error) => assert_ne!(error.class(), ErrorClass::Item, "{moment:?} {token:#x}: {error}"),
            }
        }
    }
    println!("not noticed, and harmless: {silent:x?}");
    assert!(read(&source).await.unwrap() == whole);
    let faults = [0x00, 0xD2, 0xFD, 0xFF, 0xAA].map(|token| Fault::at("jm", Moment::Within(5), Ending::Token(token)));
    ends_as_if_undisturbed(&faults).await;
}
