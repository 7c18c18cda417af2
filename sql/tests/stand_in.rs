//! The stand-in for SQL Server, through the driver that the source uses.
#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::TryStreamExt;
use jabber_archive_core::Timestamp;
use jabber_archive_sql::testing::{ColumnType, Database, Fault, SqlServer, Table, Value};
use tiberius::{
    AuthMethod, Client, ColumnData, ColumnType as Sent, Config, EncryptionLevel, FromSql, Row, ToSql, error::Error, time::DateTime,
};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

type Connection = Client<Compat<TcpStream>>;

const JM: &str = "SELECT [id], [to_jid], [sent_date], [body_len], CAST([body_text] AS nvarchar(max)) AS [body_text] \
                  FROM [dbo].[jm] WHERE [sent_date] >= @P1 AND [sent_date] < @P2";
const FACTS: &str = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS [version], \
                     CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS [edition], d.[name] AS [database], \
                     CAST(DATABASEPROPERTYEX(DB_NAME(), N'Updateability') AS nvarchar(128)) AS [updateability], \
                     CAST(d.[snapshot_isolation_state] AS int) AS [snapshot], \
                     CAST(d.[is_read_committed_snapshot_on] AS int) AS [read_committed_snapshot] \
                     FROM sys.databases AS d WHERE d.[database_id] = DB_ID()";
const TABLES: &str = "SELECT s.[name] AS [schema], o.[name] AS [table], o.[object_id] AS [id] FROM sys.objects AS o \
                      JOIN sys.schemas AS s ON s.[schema_id] = o.[schema_id] WHERE o.[type] IN ('U', 'V')";
const COLUMNS: &str = "SELECT c.[name] AS [column], t.[name] AS [type], CAST(c.[max_length] AS int) AS [length], \
                       CAST(c.[scale] AS int) AS [scale] FROM sys.columns AS c \
                       JOIN sys.types AS t ON t.[user_type_id] = c.[system_type_id] WHERE c.[object_id] = @P1";
const LEADING: &str = "SELECT c.[name] AS [column] FROM sys.indexes AS i \
                       JOIN sys.index_columns AS k ON k.[object_id] = i.[object_id] AND k.[index_id] = i.[index_id] \
                       JOIN sys.columns AS c ON c.[object_id] = k.[object_id] AND c.[column_id] = k.[column_id] \
                       WHERE i.[object_id] = @P1 AND k.[key_ordinal] = 1 \
                       AND i.[type] <= 2 AND i.[is_disabled] = 0 AND i.[is_hypothetical] = 0 AND i.[has_filter] = 0";
const PERMISSION: &str = "SELECT HAS_PERMS_BY_NAME(@P1, N'OBJECT', N'SELECT') AS [granted]";
const EXTENT: &str = "SELECT \
                      (SELECT MIN([sent_date]) FROM [dbo].[jm] WHERE [sent_date] >= @P1 AND [sent_date] <= @P2) AS [first], \
                      (SELECT MAX([sent_date]) FROM [dbo].[jm] WHERE [sent_date] >= @P1 AND [sent_date] <= @P2) AS [last], \
                      (SELECT COUNT_BIG(*) FROM [dbo].[jm] WHERE [sent_date] < @P1) AS [undated], \
                      (SELECT COUNT_BIG(*) FROM [dbo].[jm] WHERE [sent_date] > @P2) AS [future]";
const EXTENT_BY_SCAN: &str = "SELECT MIN(CASE WHEN [sent_date] >= @P1 AND [sent_date] <= @P2 THEN [sent_date] END) AS [first], \
                              MAX(CASE WHEN [sent_date] >= @P1 AND [sent_date] <= @P2 THEN [sent_date] END) AS [last], \
                              COUNT_BIG(CASE WHEN [sent_date] < @P1 THEN 1 END) AS [undated], \
                              COUNT_BIG(CASE WHEN [sent_date] > @P2 THEN 1 END) AS [future] FROM [dbo].[jm]";
const TALLY: &str = "SELECT w.[cell] AS [cell], COUNT_BIG(*) AS [rows], SUM(w.[length]) AS [length] FROM (\
                     SELECT DATEDIFF(minute, @P3, [sent_date]) / @P4 AS [cell], \
                     CAST(0 AS bigint) + CAST(ISNULL([body_len], 0) AS bigint) AS [length] \
                     FROM [dbo].[jm] WHERE [sent_date] >= @P1 AND [sent_date] < @P2) AS w GROUP BY w.[cell]";
const SNAPSHOT: &str = "SET NOCOUNT ON; SET TEXTSIZE 2147483647; SET DEADLOCK_PRIORITY LOW; SET LOCK_TIMEOUT 30000; \
                        SET TRANSACTION ISOLATION LEVEL SNAPSHOT;";

/// 2026-11-21, in days since 1900.
const DAY: i32 = 46_345;
const FROM: Time = Time(DAY, 0);
const TO: Time = Time(DAY + 1, 0);

/// A `datetime`: days since 1900, ticks since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Time(i32, u32);

impl ToSql for Time {
    fn to_sql(&self) -> ColumnData<'_> {
        ColumnData::DateTime(Some(DateTime::new(self.0, self.1)))
    }
}

impl<'a> FromSql<'a> for Time {
    fn from_sql(value: &'a ColumnData<'static>) -> tiberius::Result<Option<Self>> {
        match value {
            ColumnData::DateTime(time) => Ok(time.map(|time| Self(time.days(), time.seconds_fragments()))),
            other => Err(Error::Conversion(format!("{other:?} is no datetime").into())),
        }
    }
}

fn config(server: &SqlServer) -> Config {
    let mut config = Config::new();
    config.host("127.0.0.1");
    config.port(server.port());
    config.database("chat");
    config.authentication(AuthMethod::sql_server("jabber_reader", "demo"));
    config.encryption(if server.authority().is_some() { EncryptionLevel::Required } else { EncryptionLevel::NotSupported });
    config.lossy_utf16_decoding(true);
    config
}

async fn connect(config: Config) -> tiberius::Result<Connection> {
    let stream = TcpStream::connect(config.get_addr()).await?;
    Box::pin(Client::connect(config, stream.compat_write())).await
}

async fn rows(connection: &mut Connection, statement: &str, parameters: &[&dyn ToSql]) -> tiberius::Result<Vec<Row>> {
    connection.query(statement, parameters).await?.into_first_result().await
}

/// The number and class of the server's error.
#[track_caller]
fn refusal<T: std::fmt::Debug>(result: tiberius::Result<T>) -> (u32, u8) {
    match result.unwrap_err() {
        Error::Server(error) => (error.code(), error.class()),
        other => panic!("{other:?} is not of the server"),
    }
}

fn message(id: i64, ticks: u32, body: &str) -> Vec<Value> {
    let length = Value::Int(body.encode_utf16().count() as i64);
    vec![Value::Int(id), Value::text("romeo@example.com"), Value::DateTime(DAY, ticks), length, Value::text(body)]
}

fn jm() -> Table {
    Table::new("jm")
        .column("id", ColumnType::BigInt)
        .column("to_jid", ColumnType::NVarChar(100))
        .column("sent_date", ColumnType::DateTime)
        .column("body_len", ColumnType::Int)
        .column("body_text", ColumnType::NText)
        .index("sent_date")
}

/// A message every 20 seconds from midnight on.
fn chat(messages: i64) -> Database {
    let database = Database::new("chat");
    let rows: Vec<_> = (0..messages).map(|id| message(id, id as u32 * 20 * 300, &format!("message {id}"))).collect();
    database.put(jm().rows(rows));
    database
}

async fn served(database: &Database) -> (SqlServer, Connection) {
    let server = SqlServer::start(database.clone()).await.unwrap();
    let connection = connect(config(&server)).await.unwrap();
    (server, connection)
}

#[tokio::test]
async fn facts_clock_columns_indexes_and_permissions() {
    let database = chat(1);
    let (_server, mut connection) = served(&database).await;
    database.set_row_versions(true, false);
    let facts = rows(&mut connection, FACTS, &[]).await.unwrap();
    assert_eq!(facts.len(), 1);
    assert!(facts[0].get::<&str, _>("version").unwrap().starts_with("16."));
    assert!(facts[0].get::<&str, _>("edition").unwrap().contains("Edition"));
    assert_eq!(facts[0].get("database"), Some("chat"));
    assert_eq!(facts[0].get("snapshot"), Some(1));
    assert_eq!(facts[0].get("read_committed_snapshot"), Some(0));
    assert_eq!(facts[0].get("updateability"), Some("READ_WRITE"));
    database.set_read_only(true);
    let facts = rows(&mut connection, FACTS, &[]).await.unwrap();
    assert_eq!(facts[0].get("updateability"), Some("READ_ONLY"));

    let time: Timestamp = "2026-11-21T09:14:03.007Z".parse().unwrap();
    database.set_clock(time);
    let clock = rows(&mut connection, "SELECT GETUTCDATE() AS [now]", &[]).await.unwrap();
    let now: Time = clock[0].get("now").unwrap();
    assert_eq!((now.0, now.1), time.to_sql_datetime());

    let tables = rows(&mut connection, TABLES, &[]).await.unwrap();
    let tables: Vec<(&str, &str, i32)> = tables.iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap())).collect();
    let [("dbo", "jm", id)] = tables[..] else { panic!("{tables:?}") };
    let columns = rows(&mut connection, COLUMNS, &[&id]).await.unwrap();
    let columns: Vec<(&str, &str, i32, i32)> =
        columns.iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap(), row.get(3).unwrap())).collect();
    assert_eq!(
        columns,
        [
            ("id", "bigint", 8, 0),
            ("to_jid", "nvarchar", 200, 0),
            ("sent_date", "datetime", 8, 3),
            ("body_len", "int", 4, 0),
            ("body_text", "ntext", 16, 0)
        ]
    );
    assert!(rows(&mut connection, COLUMNS, &[&1]).await.unwrap().is_empty());
    for (id, expected) in [(id, &["sent_date"][..]), (1, &[])] {
        let leading = rows(&mut connection, LEADING, &[&id]).await.unwrap();
        assert_eq!(leading.iter().map(|row| row.get(0).unwrap()).collect::<Vec<&str>>(), expected, "{id}");
    }

    database.put(Table::new("secret").column("id", ColumnType::Int));
    database.deny("secret");
    for (name, granted) in [("[dbo].[jm]", Some(1)), ("[dbo].[secret]", Some(0)), ("[dbo].[none]", None)] {
        let permission = rows(&mut connection, PERMISSION, &[&name]).await.unwrap();
        assert_eq!(permission[0].get::<i32, _>("granted"), granted, "{name}");
    }
    assert_eq!(refusal(rows(&mut connection, "SELECT [id] FROM [dbo].[secret]", &[]).await), (229, 14));
}

#[tokio::test]
async fn extents_and_tallies() {
    let database = chat(9);
    database.insert("jm", vec![message(90, 0, "undated")]);
    database.retain("jm", |row| row[0] != Value::Int(90));
    let outside = |id, days| vec![Value::Int(id), Value::Null, Value::DateTime(days, 0), Value::Null, Value::Null];
    database.insert("jm", vec![outside(91, -1), outside(92, DAY + 1), outside(93, DAY + 9)]);
    let (_server, mut connection) = served(&database).await;
    for statement in [EXTENT, EXTENT_BY_SCAN] {
        let extent = rows(&mut connection, statement, &[&FROM, &TO]).await.unwrap();
        let types: Vec<Sent> = extent[0].columns().iter().map(tiberius::Column::column_type).collect();
        assert_eq!(types, [Sent::Datetimen, Sent::Datetimen, Sent::Int8, Sent::Int8]);
        assert_eq!(extent[0].get("first"), Some(FROM));
        assert_eq!(extent[0].get("last"), Some(TO));
        assert_eq!((extent[0].get::<i64, _>("undated"), extent[0].get::<i64, _>("future")), (Some(1), Some(1)));

        let nothing = Time(DAY + 2, 0);
        let extent = rows(&mut connection, statement, &[&nothing, &nothing]).await.unwrap();
        assert_eq!((extent[0].get::<Time, _>("first"), extent[0].get::<i64, _>("future")), (None, Some(1)));
    }
    let tally = rows(&mut connection, TALLY, &[&FROM, &TO, &FROM, &2]).await.unwrap();
    let cells: Vec<(i32, i64, i64)> = tally.iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap())).collect();
    assert_eq!(cells, [(0, 6, 54), (1, 3, 27)]);
    let nothing = rows(&mut connection, TALLY, &[&TO, &FROM, &FROM, &2]).await.unwrap();
    assert!(nothing.is_empty());
    assert_eq!(refusal(rows(&mut connection, TALLY, &[&FROM, &TO, &FROM, &0]).await), (8134, 16));
    // Borders of minutes count, not minutes.
    let (before, after) = (Time(DAY, 59 * 300 + 299), Time(DAY, 60 * 300));
    let minutes = rows(&mut connection, "SELECT DATEDIFF(minute, @P1, @P2) AS [minutes]", &[&before, &after]).await.unwrap();
    assert_eq!(minutes[0].get::<i32, _>(0), Some(1));
    let minutes = rows(&mut connection, "SELECT DATEDIFF(minute, @P1, @P2) AS [minutes]", &[&after, &Time(0, 0)]).await.unwrap();
    assert_eq!(minutes[0].get::<i32, _>(0), Some(-(DAY * 1440 + 1)));
}

#[tokio::test]
async fn values_of_every_type_come_back() {
    let database = Database::new("chat");
    let long: Arc<str> = "Wie geht es dir? 😀 ".repeat(28_000).into();
    let broken: Arc<[u16]> = [0x41, 0xD83D, 0x42].into();
    let odd = "Grüße – 5 €, 😀";
    let mut table = Table::new("all");
    for (name, kind) in [
        ("short", ColumnType::NVarChar(20)),
        ("long", ColumnType::NVarCharMax),
        ("ntext", ColumnType::NText),
        ("varchar", ColumnType::VarCharMax),
        ("text", ColumnType::Text),
        ("int", ColumnType::Int),
        ("bigint", ColumnType::BigInt),
        ("datetime", ColumnType::DateTime),
        ("datetime2", ColumnType::DateTime2(7)),
    ] {
        table = table.column(name, kind);
    }
    let time = Value::DateTime(DAY, 9_972_901);
    let (int, bigint) = (Value::Int(i32::MIN.into()), Value::Int(i64::MAX));
    database.put(table.rows(vec![
        vec![
            Value::text(odd),
            Value::text(long.clone()),
            Value::Utf16(broken.clone()),
            Value::text(odd),
            Value::text(odd),
            int,
            bigint,
            time.clone(),
            time,
        ],
        vec![Value::Null; 9],
        vec![
            Value::text(""),
            Value::text(""),
            Value::text(""),
            Value::text(""),
            Value::text(""),
            Value::Int(0),
            Value::Int(0),
            Value::DateTime(-53_690, 0),
            Value::DateTime(0, 1),
        ],
    ]));
    assert!(long.len() > 500_000);
    let (_server, mut connection) = served(&database).await;
    let statement = "SELECT [short], [long], CAST([ntext] AS nvarchar(max)) AS [ntext], CAST([varchar] AS nvarchar(max)) AS [varchar], \
                     CAST([text] AS nvarchar(max)) AS [text], [int], [bigint], [datetime], [datetime2] FROM [dbo].[all]";
    let all = rows(&mut connection, statement, &[]).await.unwrap();
    let first = &all[0];
    assert_eq!(first.get("short"), Some(odd));
    assert_eq!(first.get::<&str, _>("long").map(str::len), Some(long.len()));
    assert_eq!(first.get("long"), Some(&*long));
    assert_eq!(first.get("ntext"), Some("A\u{FFFD}B"));
    // What the code page does not have is lost when it is stored.
    assert_eq!(first.get("varchar"), Some("Grüße – 5 €, ?"));
    assert_eq!(first.get("text"), Some("Grüße – 5 €, ?"));
    assert_eq!(first.get("int"), Some(i32::MIN));
    assert_eq!(first.get("bigint"), Some(i64::MAX));
    assert_eq!(first.get("datetime"), Some(Time(DAY, 9_972_901)));
    assert_eq!(first.columns()[8].column_type(), Sent::Datetime2);
    for name in ["short", "long", "ntext", "varchar", "text"] {
        assert_eq!(all[1].get::<&str, _>(name), None);
        assert_eq!(all[2].get::<&str, _>(name), Some(""));
    }
    assert_eq!((all[1].get::<i32, _>("int"), all[1].get::<i64, _>("bigint")), (None, None));
    assert_eq!(all[1].get::<Time, _>("datetime"), None);
    assert_eq!(all[2].get("datetime"), Some(Time(-53_690, 0)));

    let unconverted = rows(&mut connection, "SELECT [varchar], [text], [ntext] FROM [dbo].[all]", &[]).await.unwrap();
    assert_eq!(unconverted[0].get(0), Some("Grüße – 5 €, ?"));
    assert_eq!(unconverted[0].get(1), Some("Grüße – 5 €, ?"));
    assert_eq!(unconverted[1].get::<&str, _>(2), None);
    assert_eq!(unconverted[2].get(1), Some(""));
}

#[tokio::test]
async fn a_rowversion_comes_as_eight_bytes_and_is_compared_with_nothing() {
    let database = Database::new("chat");
    let table = Table::new("log").column("stamp", ColumnType::RowVersion).column("name", ColumnType::NVarChar(9));
    database.put(table.rows(vec![vec![Value::Int(0x7D1), Value::text("a")], vec![Value::Null, Value::text("b")]]));
    let (_server, mut connection) = served(&database).await;
    let all = rows(&mut connection, "SELECT [stamp] FROM [dbo].[log]", &[]).await.unwrap();
    assert_eq!(all[0].get::<&[u8], _>(0), Some(&[0, 0, 0, 0, 0, 0, 7, 0xD1][..]));
    assert_eq!(all[1].get::<&[u8], _>(0), None);
    let kind = "SELECT t.[name] AS [type] FROM sys.columns AS c JOIN sys.types AS t ON t.[user_type_id] = c.[system_type_id] \
                WHERE c.[name] = N'stamp'";
    assert_eq!(rows(&mut connection, kind, &[]).await.unwrap()[0].get(0), Some("timestamp"));
    let error = rows(&mut connection, "SELECT [name] FROM [dbo].[log] WHERE [stamp] = N'x'", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(402));
}

#[tokio::test]
async fn a_list_of_values_is_compared_as_one_value_is() {
    let database = Database::new("chat");
    let names = [Value::text("a"), Value::text("B "), Value::Null, Value::text("c")];
    database.put(Table::new("log").column("name", ColumnType::NVarChar(9)).rows(names.map(|name| vec![name]).to_vec()));
    let (_server, mut connection) = served(&database).await;
    for (list, expected) in [("N'A', N'b'", vec!["a", "B "]), ("N'c', CAST(NULL AS nvarchar(9))", vec!["c"]), ("N'd'", vec![])] {
        let found = rows(&mut connection, &format!("SELECT [name] FROM [dbo].[log] WHERE [name] IN ({list})"), &[]).await.unwrap();
        assert_eq!(found.iter().map(|row| row.get::<&str, _>(0).unwrap()).collect::<Vec<_>>(), expected, "{list}");
    }
    let error = rows(&mut connection, "SELECT [name] FROM [dbo].[log] WHERE [name] IN (1)", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(206));
    let error = rows(&mut connection, "SELECT [name] FROM [dbo].[log] WHERE [name] NOT IN (N'a')", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(102));
}

#[tokio::test]
async fn refusals_are_those_of_sql_server() {
    let database = chat(3);
    let (server, mut connection) = served(&database).await;
    for (statement, number, class) in [
        ("DELETE FROM jm", 102, 15),
        ("SELECT [id] FROM [dbo].[jm]; SELECT [id] FROM [dbo].[jm]", 102, 15),
        ("SELECT TOP 3 [id] FROM [dbo].[jm]", 102, 15),
        ("SELECT DISTINCT [id] FROM [dbo].[jm]", 102, 15),
        ("SELECT [id] FROM [dbo].[jm] ORDER BY [id]", 102, 15),
        ("SELECT [id] FROM [dbo].[jm] WITH (NOLOCK)", 102, 15),
        ("SELECT [id] INTO [dbo].[copy] FROM [dbo].[jm]", 102, 15),
        ("SELECT * FROM [dbo].[jm]", 102, 15),
        ("SELECT FROM [dbo].[jm]", 102, 15),
        ("", 102, 15),
        ("SELECT [id] FROM [dbo].[none]", 208, 16),
        ("SELECT [id] FROM [hr].[jm]", 208, 16),
        ("SELECT [nothing] FROM [dbo].[jm]", 207, 16),
        ("SELECT w.[id] FROM [dbo].[jm]", 4104, 16),
        ("SELECT @P1 AS [one]", 137, 15),
        ("SELECT [id] FROM [dbo].[jm] WHERE [body_text] = N'x'", 402, 16),
        ("SELECT [id] FROM [dbo].[jm] WHERE [sent_date] < N'2026'", 206, 16),
        ("SELECT CAST([body_text] AS int) AS [x] FROM [dbo].[jm]", 529, 16),
        ("SELECT CAST([to_jid] AS int) AS [x] FROM [dbo].[jm]", 245, 16),
        ("SELECT MIN([body_text]) AS [x] FROM [dbo].[jm]", 8117, 16),
        ("SELECT [id], COUNT_BIG(*) AS [n] FROM [dbo].[jm]", 8120, 16),
        ("SELECT 2147483647 + 1 AS [x]", 8115, 16),
        ("SELECT (SELECT [id] FROM [dbo].[jm]) AS [x]", 512, 16),
        ("SELECT w.[id] FROM (SELECT COUNT_BIG(*) FROM [dbo].[jm]) AS w", 8155, 16),
        ("SELECT LEN([to_jid]) AS [x] FROM [dbo].[jm]", 195, 15),
        ("SELECT ISNULL([body_text], N'') AS [x] FROM [dbo].[jm]", 8116, 16),
        ("SELECT COUNT_BIG([body_text]) AS [x] FROM [dbo].[jm]", 8117, 16),
        ("SELECT [id] FROM [dbo].[jm] WHERE [body_text] IN (N'x')", 402, 16),
        ("SELECT CAST([sent_date] AS datetime2(8)) AS [x] FROM [dbo].[jm]", 102, 15),
        ("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", 102, 15),
    ] {
        assert_eq!(refusal(rows(&mut connection, statement, &[]).await), (number, class), "{statement}");
        let plain = connection.simple_query(statement).await;
        let plain = match plain {
            Ok(stream) => stream.into_results().await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert_eq!(refusal(plain), (number, class), "{statement}");
    }
    // The connection is none the worse for it.
    assert_eq!(rows(&mut connection, JM, &[&FROM, &TO]).await.unwrap().len(), 3);
    assert!(database.statements().iter().any(|statement| statement == "DELETE FROM jm"));
    assert_eq!(database.connections(), 1);

    let mut wrong = config(&server);
    wrong.authentication(AuthMethod::sql_server("jabber_reader", "wrong"));
    assert_eq!(refusal(connect(wrong).await.map(|_| ())), (18_456, 14));
    let mut unknown = config(&server);
    unknown.database("payroll");
    assert_eq!(refusal(connect(unknown).await.map(|_| ())), (4060, 11));
    database.login("reader", "Ω secret");
    let mut other = config(&server);
    other.authentication(AuthMethod::sql_server("reader", "Ω secret"));
    connect(other).await.unwrap();
}

#[tokio::test]
async fn snapshot_isolation_must_be_allowed() {
    let database = chat(3);
    let (_server, mut connection) = served(&database).await;
    let set = |connection: Connection| async move {
        let mut connection = connection;
        connection.simple_query(SNAPSHOT).await.unwrap().into_results().await.unwrap();
        connection
    };
    database.set_row_versions(false, true);
    // Within `sp_executesql` it does not last.
    rows(&mut connection, SNAPSHOT, &[]).await.unwrap();
    assert_eq!(rows(&mut connection, JM, &[&FROM, &TO]).await.unwrap().len(), 3);
    connection = set(connection).await;
    assert_eq!(refusal(rows(&mut connection, JM, &[&FROM, &TO]).await), (3952, 16));
    assert_eq!(rows(&mut connection, FACTS, &[]).await.unwrap().len(), 1);
    database.set_row_versions(true, true);
    assert_eq!(rows(&mut connection, JM, &[&FROM, &TO]).await.unwrap().len(), 3);
}

/// How many rows come before the answer ends, and how it ends.
async fn read(connection: &mut Connection) -> (usize, tiberius::Result<()>) {
    let mut stream = match connection.query(JM, &[&FROM, &TO]).await {
        Ok(stream) => stream.into_row_stream(),
        Err(error) => return (0, Err(error)),
    };
    let mut rows = 0;
    loop {
        match stream.try_next().await {
            Ok(Some(_)) => rows += 1,
            Ok(None) => return (rows, Ok(())),
            Err(error) => return (rows, Err(error)),
        }
    }
}

#[tokio::test]
async fn connections_are_cut_where_a_fault_says_so() {
    let database = chat(600);
    database.inject(Fault::drop_after_rows("jm", 400));
    database.inject(Fault::drop_before_done("JM"));
    let (server, mut connection) = served(&database).await;
    // Those who count are not met.
    rows(&mut connection, EXTENT, &[&FROM, &TO]).await.unwrap();
    let (rows, result) = read(&mut connection).await;
    assert_eq!(rows, 399);
    assert!(matches!(result, Err(Error::Io { kind: ErrorKind::UnexpectedEof, .. })), "{result:?}");

    let mut connection = connect(config(&server)).await.unwrap();
    let (rows, result) = read(&mut connection).await;
    assert_eq!(rows, 600);
    assert!(matches!(result, Err(Error::Io { kind: ErrorKind::UnexpectedEof, .. })), "{result:?}");

    let mut connection = connect(config(&server)).await.unwrap();
    let (rows, result) = read(&mut connection).await;
    assert_eq!(rows, 600);
    result.unwrap();
}

#[tokio::test]
async fn servers_refuse_fail_and_go_silent() {
    let database = chat(60);
    database.inject(Fault::refuse_logins().times(2));
    let server = SqlServer::start(database.clone()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(refusal(connect(config(&server)).await.map(|_| ())), (18_401, 14));
    }
    let mut connection = connect(config(&server)).await.unwrap();

    database.inject(Fault::error("jm", 1205));
    let (rows, result) = read(&mut connection).await;
    assert_eq!((rows, refusal(result)), (0, (1205, 13)));
    database.inject(Fault::error("jm", 1222).after_rows(5).times(2));
    for _ in 0..2 {
        let (rows, result) = read(&mut connection).await;
        assert_eq!((rows, refusal(result)), (5, (1222, 16)));
    }
    database.inject(Fault::error("jm", 1205).in_counts());
    assert_eq!(read(&mut connection).await.0, 60);
    assert_eq!(refusal(self::rows(&mut connection, TALLY, &[&FROM, &TO, &FROM, &10]).await), (1205, 13));

    database.inject(Fault::stall("jm", 7).always());
    for _ in 0..2 {
        let mut hurried = config(&server);
        hurried.command_timeout(Some(Duration::from_millis(200)));
        let mut hurried = connect(hurried).await.unwrap();
        let (rows, result) = read(&mut hurried).await;
        assert_eq!(rows, 7);
        assert!(matches!(result, Err(Error::Io { kind: ErrorKind::TimedOut, .. })), "{result:?}");
    }

    database.inject(Fault::error("jm", 596).in_counts());
    assert_eq!(refusal(self::rows(&mut connection, EXTENT, &[&FROM, &TO]).await), (596, 21));
    connection.query("SELECT GETUTCDATE() AS [now]", &[]).await.map(|_| ()).unwrap_err();
}

#[tokio::test]
async fn a_request_can_be_cancelled() {
    let endless = || Box::new((0..).map(|id| message(id, 0, "again and again"))) as Box<dyn Iterator<Item = Vec<Value>> + Send>;
    let database = Database::new("chat");
    database.put(jm().made_by(endless));
    let (server, mut connection) = served(&database).await;
    let mut stream = connection.query(JM, &[&FROM, &TO]).await.unwrap().into_row_stream();
    for _ in 0..1000 {
        assert!(stream.try_next().await.unwrap().is_some());
    }
    drop(stream);
    connection.cancel_query().await.unwrap();
    assert_eq!(rows(&mut connection, FACTS, &[]).await.unwrap().len(), 1);

    // A client that goes away ends what is made for it; and so does the server.
    let mut gone = connect(config(&server)).await.unwrap();
    drop(gone.query(JM, &[&FROM, &TO]).await.unwrap());
    assert_eq!(database.connections(), 2);
    drop(gone);
    while database.connections() > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(connection.query(JM, &[&FROM, &TO]).await.unwrap());
    let port = server.port();
    server.stop().await;
    assert_eq!(database.connections(), 0);
    TcpStream::connect(("127.0.0.1", port)).await.unwrap_err();
}

#[tokio::test]
async fn a_million_rows_pass_through() {
    let made = || Box::new((0..1_000_000).map(|id| vec![Value::Int(id)])) as Box<dyn Iterator<Item = Vec<Value>> + Send>;
    let database = Database::new("chat");
    database.put(Table::new("numbers").column("id", ColumnType::BigInt).made_by(made));
    let (_server, mut connection) = served(&database).await;
    let mut stream = connection.query("SELECT [id] FROM [dbo].[numbers]", &[]).await.unwrap().into_row_stream();
    let mut expected = 0..1_000_000;
    while let Some(row) = stream.try_next().await.unwrap() {
        assert_eq!(row.get::<i64, _>(0), expected.next());
    }
    assert_eq!(expected.next(), None);
}

#[tokio::test]
async fn rows_are_made_as_the_client_takes_them() {
    const SIZE: usize = 20_000;
    const IN_FLIGHT: usize = 40_000_000;
    let made = Arc::new(AtomicUsize::new(0));
    let text: Arc<str> = "x".repeat(SIZE / 2).into();
    let count = made.clone();
    let endless = move || {
        let (count, text) = (count.clone(), text.clone());
        Box::new(std::iter::repeat_with(move || {
            count.fetch_add(1, Ordering::Relaxed);
            vec![Value::text(text.clone())]
        })) as Box<dyn Iterator<Item = Vec<Value>> + Send>
    };
    let database = Database::new("chat");
    database.put(Table::new("texts").column("text", ColumnType::NVarCharMax).made_by(endless));
    let (_server, mut connection) = served(&database).await;
    let mut stream = connection.query("SELECT [text] FROM [dbo].[texts]", &[]).await.unwrap().into_row_stream();
    for _ in 0..10 {
        assert!(stream.try_next().await.unwrap().is_some());
    }
    let mut before = 0;
    while before < made.load(Ordering::Relaxed) {
        before = made.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(before * SIZE < IN_FLIGHT, "{before} rows have been made");
}

#[tokio::test]
async fn encryption_needs_trust_in_the_authority() {
    let database = chat(600);
    let server = SqlServer::start_encrypted(database).await.unwrap();
    let mut distrusting = config(&server);
    distrusting.host("localhost");
    let error = connect(distrusting).await.map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::Tls(_) | Error::Io { .. }), "{error:?}");
    for host in ["localhost", "127.0.0.1"] {
        let mut trusting = config(&server);
        trusting.host(host);
        trusting.trust_cert_ca_bundle(server.authority().unwrap());
        let mut connection = connect(trusting).await.unwrap();
        let (rows, result) = read(&mut connection).await;
        result.unwrap();
        assert_eq!(rows, 600);
    }

    let plain = SqlServer::start(chat(1)).await.unwrap();
    let mut demanding = config(&plain);
    demanding.encryption(EncryptionLevel::Required);
    demanding.trust_cert();
    connect(demanding).await.map(|_| ()).unwrap_err();
}

#[tokio::test]
async fn names_and_parameters_are_taken_as_sql_server_does() {
    let database = Database::new("chat");
    let text = "x".repeat(5_000);
    let table = Table::new("odd ] name").column("a ] b", ColumnType::NVarCharMax).rows(vec![vec![Value::text(text.as_str())]]);
    database.put(table);
    let (_server, mut connection) = served(&database).await;
    let statement = "SELECT [A ]] B] FROM [DBO].[ODD ]] NAME] WHERE [a ]] b] = @p1";
    let found = rows(&mut connection, statement, &[&text.to_uppercase()]).await.unwrap();
    assert_eq!(found[0].get(0), Some(text.as_str()));
    let echo = rows(&mut connection, "SELECT @P1 AS [a], @P2 AS [b], @P3 AS [c], @P4 AS [d]", &[&i64::MAX, &7, &TO, &None::<i32>]).await;
    let echo = echo.unwrap();
    assert_eq!((echo[0].get("a"), echo[0].get("b"), echo[0].get("c")), (Some(i64::MAX), Some(7), Some(TO)));
    assert_eq!(echo[0].get::<i32, _>("d"), None);
}

#[tokio::test]
async fn names_are_those_of_the_collation() {
    let database = Database::new("chat");
    database.set_collation("Latin1_General_100_CS_AS_SC");
    let table = |name: &str, number| Table::new(name).column("Id", ColumnType::Int).rows(vec![vec![Value::Int(number)]]);
    database.put(table("jm", 1));
    database.put(table("JM", 2));
    database.put(table("jm", 3).schema("Cisco"));
    let (_server, mut connection) = served(&database).await;
    for (name, number) in [("[dbo].[jm]", 1), ("[dbo].[JM]", 2), ("[Cisco].[jm]", 3)] {
        let found = rows(&mut connection, &format!("SELECT [Id] FROM {name} AS w WHERE w.[Id] >= @P1"), &[&0]).await.unwrap();
        assert_eq!(found[0].get(0), Some(number), "{name}");
    }
    for (statement, number) in [
        ("SELECT [Id] FROM [dbo].[Jm]", 208),
        ("SELECT [Id] FROM [cisco].[jm]", 208),
        ("SELECT [id] FROM [dbo].[jm]", 207),
        ("SELECT w.[Id] FROM [dbo].[jm] AS W", 4104),
        ("SELECT [Id] FROM [dbo].[jm] WHERE [Id] = @p1", 137),
        ("SELECT o.[name] FROM SYS.OBJECTS AS o", 208),
    ] {
        assert_eq!(refusal(rows(&mut connection, statement, &[&0]).await).0, number, "{statement}");
    }
    let is_it = |text: &'static str| format!("SELECT [Id] FROM [dbo].[jm] WHERE N'a' = N'{text}'");
    assert_eq!(rows(&mut connection, &is_it("a "), &[]).await.unwrap().len(), 1);
    assert_eq!(rows(&mut connection, &is_it("A"), &[]).await.unwrap().len(), 0);
}

#[tokio::test]
async fn textsize_cuts_long_texts_where_it_is_set() {
    const TEXTS: &str = "SELECT [long], CAST([old] AS nvarchar(max)) AS [cast], [old] FROM [dbo].[texts]";
    let database = Database::new("chat");
    let text = "x".repeat(5_000);
    let table = Table::new("texts").column("long", ColumnType::NVarCharMax).column("old", ColumnType::NText);
    database.put(table.rows(vec![vec![Value::text(text.as_str()), Value::text(text.as_str())]]));
    let (_server, mut connection) = served(&database).await;
    for (size, length) in [("4097", 2_048), ("2147483647", 5_000), ("0", 2_048)] {
        connection.simple_query(format!("SET TEXTSIZE {size};")).await.unwrap().into_results().await.unwrap();
        let found = rows(&mut connection, TEXTS, &[]).await.unwrap();
        for column in 0..3 {
            assert_eq!(found[0].get::<&str, _>(column).unwrap().len(), length, "{size} {column}");
        }
    }
}

/// A `datetime2`: days since 0001-01-01, units of 100 ns since midnight.
struct Fine(u32, u64);

impl ToSql for Fine {
    fn to_sql(&self) -> ColumnData<'_> {
        let time = tiberius::time::Time::new(self.1, 7);
        ColumnData::DateTime2(Some(tiberius::time::DateTime2::new(tiberius::time::Date::new(self.0), time)))
    }
}

#[tokio::test]
async fn times_of_different_types_are_compared_as_at_compatibility_level_130() {
    let database = Database::new("chat");
    let table = Table::new("times").column("coarse", ColumnType::DateTime).column("fine", ColumnType::DateTime2(7));
    let third = Value::DateTime(DAY, 1);
    database.put(table.rows(vec![vec![third.clone(), third]]));
    let (_server, mut connection) = served(&database).await;
    let day = DAY as u32 + 693_595;
    let mut holds = async |condition: &str, units| {
        let statement = format!("SELECT [fine] FROM [dbo].[times] WHERE {condition}");
        !rows(&mut connection, &statement, &[&Fine(day, units)]).await.unwrap().is_empty()
    };
    assert!(holds("[fine] >= @P1", 33_333).await && !holds("[fine] >= @P1", 33_334).await);
    assert!(holds("[fine] >= CAST(@P1 AS datetime2(7))", 33_333).await);
    assert!(database.conversions().is_empty());
    // A datetime is shown as .003 and compared as .0033333; the column is converted for it.
    assert!(holds("[coarse] >= @P1", 33_333).await && !holds("[coarse] < @P1", 30_000).await);
    assert_eq!(database.conversions().into_iter().collect::<Vec<_>>(), ["dbo.times.coarse"]);
}
