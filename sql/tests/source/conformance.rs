//! The suite that every source must pass.

use std::sync::Arc;

use futures::FutureExt;
use jabber_archive_core::{
    Jid, Record, Source, Timestamp, Transfer,
    testing::conformance::{self, SourceSubject},
};
use jabber_archive_sql::{
    MssqlSource,
    testing::{ColumnType, Database, Fault, Office, SqlServer, Table, Value},
};

use crate::setting::{config, start};

#[tokio::test(flavor = "multi_thread")]
async fn the_source_keeps_its_contract() {
    let (office, database) = filled(Office::new(3, 300));
    keeps_its_contract(&office, &database).await;
}

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
    keeps_its_contract(&office, &database).await;
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

async fn keeps_its_contract(office: &Office, database: &Database) {
    let server = start(database).await;
    let records = everything(&server, office).await;
    let uploads = uploads(database);
    assert!(uploads.len() > 3, "{}", uploads.len());
    let report = conformance::source(async || {
        let source = MssqlSource::new(config(&server));
        source.context().await.unwrap();
        let database = database.clone();
        SourceSubject::new(Arc::new(source), records.clone()).with_transfers(uploads.clone()).interrupted_by(move || {
            let database = database.clone();
            async move { database.inject(Fault::drop_before_done("jm")) }.boxed()
        })
    })
    .await;
    println!("{report}");
    assert!(report.skipped().is_empty(), "{report}");
}

/// Every row of the database, read at once.
async fn everything(server: &SqlServer, office: &Office) -> Vec<Record> {
    use futures::TryStreamExt;
    use jabber_archive_core::{Span, Timestamp};

    let source = MssqlSource::new(config(server));
    let batches: Vec<Vec<Record>> = source.records(Span::new(Timestamp::MIN, office.end())).try_collect().await.unwrap();
    let records = batches.concat();
    let rows: u64 = ["jm", "tc_msgarchive", "tc_timelog"].iter().map(|table| office.rows()[*table]).sum();
    assert_eq!(records.len() as u64, rows);
    records
}
