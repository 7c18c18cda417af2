use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use jabber_archive_core::Timestamp;

/// The type of a column, as `INFORMATION_SCHEMA.COLUMNS` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnType {
    /// `nvarchar(n)`, n from 1 to 4000.
    NVarChar(u16),
    /// `nvarchar(max)`.
    NVarCharMax,
    /// `ntext`.
    NText,
    /// `varchar(max)`, of the code page 1252.
    VarCharMax,
    /// `text`, of the code page 1252.
    Text,
    /// `int`.
    Int,
    /// `bigint`.
    BigInt,
    /// `datetime`.
    DateTime,
    /// `datetime2(7)`: a type that the source does not understand.
    DateTime2,
}

/// A value of a row.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// NULL of any type.
    Null,
    /// Text of any of the text types.
    Text(Arc<str>),
    /// UTF-16 code units, which may hold a broken surrogate.
    Utf16(Arc<[u16]>),
    /// `int` or `bigint`.
    Int(i64),
    /// `datetime`: days since 1900-01-01, ticks of 1/300 s since midnight.
    DateTime(i32, u32),
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// The nearest `datetime`.
    pub fn time(time: Timestamp) -> Self {
        let (days, ticks) = time.to_sql_datetime();
        Self::DateTime(days, ticks)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Utf16(units) => write!(f, "{:?}", String::from_utf16_lossy(units)),
            Self::Int(number) => write!(f, "{number}"),
            Self::DateTime(days, ticks) => write!(f, "{}", Timestamp::from_sql_datetime(*days, *ticks)),
        }
    }
}

/// Makes the rows of a table anew whenever they are read.
pub(super) type Rows = Arc<dyn Fn() -> Box<dyn Iterator<Item = Vec<Value>> + Send> + Send + Sync>;

/// A table of schema `dbo`.
#[derive(Clone)]
pub struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, ColumnType)>,
    /// Columns that lead an index.
    pub(super) indexed: Vec<String>,
    pub(super) rows: Rows,
}

impl Table {
    /// A table without columns and rows.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), columns: Vec::new(), indexed: Vec::new(), rows: Arc::new(|| Box::new(std::iter::empty())) }
    }

    /// With another column.
    #[must_use]
    pub fn column(mut self, name: impl Into<String>, kind: ColumnType) -> Self {
        self.columns.push((name.into(), kind));
        self
    }

    /// With an index that this column leads.
    #[must_use]
    pub fn index(mut self, column: impl Into<String>) -> Self {
        self.indexed.push(column.into());
        self
    }

    /// With these rows; values in the order of the columns.
    #[must_use]
    pub fn rows(self, rows: impl Into<Arc<[Vec<Value>]>>) -> Self {
        let rows: Arc<[Vec<Value>]> = rows.into();
        self.made_by(move || {
            let rows = rows.clone();
            Box::new((0..rows.len()).map(move |index| rows[index].clone()))
        })
    }

    /// With rows that are made anew whenever they are read, so that no more than one is held.
    #[must_use]
    pub fn made_by(mut self, rows: impl Fn() -> Box<dyn Iterator<Item = Vec<Value>> + Send> + Send + Sync + 'static) -> Self {
        self.rows = Arc::new(rows);
        self
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.name).field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// A database that a stand-in serves; clones share it.
#[derive(Debug, Clone)]
pub struct Database {
    name: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    tables: BTreeMap<String, Table>,
}

impl Database {
    /// A database without tables.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), state: Arc::default() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds a table, or puts it in the place of the one with its name.
    pub fn put(&self, table: Table) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tables.insert(table.name.clone(), table);
    }
}
