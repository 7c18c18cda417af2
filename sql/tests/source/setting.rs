//! A small database that a test can spoil.

use std::time::Duration;

use jabber_archive_core::Secret;
use jabber_archive_sql::{
    Encrypt, MssqlConfig, MssqlSource, TimeLimits,
    testing::{Database, SqlServer, Value, tables},
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

/// A database with `jm` alone.
pub(crate) fn database(rows: Vec<Vec<Value>>) -> Database {
    let database = Database::new("tcmadb");
    database.put(tables::jm().rows(rows));
    database
}

pub(crate) async fn start(database: &Database) -> SqlServer {
    SqlServer::start(database.clone()).await.unwrap()
}

/// Where a database is served.
pub(crate) trait Served {
    fn config(&self) -> MssqlConfig;
}

impl Served for SqlServer {
    fn config(&self) -> MssqlConfig {
        MssqlConfig::new("127.0.0.1", "tcmadb", "jabber_reader", Secret::new("demo")).port(self.port()).encrypt(Encrypt::Off).limits(SHORT)
    }
}

pub(crate) fn config(server: &impl Served) -> MssqlConfig {
    server.config()
}

pub(crate) fn source(server: &impl Served) -> MssqlSource {
    MssqlSource::new(config(server))
}
