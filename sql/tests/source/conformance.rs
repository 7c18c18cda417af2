//! The suite that every source must pass.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::{FutureExt, TryStreamExt};
use jabber_archive_core::{
    Jid, Record, Source, Sources, Span, Timestamp, Transfer,
    testing::conformance::{self, SourceSubject},
};
use jabber_archive_sql::{
    MssqlConfig, MssqlSource,
    testing::{ColumnType, Database, Office, Table, Value},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

use crate::{
    back_end::{BackEnd, Serving, on_every_back_end},
    setting::config,
};

on_every_back_end!(the_source_keeps_its_contract, several_databases_keep_it_together);

async fn the_source_keeps_its_contract(back_end: &BackEnd) {
    let (office, database) = filled(Office::new(3, 300));
    let served = back_end.serve(&database).await;
    let wire = Wire::to(&served).await;
    keeps_the_contract(&office, uploads(&database), &wire, || Arc::new(MssqlSource::new(wire.config.clone()))).await;
}

// No row of a real server can be given a rowversion.
#[tokio::test(flavor = "multi_thread")]
async fn the_source_keeps_its_contract_where_transfers_are_not_dated() {
    let (office, database) = filled(Office::new(4, 100));
    let dated = database.table("aft_log").unwrap();
    let place = dated.columns().iter().position(|(name, _)| name == "timestampvalue").unwrap();
    let mut undated = Table::new("aft_log");
    for (name, kind) in dated.columns() {
        undated = undated.column(name.as_str(), if name == "timestampvalue" { ColumnType::RowVersion } else { *kind });
    }
    let rows: Vec<Vec<Value>> = (0..)
        .zip(dated.read())
        .map(|(number, mut row)| {
            row[place] = Value::Int(number);
            row
        })
        .collect();
    database.put(undated.rows(rows));
    let served = BackEnd::StandIn.serve(&database).await;
    let wire = Wire::to(&served).await;
    keeps_the_contract(&office, uploads(&database), &wire, || Arc::new(MssqlSource::new(wire.config.clone()))).await;
}

async fn several_databases_keep_it_together(back_end: &BackEnd) {
    let (office, whole) = filled(Office::new(4, 300));
    let share = |tables: &[&str]| {
        let share = Database::new("tcmadb");
        share.set_clock(office.end());
        for table in tables {
            share.put(whole.table(table).unwrap());
        }
        share
    };
    let tables: [&[&str]; 2] = [&["jm", "tc_users"], &["tc_msgarchive", "tc_timelog", "tc_rooms", "aft_log"]];
    let messages = back_end.serve(&share(tables[0])).await;
    let rooms = back_end.serve(&share(tables[1])).await;
    let wire = Wire::to(&messages).await;
    let named = |config: MssqlConfig, share: usize| {
        let tables = tables[share].iter().map(ToString::to_string);
        Arc::new(MssqlSource::new(config.tables(tables).named(format!("share {share}")))) as Arc<dyn Source>
    };
    let together = || Sources::new([named(wire.config.clone(), 0), named(config(&rooms), 1)]).unwrap();
    keeps_the_contract(&office, uploads(&whole), &wire, || Arc::new(together())).await;
    assert_eq!(together().clocks().await.unwrap().len(), 2);
    let nicks = together().context().await.unwrap();
    assert!(nicks.len() > 1 && nicks == MssqlSource::new(config(&back_end.serve(&whole).await)).context().await.unwrap());
}

fn filled(office: Office) -> (Office, Database) {
    let database = Database::new("tcmadb");
    database.set_clock(office.end());
    office.fill(&database);
    // A company of this size sends few files: more uploads, some of one resource name, one of them long ago and one without a date.
    let upload = |(index, time): (i64, &str)| {
        let text = Value::text;
        let size = Value::Int(index);
        let sent = if time.is_empty() { Value::Null } else { Value::time(time.parse().unwrap()) };
        let resource = format!("more {}", index % 3);
        vec![
            size.clone(),
            text("chen@example.com"),
            text("bob@example.com"),
            text("Post"),
            text(&resource),
            text("a.pdf"),
            Value::Null,
            Value::Null,
            text("files2"),
            text("/files/a.pdf"),
            size.clone(),
            size,
            sent,
        ]
    };
    let times = ["2026-11-18T08:00:00Z", "2026-11-19T08:00:00Z", "2026-11-19T08:00:00.003Z", "1997-01-01T00:00:00Z", ""];
    database.insert("aft_log", (1_000..).zip(times).map(upload).collect());
    (office, database)
}

/// What the table of a database says of uploads, read by the names of its columns.
fn uploads(database: &Database) -> Vec<Transfer> {
    let table = database.table("aft_log").unwrap();
    let place = |name: &str| table.columns().iter().position(|(column, _)| column == name).unwrap();
    let upload = |row: Vec<Value>| {
        let text = |name: &str| match &row[place(name)] {
            Value::Text(text) => Some(text.to_string()),
            _ => None,
        };
        let Value::Int(index) = row[place("aft_index")] else { panic!("no index") };
        let Value::Int(size) = row[place("filesize")] else { panic!("no size") };
        let mut upload = Transfer::new(index, text("filename").unwrap());
        upload.name = text("real_filename").unwrap();
        upload.from = Jid::parse(&text("jid").unwrap());
        upload.to = Jid::parse(&text("to_jid").unwrap());
        upload.server = text("file_server");
        upload.path = text("file_path");
        upload.size = Some(size as u64);
        if let Value::DateTime(days, ticks) = row[place("timestampvalue")] {
            upload.sent = Some(Timestamp::from_sql_datetime(days, ticks));
        }
        (text("method").unwrap().to_lowercase() == "post").then_some(upload)
    };
    table.read().filter_map(upload).collect()
}

async fn keeps_the_contract<S: Source>(office: &Office, uploads: Vec<Transfer>, wire: &Wire, make: impl Fn() -> Arc<S>) {
    let records = everything(&*make(), office).await;
    assert!(uploads.len() > 3, "{}", uploads.len());
    let report = conformance::source(async || {
        let source = make();
        source.context().await.unwrap();
        let cut = wire.cut.clone();
        SourceSubject::new(source, records.clone()).with_transfers(uploads.clone()).interrupted_by(move || {
            cut.store(true, Ordering::Relaxed);
            async {}.boxed()
        })
    })
    .await;
    println!("{report}");
    assert!(report.skipped().is_empty(), "{report}");
}

/// Every row, read at once.
async fn everything(source: &dyn Source, office: &Office) -> Vec<Record> {
    let batches: Vec<Vec<Record>> = source.records(Span::new(Timestamp::MIN, office.end())).try_collect().await.unwrap();
    let records = batches.concat();
    let rows: u64 = ["jm", "tc_msgarchive", "tc_timelog"].iter().map(|table| office.rows()[*table]).sum();
    assert_eq!(records.len() as u64, rows);
    records
}

/// A wire to the server that can be cut once, behind as many bytes as no other answer has.
struct Wire {
    config: MssqlConfig,
    cut: Arc<AtomicBool>,
}

impl Wire {
    const LENGTH: usize = 150_000;

    async fn to(served: &Serving) -> Self {
        let (host, port) = served.server();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicBool::new(false));
        let shears = cut.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let behind = TcpStream::connect((host.as_str(), port)).await.unwrap();
                tokio::spawn(pass(client, behind, shears.clone()));
            }
        });
        Self { config: served.through(front), cut }
    }
}

async fn pass(client: TcpStream, server: TcpStream, cut: Arc<AtomicBool>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.into_split(), server.into_split());
    let requests = tokio::spawn(async move { copy(&mut from_client, &mut to_server).await.map(drop) });
    let (mut bytes, mut passed) = (vec![0; 8 << 10], 0);
    while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
        passed += read;
        if passed > Wire::LENGTH && cut.swap(false, Ordering::Relaxed) {
            break;
        }
        if to_client.write_all(&bytes[..read]).await.is_err() {
            break;
        }
    }
    requests.abort();
}
