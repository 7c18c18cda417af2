//! The log of managed file transfers, of whatever age.

use jabber_archive_core::{ErrorClass, Source, Span, Timestamp, Transfer};
use jabber_archive_sql::testing::{ColumnType, Database, Table, Value, tables};

use crate::setting::{config, database, source, start};

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn morning() -> Span {
    Span::new(at("2026-11-21T08:00:00Z"), at("2026-11-21T09:00:00Z"))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A database with `jm` and a log with the columns that a test names, and no others.
fn log(columns: &[(&str, ColumnType)], rows: Vec<Vec<Value>>) -> Database {
    let database = database(Vec::new());
    let table = columns.iter().fold(Table::new("aft_log"), |table, (name, kind)| table.column(*name, *kind));
    database.put(table.rows(rows));
    database
}

/// The least that a log needs.
const LEAST: [(&str, ColumnType); 4] = [
    ("AFT_INDEX", ColumnType::BigInt),
    ("Method", ColumnType::NVarChar(63)),
    ("filename", ColumnType::NVarChar(511)),
    ("file_path", ColumnType::NVarChar(511)),
];

fn least(index: i64, method: &str, resource: &str) -> Vec<Value> {
    vec![Value::Int(index), Value::text(method), Value::text(resource), Value::text(format!("/files/{resource}"))]
}

fn indexes(transfers: &[Transfer]) -> Vec<i64> {
    let mut indexes: Vec<i64> = transfers.iter().map(|transfer| transfer.index).collect();
    indexes.sort_unstable();
    indexes
}

#[tokio::test]
async fn an_old_log_without_dates_and_names_is_searched_by_resource_name_alone() {
    let rows = vec![least(1, "Post", "a"), least(2, "POST", "b"), least(3, "get", "a"), least(4, "post", "A"), least(5, "Post", "a ")];
    let database = log(&LEAST, rows);
    let server = start(&database).await;
    let found = source(&server).transfers(morning(), &names(&["a", "c"])).await.unwrap();
    let mut expected = Transfer::new(1, "a");
    expected.path = Some("/files/a".to_owned());
    assert_eq!(found, [expected], "names are exact, and downloads are left out");
    let statements = database.statements();
    let asked: Vec<&String> = statements.iter().filter(|statement| statement.contains("FROM [dbo].[aft_log]")).collect();
    assert_eq!(asked.len(), 1, "what is not dated is not searched by date");
}

#[tokio::test]
async fn a_rowversion_is_no_date() {
    let mut columns = LEAST.to_vec();
    columns.push(("timestampvalue", ColumnType::RowVersion));
    let mut row = least(1, "Post", "a");
    row.push(Value::Int(0x7D1));
    let server = start(&log(&columns, vec![row])).await;
    let source = source(&server);
    assert_eq!(indexes(&source.transfers(morning(), &[]).await.unwrap()), [0_i64; 0]);
    let found = source.transfers(morning(), &names(&["a"])).await.unwrap();
    assert_eq!((indexes(&found), found[0].sent), (vec![1], None));
    let survey = source.survey().await.unwrap();
    let table = survey.tables.iter().find(|table| table.name == "aft_log").unwrap();
    assert_eq!((table.dated, table.found, &table.fault), (Some(false), true, &None));
    assert!(table.absent.contains(&"real_filename"), "{:?}", table.absent);
}

#[tokio::test]
async fn where_the_log_is_dated_uploads_of_the_span_are_given_too_and_none_twice() {
    let mut columns = LEAST.to_vec();
    columns.push(("TimestampValue", ColumnType::DateTime));
    let row = |index, resource: &str, time: &str| {
        let mut row = least(index, "Post", resource);
        row.push(if time.is_empty() { Value::Null } else { Value::time(at(time)) });
        row
    };
    let rows = vec![
        row(1, "a", "2026-11-21T08:00:00Z"),
        row(2, "b", "2026-11-21T08:59:59.997Z"),
        row(3, "c", "2026-11-21T09:00:00Z"),
        row(4, "d", "2019-01-01T00:00:00Z"),
        row(5, "e", ""),
    ];
    let server = start(&log(&columns, rows)).await;
    let source = source(&server);
    let found = source.transfers(morning(), &names(&["a", "d", "e"])).await.unwrap();
    assert_eq!(indexes(&found), [1, 2, 4, 5]);
    let survey = source.survey().await.unwrap();
    assert_eq!(survey.tables.iter().find(|table| table.name == "aft_log").unwrap().dated, Some(true));
    assert!(survey.tables.iter().filter(|table| table.name != "aft_log").all(|table| table.dated.is_none()));
}

#[tokio::test]
async fn long_texts_are_compared_as_texts_and_many_names_take_several_statements() {
    let mut columns = LEAST;
    columns[2].1 = ColumnType::NText;
    let rows: Vec<Vec<Value>> = (0..2_400).map(|number| least(number, "Post", &format!("name {number}"))).collect();
    let database = log(&columns, rows);
    let server = start(&database).await;
    let asked: Vec<String> = (100..2_200).map(|number| format!("name {number}")).collect();
    let found = source(&server).transfers(morning(), &asked).await.unwrap();
    assert_eq!(indexes(&found), (100..2_200).collect::<Vec<i64>>());
    let statements = database.statements();
    let asked: Vec<usize> =
        statements.iter().filter(|statement| statement.contains("IN (@P1")).map(|statement| statement.matches("@P").count()).collect();
    assert_eq!(asked, [1_000, 1_000, 100]);
    assert!(statements.iter().any(|statement| statement.contains("WHERE CAST([filename] AS nvarchar(max)) IN (@P1, @P2, ")));
}

#[tokio::test]
async fn without_a_log_or_where_it_is_not_to_be_read_no_upload_is_known() {
    let server = start(&database(Vec::new())).await;
    assert_eq!(source(&server).transfers(morning(), &names(&["a"])).await.unwrap(), []);
    let server = start(&log(&LEAST, vec![least(1, "Post", "a")])).await;
    let narrow = jabber_archive_sql::MssqlSource::new(config(&server).tables(["jm".to_owned()]));
    assert_eq!(narrow.transfers(morning(), &names(&["a"])).await.unwrap(), []);
}

#[tokio::test]
async fn a_log_that_is_none_stops_nobody_who_does_not_ask_for_files() {
    let server = start(&log(&LEAST[..3], Vec::new())).await;
    let source = source(&server);
    source.extent(at("2026-11-22T00:00:00Z")).await.unwrap();
    let error = source.transfers(morning(), &[]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    assert!(error.to_string().contains("table aft_log") && error.to_string().contains("no column `file_path`"), "{error}");
    let survey = source.survey().await.unwrap();
    let table = survey.tables.iter().find(|table| table.name == "aft_log").unwrap();
    assert!(table.fault.as_ref().unwrap().contains("no column `file_path`"));
}

#[test]
fn the_documented_table_has_every_column_that_is_read() {
    let table = tables::aft_log();
    let names: Vec<&str> = table.columns().iter().map(|(name, _)| name.as_str()).collect();
    for (name, _) in LEAST {
        assert!(names.contains(&name.to_lowercase().as_str()), "{name}");
    }
}
