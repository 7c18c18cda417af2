//! The stand-in for SQL Server, through the driver that the source uses.

use jabber_archive_sql::testing::{ColumnType, Database, SqlServer, Table, Value};
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, Row};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

type Connection = Client<Compat<TcpStream>>;

fn config(server: &SqlServer) -> Config {
    let mut config = Config::new();
    config.host("127.0.0.1");
    config.port(server.port());
    config.database("chat");
    config.authentication(AuthMethod::sql_server("jabber_reader", "demo"));
    config.encryption(EncryptionLevel::NotSupported);
    config.lossy_utf16_decoding(true);
    config
}

async fn connect(config: Config) -> tiberius::Result<Connection> {
    let stream = TcpStream::connect(config.get_addr()).await?;
    Client::connect(config, stream.compat_write()).await
}

async fn rows(connection: &mut Connection, statement: &str, parameters: &[&dyn tiberius::ToSql]) -> tiberius::Result<Vec<Row>> {
    connection.query(statement, parameters).await?.into_first_result().await
}

#[tokio::test]
async fn a_table_is_read() {
    let database = Database::new("chat");
    database.put(
        Table::new("tc_rooms")
            .column("room_jid", ColumnType::NVarChar(20))
            .column("size", ColumnType::Int)
            .rows(vec![vec![Value::text("board@rooms"), Value::Int(3)], vec![Value::Null, Value::Null]]),
    );
    let server = SqlServer::start(database).await.unwrap();
    let mut connection = connect(config(&server)).await.unwrap();
    let rows = rows(&mut connection, "SELECT [room_jid], [size] FROM [dbo].[tc_rooms]", &[]).await.unwrap();
    let read: Vec<(Option<&str>, Option<i32>)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(read, [(Some("board@rooms"), Some(3)), (None, None)]);
}
