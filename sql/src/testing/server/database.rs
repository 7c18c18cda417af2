use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use jabber_archive_core::Timestamp;

use super::fault::{Ending, Fault};

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
    /// `rowversion`, which the catalogue calls `timestamp` and which tells no time.
    RowVersion,
}

/// A value of a row.
#[derive(Clone, PartialEq, Eq, Hash)]
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

/// Makes rows anew whenever they are read.
type Made = Arc<dyn Fn() -> Box<dyn Iterator<Item = Vec<Value>> + Send> + Send + Sync>;

/// A table of schema `dbo`.
#[derive(Clone)]
pub struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, ColumnType)>,
    /// Columns that lead an index.
    pub(super) indexed: Vec<String>,
    made: Option<Made>,
    held: Arc<Vec<Vec<Value>>>,
}

impl Table {
    /// A table without columns and rows.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), columns: Vec::new(), indexed: Vec::new(), made: None, held: Arc::default() }
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
    pub fn rows(mut self, rows: impl Into<Arc<[Vec<Value>]>>) -> Self {
        self.made = None;
        self.held = Arc::new(rows.into().to_vec());
        self
    }

    /// With rows that are made anew whenever they are read, so that no more than one is held.
    #[must_use]
    pub fn made_by(mut self, rows: impl Fn() -> Box<dyn Iterator<Item = Vec<Value>> + Send> + Send + Sync + 'static) -> Self {
        self.made = Some(Arc::new(rows));
        self.held = Arc::default();
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its columns, in order.
    pub fn columns(&self) -> &[(String, ColumnType)] {
        &self.columns
    }

    /// The rows as they are now, whatever is changed while they are read.
    pub fn read(&self) -> impl Iterator<Item = Vec<Value>> + Send + use<> {
        let held = self.held.clone();
        let made = self.made.as_ref().map(|made| made());
        made.into_iter().flatten().chain((0..held.len()).map(move |index| held[index].clone()))
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.name).field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// A database that a stand-in serves; clones share it.
///
/// The login is `jabber_reader` with the password `demo`; reading of committed row versions is allowed in every form;
/// names of tables and columns are found in any case, as with a server of default collation.
#[derive(Debug, Clone)]
pub struct Database {
    name: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// By their names in lower case.
    tables: BTreeMap<String, Table>,
    denied: BTreeSet<String>,
    user: String,
    password: String,
    clock: Option<Timestamp>,
    row_versions: RowVersions,
    read_only: bool,
    faults: Vec<Fault>,
    statements: Vec<String>,
    connections: usize,
}

/// What a database allows of row versioning.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowVersions {
    pub(super) snapshot: bool,
    pub(super) read_committed: bool,
}

impl Database {
    /// A database without tables.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let state = State {
            tables: BTreeMap::new(),
            denied: BTreeSet::new(),
            user: "jabber_reader".to_owned(),
            password: "demo".to_owned(),
            clock: None,
            row_versions: RowVersions { snapshot: true, read_committed: true },
            read_only: false,
            faults: Vec::new(),
            statements: Vec::new(),
            connections: 0,
        };
        Self { name: name.into(), state: Arc::new(Mutex::new(state)) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds a table, or puts it in the place of the one with its name.
    pub fn put(&self, table: Table) {
        self.state().tables.insert(table.name.to_lowercase(), table);
    }

    /// Adds rows to a table; values in the order of its columns. Statements that run do not see them.
    ///
    /// # Panics
    ///
    /// If there is no such table.
    pub fn insert(&self, table: &str, rows: Vec<Vec<Value>>) {
        self.change(table, |table| Arc::make_mut(&mut table.held).extend(rows));
    }

    /// Deletes the rows of a table for which `keep` is false. Rows made by [`Table::made_by`] are held from then on.
    ///
    /// # Panics
    ///
    /// If there is no such table.
    pub fn retain(&self, table: &str, mut keep: impl FnMut(&[Value]) -> bool) {
        self.change(table, |table| {
            let rows = table.read().filter(|row| keep(row)).collect();
            table.made = None;
            table.held = Arc::new(rows);
        });
    }

    /// Sets the only user and password that may log in.
    pub fn login(&self, user: impl Into<String>, password: impl Into<String>) {
        let mut state = self.state();
        state.user = user.into();
        state.password = password.into();
    }

    /// Takes the permission to read a table away.
    pub fn deny(&self, table: &str) {
        self.state().denied.insert(table.to_lowercase());
    }

    /// Sets the server's clock, which then stands still.
    pub fn set_clock(&self, time: Timestamp) {
        self.state().clock = Some(time);
    }

    /// Sets whether sessions may choose snapshot isolation, and whether `READ COMMITTED` reads row versions.
    pub fn set_row_versions(&self, snapshot: bool, read_committed: bool) {
        self.state().row_versions = RowVersions { snapshot, read_committed };
    }

    /// Sets whether it says of itself that it can only be read, as a replica does.
    pub fn set_read_only(&self, read_only: bool) {
        self.state().read_only = read_only;
    }

    /// Lets something go wrong; of several faults that fit, the first injected comes first.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Every statement received so far.
    pub fn statements(&self) -> Vec<String> {
        self.state().statements.clone()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    pub(super) fn accepts(&self, user: &str, password: &str) -> bool {
        let state = self.state();
        state.user.eq_ignore_ascii_case(user) && state.password == password
    }

    /// The table of this name, in either case, if there is one.
    pub fn table(&self, name: &str) -> Option<Table> {
        self.state().tables.get(&name.to_lowercase()).cloned()
    }

    pub(super) fn tables(&self) -> Vec<Table> {
        self.state().tables.values().cloned().collect()
    }

    pub(super) fn denies(&self, table: &str) -> bool {
        self.state().denied.contains(&table.to_lowercase())
    }

    /// The server's UTC.
    pub(super) fn now(&self) -> Timestamp {
        self.state().clock.unwrap_or_else(|| {
            let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Timestamp::from_millis(passed.as_millis() as i64)
        })
    }

    pub(super) fn row_versions(&self) -> RowVersions {
        self.state().row_versions
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.state().read_only
    }

    pub(super) fn received(&self, statement: &str) {
        self.state().statements.push(statement.to_owned());
    }

    /// Counts a connection for as long as the guard lives.
    pub(super) fn connected(&self) -> Connected {
        self.state().connections += 1;
        Connected(self.clone())
    }

    /// Whether a login is refused by a fault.
    pub(super) fn refuses_login(&self) -> bool {
        use_up(&mut self.state().faults, Fault::refuses_login).is_some()
    }

    /// What ends the answer to a statement that has given so many rows.
    ///
    /// A connection is cut within a row when that row is about to be sent, all else when it has been.
    pub(super) fn ending(&self, tables: &[String], counts: bool, moment: Moment) -> Option<Ending> {
        use_up(&mut self.state().faults, |fault| fault.ends(tables, counts, moment))
    }

    fn change(&self, table: &str, change: impl FnOnce(&mut Table)) {
        match self.state().tables.get_mut(&table.to_lowercase()) {
            Some(table) => change(table),
            None => panic!("the database has no table {table}"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Uses a fault one more time if one fits.
fn use_up<T>(faults: &mut Vec<Fault>, fits: impl Fn(&Fault) -> Option<T>) -> Option<T> {
    let (index, found) = faults.iter().enumerate().find_map(|(index, fault)| Some((index, fits(fault)?)))?;
    if !faults[index].use_once() {
        faults.remove(index);
    }
    Some(found)
}

/// Where the answer to a statement has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// So many rows have been given, maybe none.
    After(u64),
    /// The row of this number, from 1, is about to be given.
    Within(u64),
    /// All rows have been given.
    Done,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connected(Database);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.state().connections -= 1;
    }
}
