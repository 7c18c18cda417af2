//! The suite that every source must pass.

use std::sync::Arc;

use futures::FutureExt;
use jabber_archive_core::{
    Record, Source,
    testing::conformance::{self, SourceSubject},
};
use jabber_archive_sql::{
    MssqlSource,
    testing::{Database, Fault, Office, SqlServer},
};

use crate::setting::{config, start};

#[tokio::test(flavor = "multi_thread")]
async fn the_source_keeps_its_contract() {
    let office = Office::new(3, 300);
    let database = Database::new("tcmadb");
    database.set_clock(office.end());
    office.fill(&database);
    let server = start(&database).await;
    let records = everything(&server, &office).await;
    let report = conformance::source(async || {
        let source = MssqlSource::new(config(&server));
        source.context().await.unwrap();
        let database = database.clone();
        SourceSubject::new(Arc::new(source), records.clone()).interrupted_by(move || {
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
