//! The tables in every shape in which databases have them: whatever it is, the records are the same.

use std::sync::Arc;

use futures::TryStreamExt;
use jabber_archive_core::{Extent, Grid, MessageRow, Record, Rooms, Source, Span, Tally, Timestamp};
use jabber_archive_sql::{
    MssqlSource, TableSurvey,
    testing::{ColumnType, Database, Office, Value},
};

use crate::setting::{config, start};

const TABLES: [&str; 5] = ["jm", "tc_msgarchive", "tc_rooms", "tc_users", "tc_timelog"];
const LONG: [&str; 4] = ["body_text", "message_text", "config", "spacket"];

/// How the tables of a database differ from what Cisco documents.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is there or not, whatever the others")]
struct Shape {
    collation: &'static str,
    schema: &'static str,
    upper: bool,
    indexed: bool,
    /// The type of a column of texts, by its name and what Cisco documents.
    texts: fn(&str, ColumnType) -> ColumnType,
    dates: ColumnType,
    extra: bool,
    /// Without what may be missing.
    bare: bool,
}

fn documented() -> Shape {
    Shape {
        collation: "SQL_Latin1_General_CP1_CI_AS",
        schema: "dbo",
        upper: false,
        indexed: true,
        texts: |_, documented| documented,
        dates: ColumnType::DateTime,
        extra: false,
        bare: false,
    }
}

impl Shape {
    fn kind(&self, name: &str, documented: ColumnType) -> ColumnType {
        match documented {
            ColumnType::DateTime => self.dates,
            ColumnType::NVarChar(_) | ColumnType::NVarCharMax => (self.texts)(name, documented),
            other => other,
        }
    }

    /// Fills a database with the rows of the office that a database of `limits` can hold as they are.
    fn fill(&self, office: &Office, limits: &Self) -> Database {
        let source = Database::new("office");
        office.fill(&source);
        let database = Database::new("tcmadb");
        database.set_collation(self.collation);
        for name in TABLES.iter().filter(|name| !self.bare || ["jm", "tc_msgarchive"].contains(name)) {
            let mut table = source.table(name).unwrap();
            if self.indexed && ["jm", "tc_msgarchive", "tc_timelog"].contains(name) {
                table = table.index(if *name == "tc_timelog" { "stamp" } else { "sent_date" });
            }
            let columns = table.columns().to_vec();
            let utf8 = limits.collation.ends_with("UTF8");
            let holds = |row: &[Value]| {
                columns.iter().zip(row).all(|((name, documented), value)| {
                    let kind = limits.kind(name, *documented);
                    let broken = matches!(value, Value::Utf16(_)) && matches!(kind, ColumnType::VarChar(_) | ColumnType::VarCharMax);
                    *documented == ColumnType::DateTime || if utf8 { !broken } else { kind.holds(value) }
                })
            };
            let mut rows: Vec<Vec<Value>> = table.read().filter(|row| holds(row)).collect();
            if self.bare {
                let optional = |name: &str| ["subject", "thread_id"].contains(&name);
                for row in &mut rows {
                    let mut columns = columns.iter();
                    row.retain(|_| !optional(&columns.next().unwrap().0));
                }
                let mut kept = jabber_archive_sql::testing::Table::new(*name);
                if self.indexed {
                    kept = kept.index("sent_date");
                }
                for (name, kind) in columns.iter().filter(|(name, _)| !optional(name)) {
                    kept = kept.column(name, *kind);
                }
                table = kept;
            }
            table = table
                .retyped(|name, documented| (if self.upper { name.to_uppercase() } else { name.to_owned() }, self.kind(name, documented)));
            if self.extra {
                table = table.column("id", ColumnType::BigInt).column("Node Name]", ColumnType::NVarChar(20));
                for (number, row) in (0..).zip(&mut rows) {
                    row.extend([Value::Int(number), Value::text("node 1")]);
                }
            }
            if self.upper {
                table = table.named(name.to_uppercase());
            }
            database.put(table.schema(self.schema).rows(rows));
        }
        database
    }
}

/// All that a source says of a database.
#[derive(Debug, PartialEq)]
struct Told {
    records: Vec<Record>,
    extent: Extent,
    tallies: Vec<Tally>,
    rooms: Rooms,
}

impl Told {
    /// As a database without the columns that may be missing says it.
    fn without_optional(mut self) -> Self {
        for record in &mut self.records {
            if let Record::Message(MessageRow { subject, thread, .. }) = record {
                (*subject, *thread) = (None, None);
            }
        }
        self.records.retain(|record| matches!(record, Record::Message(_)));
        self.records.sort();
        self.tallies.retain(|tally| tally.table.name() != "tc_timelog");
        Self { rooms: Rooms::new(), ..self }
    }
}

async fn told(database: &Database, schema: &str, office: &Office) -> (Told, Vec<TableSurvey>) {
    let server = start(database).await;
    let source = MssqlSource::new(config(&server).schema(schema));
    let span = Span::new(Timestamp::MIN, office.end());
    let batches: Vec<Vec<Record>> = source.records(span).try_collect().await.unwrap();
    let mut records = batches.concat();
    records.sort();
    let start = Grid::daily().window_at(office.start()).start();
    let mut tallies = source.tally(Span::new(start, start.after(std::time::Duration::from_hours(24 * 7))), &Grid::daily()).await.unwrap();
    tallies.sort_by_key(|tally| (tally.window, tally.table));
    let survey = source.survey().await.unwrap();
    assert!(survey.tables.iter().all(|table| table.fault.is_none()), "{:?}", survey.tables);
    assert!(database.conversions().is_empty(), "compared in another type: {:?}", database.conversions());
    let told = Told { records, extent: source.extent(office.end()).await.unwrap(), tallies, rooms: source.context().await.unwrap() };
    (told, survey.tables)
}

/// The records of the office are those of the documented tables; at least so many take part. Gives what `check` finds of `jm`.
async fn compare(shape: Shape, at_least: usize) -> TableSurvey {
    let office = Office::new(77, 600);
    let (mut expected, _) = told(&documented().fill(&office, &shape), "dbo", &office).await;
    let (found, survey) = told(&shape.fill(&office, &shape), shape.schema, &office).await;
    if shape.bare {
        expected = expected.without_optional();
    }
    assert_eq!(found.records.len(), expected.records.len(), "{shape:?}");
    for (found, expected) in found.records.iter().zip(&expected.records) {
        assert!(found == expected, "{shape:?}: {found:?} is not {expected:?}");
    }
    expected.extent.indexed = shape.indexed;
    assert_eq!((found.extent, &found.tallies), (expected.extent, &expected.tallies), "{shape:?}");
    assert!(found.rooms == expected.rooms, "{shape:?}");
    assert!(found.records.len() >= at_least, "{} records", found.records.len());
    survey.into_iter().next().unwrap()
}

#[tokio::test]
async fn the_documented_tables_are_read_as_they_are() {
    let jm = compare(documented(), 1_000).await;
    assert_eq!((jm.types["body_text"].as_str(), jm.types["to_jid"].as_str()), ("nvarchar(max)", "nvarchar(3071)"));
    assert_eq!((jm.quoted.as_deref(), jm.indexed), (Some("[dbo].[jm]"), Some(true)));
}

#[tokio::test]
async fn long_texts_may_be_ntext() {
    let texts = |name: &str, documented| if LONG.contains(&name) { ColumnType::NText } else { documented };
    let jm = compare(Shape { texts, ..documented() }, 1_000).await;
    assert_eq!(jm.types["body_text"], "ntext");
}

#[tokio::test]
async fn long_texts_may_be_text() {
    let texts = |name: &str, documented| if LONG.contains(&name) { ColumnType::Text } else { documented };
    let jm = compare(Shape { texts, ..documented() }, 1_000).await;
    assert_eq!(jm.types["message_text"], "text");
}

#[tokio::test]
async fn all_texts_may_have_4000_characters() {
    let texts = |_: &str, documented| if documented == ColumnType::NVarCharMax { ColumnType::NVarChar(4_000) } else { documented };
    let jm = compare(Shape { texts, ..documented() }, 900).await;
    assert_eq!(jm.types["body_text"], "nvarchar(4000)");
}

#[tokio::test]
async fn short_texts_may_have_no_limit() {
    let jm = compare(Shape { texts: |_, _| ColumnType::NVarCharMax, ..documented() }, 1_000).await;
    assert_eq!(jm.types["msg_type"], "nvarchar(max)");
}

fn varchar(_: &str, documented: ColumnType) -> ColumnType {
    match documented {
        ColumnType::NVarChar(length) => ColumnType::VarChar(if length == 4_000 { 8_000 } else { length }),
        _ => ColumnType::VarCharMax,
    }
}

#[tokio::test]
async fn texts_may_be_varchar() {
    let jm = compare(Shape { texts: varchar, ..documented() }, 900).await;
    assert_eq!((jm.types["to_jid"].as_str(), jm.types["body_text"].as_str()), ("varchar(3071)", "varchar(max)"));
}

#[tokio::test]
async fn texts_may_be_varchar_in_utf_8() {
    let texts = |_: &str, _| ColumnType::VarCharMax;
    compare(Shape { texts, collation: "Latin1_General_100_CI_AS_SC_UTF8", ..documented() }, 1_000).await;
}

#[tokio::test]
async fn names_may_be_in_capitals() {
    let jm = compare(Shape { upper: true, ..documented() }, 1_000).await;
    assert_eq!(jm.quoted.as_deref(), Some("[dbo].[JM]"));
}

#[tokio::test]
async fn names_may_be_in_capitals_where_case_matters() {
    for collation in ["Latin1_General_CS_AS", "SQL_Latin1_General_CP1_CS_AS"] {
        compare(Shape { upper: true, collation, ..documented() }, 1_000).await;
        compare(Shape { collation, ..documented() }, 1_000).await;
    }
}

#[tokio::test]
async fn names_may_be_in_capitals_in_a_binary_collation() {
    for collation in ["Latin1_General_BIN", "Latin1_General_100_BIN2"] {
        compare(Shape { upper: true, indexed: false, collation, ..documented() }, 1_000).await;
    }
}

#[tokio::test]
async fn the_collation_may_know_supplementary_characters() {
    for collation in ["Latin1_General_100_CI_AS_SC", "Latin1_General_100_CS_AS_SC"] {
        compare(Shape { collation, ..documented() }, 1_000).await;
    }
}

#[tokio::test]
async fn the_schema_may_have_any_name() {
    for collation in ["SQL_Latin1_General_CP1_CI_AS", "Latin1_General_100_BIN2"] {
        let jm = compare(Shape { schema: "Cisco [IM]&P", upper: true, collation, ..documented() }, 1_000).await;
        assert_eq!(jm.quoted.as_deref(), Some("[Cisco [IM]]&P].[JM]"));
    }
}

#[tokio::test]
async fn the_schema_is_found_in_another_case_if_there_is_one_alone() {
    let office = Office::new(77, 100);
    let shape = Shape { schema: "DBO", collation: "Latin1_General_CS_AS", ..documented() };
    let (found, survey) = told(&shape.fill(&office, &shape), "dbo", &office).await;
    assert_eq!(survey[0].quoted.as_deref(), Some("[DBO].[jm]"));
    assert!(!found.records.is_empty());
}

#[tokio::test]
async fn dates_may_be_datetime2() {
    for scale in 3..=7 {
        let jm = compare(Shape { dates: ColumnType::DateTime2(scale), indexed: scale % 2 == 1, ..documented() }, 1_000).await;
        assert_eq!(jm.types["sent_date"], format!("datetime2({scale})"));
    }
}

#[tokio::test]
async fn optional_tables_and_columns_may_be_missing() {
    let jm = compare(Shape { bare: true, ..documented() }, 900).await;
    assert_eq!(jm.absent, ["subject", "thread_id"]);
}

#[tokio::test]
async fn there_may_be_further_columns() {
    let jm = compare(Shape { extra: true, ..documented() }, 1_000).await;
    assert_eq!(jm.extra, ["id", "Node Name]"]);
}

#[tokio::test]
async fn everything_may_be_otherwise_at_once() {
    let texts = |name: &str, documented| match documented {
        ColumnType::NVarCharMax => ColumnType::NText,
        _ if name.ends_with("_jid") => documented,
        _ => ColumnType::NVarCharMax,
    };
    let shape = Shape {
        collation: "Latin1_General_100_CS_AS_SC",
        schema: "imp",
        upper: true,
        indexed: false,
        texts,
        dates: ColumnType::DateTime2(7),
        extra: true,
        bare: true,
    };
    compare(shape, 900).await;
}

fn day() -> Span {
    Span::new("2026-11-21T00:00:00Z".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap())
}

/// The records and the tally of a day of `jm` with dates of this type.
async fn dated(dates: ColumnType, times: Vec<Value>) -> (Vec<Timestamp>, u64) {
    let database = Database::new("tcmadb");
    let rows: Vec<_> = times.into_iter().map(|time| crate::setting::jm_row(time, "x")).collect();
    database.put(
        jabber_archive_sql::testing::tables::jm()
            .retyped(|name, kind| (name.to_owned(), if kind == ColumnType::DateTime { dates } else { kind }))
            .rows(rows),
    );
    let server = start(&database).await;
    let source = MssqlSource::new(config(&server));
    let batches: Vec<Vec<Record>> = source.records(day()).try_collect().await.unwrap();
    let mut sent: Vec<Timestamp> = batches.iter().flatten().map(Record::sent).collect();
    sent.sort();
    let tallies = source.tally(day(), &Grid::daily()).await.unwrap();
    assert!(database.conversions().is_empty());
    (sent, tallies.iter().map(|tally| tally.rows).sum())
}

#[tokio::test]
async fn a_row_of_the_last_100_ns_of_a_day_is_of_that_day_to_the_server_and_to_us() {
    const DAY: i32 = 46_345;
    const LAST: u64 = 864_000_000_000 - 1;
    let times = [(DAY - 1, LAST), (DAY, 0), (DAY, LAST), (DAY + 1, 0)].map(|(days, units)| Value::DateTime2(days, units));
    let (sent, rows) = dated(ColumnType::DateTime2(7), times.to_vec()).await;
    let expected = ["2026-11-21T00:00:00Z", "2026-11-21T23:59:59.999Z"].map(|time| time.parse().unwrap());
    assert_eq!((sent, rows), (expected.to_vec(), 2));
}

#[tokio::test]
async fn dates_may_be_smalldatetime() {
    let times = ["2026-11-20T23:59:00Z", "2026-11-21T00:00:00Z", "2026-11-21T23:59:00Z", "2026-11-22T00:00:00Z"];
    let (sent, rows) = dated(ColumnType::SmallDateTime, times.iter().map(|time| Value::time(time.parse().unwrap())).collect()).await;
    assert_eq!((sent, rows), (times[1..3].iter().map(|time| time.parse().unwrap()).collect(), 2));
}

#[tokio::test]
async fn a_datetime2_of_the_year_1_is_in_the_undated_window() {
    let database = Database::new("tcmadb");
    let row = crate::setting::jm_row(Value::DateTime2(-693_595, 7), "x");
    database.put(
        jabber_archive_sql::testing::tables::jm()
            .retyped(|name, kind| (name.to_owned(), if kind == ColumnType::DateTime { ColumnType::DateTime2(7) } else { kind }))
            .rows(vec![row]),
    );
    let server = start(&database).await;
    let source: Arc<dyn Source> = Arc::new(MssqlSource::new(config(&server)));
    let undated = jabber_archive_core::Window::UNDATED;
    let tallies = source.tally(undated.span(), &Grid::daily()).await.unwrap();
    assert_eq!(tallies.iter().map(|tally| (tally.window, tally.rows)).collect::<Vec<_>>(), [(undated, 1)]);
    let batches: Vec<Vec<Record>> = source.records(undated.span()).try_collect().await.unwrap();
    assert_eq!(batches.concat().iter().map(Record::sent).collect::<Vec<_>>(), [Timestamp::MIN]);
    assert_eq!(source.extent(day().end).await.unwrap().undated, 1);
}
