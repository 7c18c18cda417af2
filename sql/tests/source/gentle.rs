//! What the server notices of us.

use std::{
    future::pending,
    num::NonZeroU8,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{TryStreamExt, stream::BoxStream};
use jabber_archive_core::{
    ArchiveFacts, Archiver, ByteStream, Capability, ItemKey, MailItem, ObjectKey, Record, Result, Sink, Source, Span, Stored, Transcript,
    TranscriptSettings, Window,
    testing::memory::{MemoryLedger, MemorySink},
};
use jabber_archive_sql::{
    MssqlSource,
    testing::{Value, tables},
};
use tokio::sync::Semaphore;

use crate::setting::{config, database, jm_row, source, start};

#[tokio::test]
async fn a_login_says_who_it_is_and_that_it_only_reads() {
    let database = database(Vec::new());
    let server = start(&database).await;
    source(&server).clocks().await.unwrap();
    MssqlSource::new(config(&server).read_only_intent(false)).clocks().await.unwrap();
    let [reads, may_write] = &database.sign_ins()[..] else { panic!("{:?}", database.sign_ins()) };
    assert_eq!((reads.user.as_str(), reads.database.as_str(), reads.by_token), ("jabber_reader", "tcmadb", false));
    assert_eq!(reads.application, concat!("jabber-archive ", env!("CARGO_PKG_VERSION")));
    assert_eq!(reads.server, "127.0.0.1");
    assert!(reads.read_only_intent && !may_write.read_only_intent);
}

#[tokio::test]
async fn every_connection_first_gives_way_to_writers() {
    let database = database(vec![jm_row(Value::time("2026-11-21T10:00:00Z".parse().unwrap()), "x")]);
    let server = start(&database).await;
    let source = source(&server);
    source.extent("2026-11-22T00:00:00Z".parse().unwrap()).await.unwrap();
    source.context().await.unwrap();
    let settings = |isolation: &str| {
        format!(
            "SET NOCOUNT ON; SET TEXTSIZE 2147483647; SET DEADLOCK_PRIORITY LOW; SET LOCK_TIMEOUT 30000; SET TRANSACTION ISOLATION LEVEL {isolation};"
        )
    };
    let statements = database.statements();
    let (set, asked): (Vec<&String>, Vec<&String>) = statements.iter().partition(|statement| statement.starts_with("SET "));
    assert_eq!(set.len(), database.sign_ins().len(), "one batch for each connection");
    assert_eq!(statements.first(), Some(&settings("READ COMMITTED")));
    assert!(set.iter().all(|batch| **batch == settings("READ COMMITTED") || **batch == settings("SNAPSHOT")), "{set:?}");
    // Whatever reads a table of messages does so by row versions.
    let at = statements.iter().position(|statement| statement.contains("FROM [dbo].[jm]")).unwrap();
    assert_eq!(statements[at - 1], settings("SNAPSHOT"));
    assert!(!asked.is_empty());
}

/// A sink that takes nothing until it is let go.
#[derive(Debug)]
struct Stalled {
    inner: MemorySink,
    go: Semaphore,
}

#[async_trait]
impl Sink for Stalled {
    fn capability(&self) -> Capability {
        self.inner.capability()
    }
    async fn put(&self, item: &MailItem) -> Result<Stored> {
        let _go = self.go.acquire().await.unwrap();
        self.inner.put(item).await
    }
    async fn put_object(&self, key: &ObjectKey, content: ByteStream) -> Result<Stored> {
        let _go = self.go.acquire().await.unwrap();
        self.inner.put_object(key, content).await
    }
    async fn commit(&self, window: &Window) -> Result<()> {
        self.inner.commit(window).await
    }
    async fn read(&self, key: &ItemKey) -> Result<Bytes> {
        self.inner.read(key).await
    }
    fn list(&self, window: &Window) -> BoxStream<'static, Result<ItemKey>> {
        self.inner.list(window)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_drained_while_the_sink_stands_still() {
    // Two days of rows, far more than sockets hold on the way.
    let text = "x".repeat(1_900);
    let row = |day: u64, n: u64| {
        let sent = jabber_archive_core::Timestamp::PLAUSIBLE.after(Duration::from_secs(86_400 * day + n));
        jm_row(Value::time(sent), &format!("{n} {text}"))
    };
    let (rows, megabytes) = (4_000, (4_000 * 2 * 2 * 1_900) >> 20);
    assert!(megabytes > 25, "{megabytes}");
    let days = (0..2).flat_map(|day| (0..rows).map(move |n| (day, n)));
    let database = database(Vec::new());
    database.put(tables::jm().index("sent_date").rows(days.map(|(day, n)| row(day, n)).collect::<Vec<_>>()));
    let server = start(&database).await;

    let facts = ArchiveFacts::new("test").unwrap();
    let sink = Arc::new(Stalled { inner: MemorySink::default(), go: Semaphore::new(0) });
    let converter = Transcript::new(&facts, TranscriptSettings::default()).unwrap();
    let source: Arc<dyn Source> = Arc::new(source(&server));
    let mut settings = jabber_archive_core::RunSettings::default();
    // Of which rows that are read have a quarter, those of both chunks: nothing else may wait in memory.
    settings.memory = 4 * (48 << 20);
    let ledger = Arc::new(MemoryLedger::default());
    let archiver = Archiver::new(facts, source, Arc::new(converter), sink.clone(), ledger, Arc::new(tokio::time::sleep)).settings(settings);
    let now = jabber_archive_core::Timestamp::PLAUSIBLE.after(Duration::from_hours(72));
    database.set_clock(now);
    let run = tokio::spawn(async move { archiver.run(now, pending()).await });

    let drained = || {
        let reading = |statement: &str| statement.contains("FROM [dbo].[jm]") && statement.contains("[body_text]");
        database.answered_statements().into_iter().filter(|answered| reading(&answered.statement)).collect::<Vec<_>>()
    };
    let begun = Instant::now();
    while drained().len() < 2 {
        let (drained, open) = (drained().len(), database.connections());
        assert!(begun.elapsed() < Duration::from_mins(2), "{drained} statements are drained, {open} connections are open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The sink has taken nothing so far, and stands still for as long again as reading took, and longer.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(sink.inner.items().is_empty() && !run.is_finished());
    assert_eq!(drained().len(), 2);
    assert_eq!(database.connections(), 0, "no statement and no connection is held open meanwhile");
    for answered in drained() {
        let held = answered.ended - answered.began;
        println!("{rows} rows, {megabytes} MiB on the wire: {held:?} from the first row to the last");
        // A debug build; what matters is that it does not grow with the time that the sink stands still.
        assert!(held < Duration::from_secs(30), "{held:?}");
    }
    sink.go.add_permits(1_000);
    let report = run.await.unwrap().unwrap();
    assert_eq!(report.messages, 2 * rows);
}

#[tokio::test]
async fn several_connections_read_each_row_of_a_table_once_and_only_where_an_index_spares_each_a_scan() {
    let span = Span::new("2026-11-20T23:50:00Z".parse().unwrap(), "2026-11-22T00:05:00Z".parse().unwrap());
    let rows =
        (0..2_000).map(|number| jm_row(Value::time(span.start.after(Duration::from_secs(number * 37))), &format!("message {number}")));
    let rows: Vec<_> = rows.collect();
    for (indexed, connections, reads) in [(true, 1, 1), (true, 3, 3), (false, 3, 1)] {
        let database = database(Vec::new());
        let table = if indexed { tables::jm().index("sent_date") } else { tables::jm() };
        database.put(table.rows(rows.clone()));
        let server = start(&database).await;
        let source = MssqlSource::new(config(&server).connections(NonZeroU8::new(connections).unwrap()));
        source.extent(span.end).await.unwrap();
        let before = database.sign_ins().len();
        let records: Vec<Record> = source.records(span).try_concat().await.unwrap();
        assert_eq!(database.sign_ins().len() - before, reads, "indexed: {indexed}");
        let mut bodies: Vec<String> = records
            .into_iter()
            .map(|record| match record {
                Record::Message(row) => row.body.unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        bodies.sort_unstable();
        let mut expected: Vec<String> =
            (0..2_000).filter(|number| number * 37 < 87_300).map(|number| format!("message {number}")).collect();
        expected.sort_unstable();
        assert_eq!(bodies, expected);
    }
}
