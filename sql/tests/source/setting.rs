//! A small database that a test can spoil.

use std::time::Duration;

use jabber_archive_core::Secret;
use jabber_archive_sql::{
    Encrypt, MssqlConfig, MssqlSource, TimeLimits,
    testing::{ColumnType, Database, SqlServer, Table, Value},
};

pub(crate) const SHORT: TimeLimits = TimeLimits::new(Duration::from_secs(5), Duration::from_secs(5), Duration::from_secs(5));

/// A row of `jm` with the least that it needs.
pub(crate) fn jm_row(sent: Value, body: &str) -> Vec<Value> {
    let length = |text: &str| Value::Int(text.chars().count() as i64);
    let stanza = format!("<message id='m1'><body>{body}</body></message>");
    vec![
        Value::text("bob@example.com"),
        Value::text("alice@example.com/jabber_1"),
        sent,
        Value::Null,
        Value::Null,
        Value::text("c"),
        Value::text("I"),
        length(body),
        length(&stanza),
        Value::text(body),
        Value::text(stanza),
        Value::Null,
        Value::Null,
        Value::text("N"),
    ]
}

/// The table `jm` as Cisco makes it.
pub(crate) fn jm() -> Table {
    Table::new("jm")
        .column("to_jid", ColumnType::NVarChar(3071))
        .column("from_jid", ColumnType::NVarChar(3071))
        .column("sent_date", ColumnType::DateTime)
        .column("subject", ColumnType::NVarChar(128))
        .column("thread_id", ColumnType::NVarChar(128))
        .column("msg_type", ColumnType::NVarChar(1))
        .column("direction", ColumnType::NVarChar(1))
        .column("body_len", ColumnType::Int)
        .column("message_len", ColumnType::Int)
        .column("body_string", ColumnType::NVarChar(4000))
        .column("message_string", ColumnType::NVarChar(4000))
        .column("body_text", ColumnType::NVarCharMax)
        .column("message_text", ColumnType::NVarCharMax)
        .column("history_flag", ColumnType::NVarChar(1))
}

/// A database with `jm` alone.
pub(crate) fn database(rows: Vec<Vec<Value>>) -> Database {
    let database = Database::new("tcmadb");
    database.put(jm().rows(rows));
    database
}

pub(crate) async fn start(database: &Database) -> SqlServer {
    SqlServer::start(database.clone()).await.unwrap()
}

pub(crate) fn config(server: &SqlServer) -> MssqlConfig {
    MssqlConfig::new("127.0.0.1", "tcmadb", "jabber_reader", Secret::new("demo")).port(server.port()).encrypt(Encrypt::Off).limits(SHORT)
}

pub(crate) fn source(server: &SqlServer) -> MssqlSource {
    MssqlSource::new(config(server))
}
