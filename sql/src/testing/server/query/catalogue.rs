//! Views of the catalogue: what the server knows of its databases, tables and columns.

use super::{
    super::{
        database::{ColumnType, Database, Table, Value},
        kind::Kind,
    },
    Row,
};

/// The database's number, as `DB_ID` gives it.
pub(super) const DATABASE_ID: i64 = 5;
const NONCLUSTERED: i64 = 2;
/// The type of names.
const NAME: Kind = Kind::NVarChar(128);

/// A view: its columns and rows.
pub(super) struct View {
    pub(super) columns: Vec<(&'static str, Kind)>,
    pub(super) rows: Vec<Row>,
}

/// The view of a schema and name, if there is one.
pub(super) fn view(schema: &str, name: &str, database: &Database) -> Option<View> {
    let path = format!("{}.{}", schema.to_lowercase(), name.to_lowercase());
    let tables = database.tables();
    Some(match path.as_str() {
        "sys.databases" => databases(database),
        "information_schema.columns" => View {
            columns: vec![
                ("TABLE_CATALOG", NAME),
                ("TABLE_SCHEMA", NAME),
                ("TABLE_NAME", NAME),
                ("COLUMN_NAME", NAME),
                ("ORDINAL_POSITION", Kind::Int),
                ("DATA_TYPE", NAME),
                ("CHARACTER_MAXIMUM_LENGTH", Kind::Int),
            ],
            rows: tables.iter().flat_map(|table| described(table, database)).collect(),
        },
        "sys.columns" => View {
            columns: vec![("object_id", Kind::Int), ("name", NAME), ("column_id", Kind::Int)],
            rows: numbered(&tables)
                .flat_map(|(id, table)| {
                    (1..)
                        .zip(&table.columns)
                        .map(move |(number, (name, _))| vec![Value::Int(id), Value::text(name.as_str()), Value::Int(number)])
                })
                .collect(),
        },
        "sys.indexes" => View {
            columns: vec![
                ("object_id", Kind::Int),
                ("index_id", Kind::Int),
                ("type", Kind::TinyInt),
                ("is_disabled", Kind::Bit),
                ("is_hypothetical", Kind::Bit),
                ("has_filter", Kind::Bit),
            ],
            rows: numbered(&tables)
                .flat_map(|(id, table)| {
                    (1..)
                        .zip(&table.indexed)
                        .map(move |(number, _)| [id, number, NONCLUSTERED, 0, 0, 0].into_iter().map(Value::Int).collect())
                })
                .collect(),
        },
        "sys.index_columns" => View {
            columns: vec![("object_id", Kind::Int), ("index_id", Kind::Int), ("column_id", Kind::Int), ("key_ordinal", Kind::TinyInt)],
            rows: numbered(&tables).flat_map(|(id, table)| leading(id, table)).collect(),
        },
        _ => return None,
    })
}

fn databases(database: &Database) -> View {
    let versions = database.row_versions();
    let row = |name: &str, id, snapshot, read_committed| {
        vec![Value::text(name), Value::Int(id), Value::Int(i64::from(snapshot)), Value::Int(i64::from(read_committed))]
    };
    View {
        columns: vec![
            ("name", NAME),
            ("database_id", Kind::Int),
            ("snapshot_isolation_state", Kind::TinyInt),
            ("is_read_committed_snapshot_on", Kind::Bit),
        ],
        rows: vec![row("master", 1, true, false), row(database.name(), DATABASE_ID, versions.snapshot, versions.read_committed)],
    }
}

fn described(table: &Table, database: &Database) -> Vec<Row> {
    let row = |(number, (name, kind)): (i64, &(String, ColumnType))| {
        let length = match kind {
            ColumnType::NVarChar(length) => Value::Int((*length).into()),
            ColumnType::NVarCharMax | ColumnType::VarCharMax => Value::Int(-1),
            ColumnType::NText => Value::Int(0x3FFF_FFFF),
            ColumnType::Text => Value::Int(0x7FFF_FFFF),
            _ => Value::Null,
        };
        vec![
            Value::text(database.name()),
            Value::text("dbo"),
            Value::text(table.name.as_str()),
            Value::text(name.as_str()),
            Value::Int(number),
            Value::text(Kind::from(*kind).name()),
            length,
        ]
    };
    (1..).zip(&table.columns).map(row).collect()
}

/// Every index has one column: the one that leads it.
fn leading(id: i64, table: &Table) -> Vec<Row> {
    let place = |indexed: &String| table.columns.iter().position(|(name, _)| name.eq_ignore_ascii_case(indexed));
    (1..)
        .zip(&table.indexed)
        .filter_map(|(number, indexed)| {
            Some(vec![Value::Int(id), Value::Int(number), Value::Int(place(indexed)? as i64 + 1), Value::Int(1)])
        })
        .collect()
}

/// The object number of a table of `dbo`, as `OBJECT_ID` gives it.
pub(super) fn object_id(name: &str, database: &Database) -> Option<i64> {
    numbered(&database.tables()).find(|(_, table)| table.name.eq_ignore_ascii_case(name)).map(|(id, _)| id)
}

/// Tables with their object numbers.
fn numbered(tables: &[Table]) -> impl Iterator<Item = (i64, &Table)> {
    (1_000..).zip(tables)
}
