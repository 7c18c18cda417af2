//! Connections that end too soon, and servers that fall silent.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use jabber_archive_core::{Error, ErrorClass, Record, Source, Span};
use jabber_archive_sql::{
    MssqlSource, TimeLimits,
    testing::{Database, Fault, Value, tables},
};

use crate::setting::{config, database, jm_row, source, start};

fn span() -> Span {
    Span::new("2026-11-21T00:00:00Z".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap())
}

fn thousand() -> Database {
    let start = span().start;
    let rows = (0..1_000).map(|n| jm_row(Value::time(start.after(Duration::from_secs(n))), &format!("number {n}")));
    database(rows.collect())
}

async fn read(source: &MssqlSource) -> Result<Vec<Record>, Error> {
    let batches: Vec<Vec<Record>> = source.records(span()).try_collect().await?;
    Ok(batches.concat())
}

#[tokio::test]
async fn a_connection_lost_anywhere_is_an_error_and_the_next_reading_is_whole() {
    let database = thousand();
    let server = start(&database).await;
    let source = source(&server);
    for fault in [
        Fault::drop_after_rows("jm", 1),
        Fault::drop_after_rows("jm", 257),
        Fault::drop_after_rows("jm", 1_000),
        Fault::drop_before_done("jm"),
        Fault::error("jm", 1205),
        Fault::error("jm", 1205).after_rows(500),
        Fault::error("jm", 596).after_rows(500),
        Fault::refuse_logins(),
    ] {
        // The lookup is done, so that the fault meets the reading.
        source.extent(span().end).await.unwrap();
        database.inject(fault.clone());
        let error = read(&source).await.expect_err(&format!("{fault:?}"));
        assert_eq!(error.class(), ErrorClass::Transient, "{fault:?}: {error}");
        assert_eq!(read(&source).await.unwrap().len(), 1_000, "{fault:?}");
    }
}

#[tokio::test]
async fn an_error_ends_the_stream() {
    let database = thousand();
    let server = start(&database).await;
    let source = source(&server);
    source.extent(span().end).await.unwrap();
    database.inject(Fault::drop_before_done("jm"));
    let mut records = source.records(span());
    let mut rows = 0;
    while let Some(Ok(batch)) = records.next().await {
        rows += batch.len();
    }
    assert!(rows <= 1_000);
    assert!(records.next().await.is_none());
}

#[tokio::test]
async fn an_error_of_which_nobody_knows_what_it_quotes_is_told_by_its_number_alone() {
    let database = thousand();
    let server = start(&database).await;
    let source = source(&server);
    database.inject(Fault::error("jm", 245).after_rows(7));
    let error = read(&source).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("SQL Server error 245") && !shown.contains("see you at noon"), "{shown}");
}

#[tokio::test]
async fn a_count_that_breaks_off_is_an_error() {
    let database = thousand();
    let server = start(&database).await;
    let source = source(&server);
    source.extent(span().end).await.unwrap();
    for fault in [Fault::drop_before_done("jm").in_counts(), Fault::drop_after_rows("jm", 1).in_counts()] {
        database.inject(fault);
        let error = source.tally(span(), &jabber_archive_core::Grid::daily()).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient, "{error}");
    }
    let tallies = source.tally(span(), &jabber_archive_core::Grid::daily()).await.unwrap();
    assert_eq!(tallies.iter().map(|tally| tally.rows).sum::<u64>(), 1_000);
}

#[tokio::test]
async fn silence_is_not_waited_for_without_end() {
    let database = thousand();
    let server = start(&database).await;
    let limits = TimeLimits::new(Duration::from_secs(5), Duration::from_secs(2), Duration::from_millis(200));
    let scanned = MssqlSource::new(config(&server).limits(limits));
    scanned.extent(span().end).await.unwrap();
    database.put(tables::jm().index("sent_date").rows(database.table("jm").unwrap().read().collect::<Vec<_>>()));
    let sought = MssqlSource::new(config(&server).limits(limits));
    sought.extent(span().end).await.unwrap();
    for (source, rows, what) in [
        (&sought, 0, "no first row within 2 s"),
        (&sought, 300, "neither a further row nor the end within 0.2 s"),
        // A scan finds the rows of a window close together and is silent from there to the table's end.
        (&scanned, 1_000, "neither a further row nor the end within 2 s"),
    ] {
        database.inject(Fault::stall("jm", rows));
        let begun = Instant::now();
        let error = read(source).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient);
        assert!(error.to_string().contains(what), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_dropped_stream_closes_its_connections() {
    let database = thousand();
    let server = start(&database).await;
    let source = source(&server);
    let mut records = source.records(span());
    records.next().await.unwrap().unwrap();
    drop(records);
    let begun = Instant::now();
    while database.connections() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "{} connections are open", database.connections());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn nothing_is_sent_but_the_published_statements() {
    let database = thousand();
    let server = start(&database).await;
    let source = source(&server);
    read(&source).await.unwrap();
    source.context().await.unwrap();
    source.tally(span(), &jabber_archive_core::Grid::daily()).await.unwrap();
    source.survey().await.unwrap();
    for statement in database.statements() {
        assert!(statement.starts_with("SELECT ") || statement.starts_with("SET NOCOUNT ON"), "{statement}");
    }
}
