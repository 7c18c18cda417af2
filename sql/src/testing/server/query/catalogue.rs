//! Views of the catalogue: what the server knows of its databases, tables and columns.

use super::{
    super::{
        database::{ColumnType, Database, Table, Value},
        kind::Kind,
    },
    Context, Row,
};

/// The database's number, as `DB_ID` gives it.
pub(super) const DATABASE_ID: i64 = 5;
const NONCLUSTERED: i64 = 2;
/// The type of names.
const NAME: Kind = Kind::NVarChar(128);

/// The types of columns with their numbers (`sys.types`): the name, that of the type itself, that of the system's type behind it.
const TYPES: [(&str, i64, i64); 16] = [
    ("text", 35, 35),
    ("datetime2", 42, 42),
    ("tinyint", 48, 48),
    ("int", 56, 56),
    ("smalldatetime", 58, 58),
    ("datetime", 61, 61),
    ("ntext", 99, 99),
    ("bit", 104, 104),
    ("bigint", 127, 127),
    ("varbinary", 165, 165),
    ("varchar", 167, 167),
    ("char", 175, 175),
    ("timestamp", 189, 189),
    ("nvarchar", 231, 231),
    ("nchar", 239, 239),
    ("sysname", 256, 231),
];

/// A view: its columns and rows.
pub(super) struct View {
    pub(super) columns: Vec<(&'static str, Kind)>,
    pub(super) rows: Vec<Row>,
}

/// The view of a schema and name, if there is one. The names of views are lower case; where case matters they are found in that alone.
pub(super) fn view(context: &Context<'_>, schema: &str, name: &str) -> Option<View> {
    let database = context.database;
    let tables = database.tables();
    let is = |view: &str| context.same(schema, "sys") && context.same(name, view);
    Some(if is("databases") {
        databases(database)
    } else if is("schemas") {
        View {
            columns: vec![("name", NAME), ("schema_id", Kind::Int)],
            rows: (1..).zip(schemas(&tables)).map(|(id, name)| vec![Value::text(name), Value::Int(id)]).collect(),
        }
    } else if is("objects") {
        objects(&tables)
    } else if is("types") {
        View {
            columns: vec![("name", NAME), ("system_type_id", Kind::TinyInt), ("user_type_id", Kind::Int)],
            rows: TYPES.iter().map(|(name, id, system)| vec![Value::text(*name), Value::Int(*system), Value::Int(*id)]).collect(),
        }
    } else if is("columns") {
        View {
            columns: vec![
                ("object_id", Kind::Int),
                ("name", NAME),
                ("column_id", Kind::Int),
                ("system_type_id", Kind::TinyInt),
                ("max_length", Kind::Int),
                ("scale", Kind::TinyInt),
            ],
            rows: numbered(&tables).flat_map(|(id, table)| described(id, table)).collect(),
        }
    } else if is("indexes") {
        View {
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
        }
    } else if is("index_columns") {
        View {
            columns: vec![("object_id", Kind::Int), ("index_id", Kind::Int), ("column_id", Kind::Int), ("key_ordinal", Kind::TinyInt)],
            rows: numbered(&tables).flat_map(|(id, table)| leading(id, table)).collect(),
        }
    } else {
        return None;
    })
}

fn databases(database: &Database) -> View {
    let versions = database.row_versions();
    let row = |name: &str, id, snapshot, read_committed, collation: &str| {
        vec![
            Value::text(name),
            Value::Int(id),
            Value::Int(i64::from(snapshot)),
            Value::Int(i64::from(read_committed)),
            Value::text(collation),
        ]
    };
    let collation = database.collation().name;
    View {
        columns: vec![
            ("name", NAME),
            ("database_id", Kind::Int),
            ("snapshot_isolation_state", Kind::TinyInt),
            ("is_read_committed_snapshot_on", Kind::Bit),
            ("collation_name", NAME),
        ],
        rows: vec![
            row("master", 1, true, false, "SQL_Latin1_General_CP1_CI_AS"),
            row(database.name(), DATABASE_ID, versions.snapshot, versions.read_committed, &collation),
        ],
    }
}

/// The schemas that there are: `dbo`, then the others.
fn schemas(tables: &[Table]) -> Vec<&str> {
    let mut schemas = vec!["dbo"];
    for table in tables {
        if !schemas.contains(&table.schema.as_str()) {
            schemas.push(&table.schema);
        }
    }
    schemas
}

fn objects(tables: &[Table]) -> View {
    let schemas = schemas(tables);
    let schema_id = |table: &Table| (1..).zip(&schemas).find(|(_, name)| **name == table.schema).map_or(0, |(id, _)| id);
    let row = |name: &str, id, schema, kind: &str| vec![Value::text(name), Value::Int(id), Value::Int(schema), Value::text(kind)];
    // The type is of two characters; spaces at the end do not matter to a comparison.
    let rows = numbered(tables).map(|(id, table)| row(&table.name, id, schema_id(table), "U ")).collect();
    View { columns: vec![("name", NAME), ("object_id", Kind::Int), ("schema_id", Kind::Int), ("type", Kind::NVarChar(2))], rows }
}

fn described(id: i64, table: &Table) -> Vec<Row> {
    let row = |(number, (name, kind)): (i64, &(String, ColumnType))| {
        let type_name = Kind::from(*kind).name();
        let system = TYPES.iter().find(|(name, ..)| *name == type_name).map_or(0, |(_, id, _)| *id);
        let (length, scale) = match kind {
            ColumnType::NVarChar(length) => (i64::from(*length) * 2, 0),
            ColumnType::VarChar(length) => ((*length).into(), 0),
            ColumnType::NVarCharMax | ColumnType::VarCharMax => (-1, 0),
            ColumnType::NText | ColumnType::Text => (16, 0),
            ColumnType::Int | ColumnType::SmallDateTime => (4, 0),
            ColumnType::BigInt | ColumnType::RowVersion => (8, 0),
            ColumnType::DateTime => (8, 3),
            ColumnType::DateTime2(scale) => (8, (*scale).into()),
        };
        [Value::Int(id), Value::text(name.as_str())].into_iter().chain([number, system, length, scale].map(Value::Int)).collect()
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

/// Tables with their object numbers.
fn numbered(tables: &[Table]) -> impl Iterator<Item = (i64, &Table)> {
    (1_000..).zip(tables)
}
