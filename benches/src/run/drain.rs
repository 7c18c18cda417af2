use std::borrow::Cow;

use futures::TryStreamExt;
use jabber_archive_sql::testing::{Answered, Value};
use tiberius::{AuthMethod, Client, ColumnData, Config, EncryptionLevel, ToSql};
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncWriteCompatExt;

/// Sends these statements over one connection and reads every value of every row; gives how many rows there were.
///
/// # Panics
///
/// If the server does not answer.
pub async fn drain(port: u16, statements: &[Answered]) -> u64 {
    let mut config = Config::new();
    config.port(port);
    config.database("tcmadb");
    config.encryption(EncryptionLevel::NotSupported);
    config.authentication(AuthMethod::sql_server("jabber_reader", "demo"));
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the stand-in");
    stream.set_nodelay(true).expect("a socket");
    let mut client = Box::pin(Client::connect(config, stream.compat_write())).await.expect("a login");
    let mut rows = 0;
    for asked in statements {
        if asked.statement.starts_with("SET ") {
            client.simple_query(asked.statement.clone()).await.expect("settings").into_results().await.expect("settings");
            continue;
        }
        let parameters: Vec<Parameter<'_>> = asked.parameters.iter().map(Parameter).collect();
        let parameters: Vec<&dyn ToSql> = parameters.iter().map(|parameter| parameter as &dyn ToSql).collect();
        let mut answer = client.query(asked.statement.clone(), &parameters).await.expect("an answer").into_row_stream();
        while let Some(row) = answer.try_next().await.expect("a row") {
            rows += row.into_iter().count().min(1) as u64;
        }
    }
    rows
}

struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> ColumnData<'_> {
        match self.0 {
            Value::Text(text) => ColumnData::String(Some(Cow::Borrowed(text))),
            Value::Int(number) => ColumnData::I32(Some(*number as i32)),
            Value::DateTime(days, ticks) => ColumnData::DateTime(Some(tiberius::time::DateTime::new(*days, *ticks))),
            other => panic!("no statement has the parameter {other:?}"),
        }
    }
}
