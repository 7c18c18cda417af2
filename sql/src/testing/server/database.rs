use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use bytes::Bytes;
use jabber_archive_core::Timestamp;

use super::{
    collation::Collation,
    fault::{Ending, Fault, Moment, Phase, Refused},
    kind::Kind,
    stored,
};

/// The type of a column, as `sys.types` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnType {
    /// `nvarchar(n)`, n from 1 to 4000.
    NVarChar(u16),
    /// `nvarchar(max)`.
    NVarCharMax,
    /// `ntext`.
    NText,
    /// `varchar(n)`, n from 1 to 8000, of the collation's code page: 1252, or UTF-8.
    VarChar(u16),
    /// `varchar(max)`, of the collation's code page: 1252, or UTF-8.
    VarCharMax,
    /// `text`, of the code page 1252.
    Text,
    /// `int`.
    Int,
    /// `bigint`.
    BigInt,
    /// `datetime`.
    DateTime,
    /// `smalldatetime`.
    SmallDateTime,
    /// `datetime2(n)`, n from 0 to 7.
    DateTime2(u8),
    /// `rowversion`, which the catalogue calls `timestamp` and which tells no time.
    RowVersion,
}

impl ColumnType {
    /// Whether a column of this type holds a value as it is, in a database of default collation.
    pub fn holds(self, value: &Value) -> bool {
        let mut held = value.clone();
        stored::store(&mut held, Kind::from(self), false).is_some() && held == *value
    }
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
    /// `datetime2`: days since 1900-01-01, units of 100 ns since midnight.
    DateTime2(i32, u64),
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
            Self::DateTime2(days, units) => write!(f, "{} and {units} of 100 ns", Timestamp::from_sql_datetime(*days, 0)),
        }
    }
}

/// How somebody has signed in, or tried to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignIn {
    /// The login's name; empty with an access token.
    pub user: String,
    /// Whether it was with an access token.
    pub by_token: bool,
    /// The program.
    pub application: String,
    /// The server as the client calls it.
    pub server: String,
    /// The database.
    pub database: String,
    /// Whether it says that nothing will be written.
    pub read_only_intent: bool,
}

/// A statement that was answered to its end, and when.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Answered {
    /// The statement.
    pub statement: String,
    /// Its parameters, `@P1` and those behind it.
    pub parameters: Vec<Value>,
    /// When the first row was about to be sent.
    pub began: Instant,
    /// When the last one, and that it was the last, had been sent.
    pub ended: Instant,
}

/// Makes rows anew whenever they are read.
type Made = Arc<dyn Fn() -> Box<dyn Iterator<Item = Vec<Value>> + Send> + Send + Sync>;

/// A table, of schema `dbo` unless told otherwise.
#[derive(Clone)]
pub struct Table {
    pub(super) schema: String,
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
        Self { schema: "dbo".to_owned(), name: name.into(), columns: Vec::new(), indexed: Vec::new(), made: None, held: Arc::default() }
    }

    /// Of another schema.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
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

    /// With other names and types for its columns, whose values stay.
    #[must_use]
    pub fn retyped(mut self, mut change: impl FnMut(&str, ColumnType) -> (String, ColumnType)) -> Self {
        for (name, kind) in &mut self.columns {
            let before = name.clone();
            (*name, *kind) = change(&before, *kind);
            for indexed in self.indexed.iter_mut().filter(|indexed| **indexed == before) {
                indexed.clone_from(name);
            }
        }
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

    /// The columns that lead an index.
    pub fn indexes(&self) -> &[String] {
        &self.indexed
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
/// The login is `jabber_reader` with the password `demo`; reading of committed row versions is allowed in every form; the collation is
/// `SQL_Latin1_General_CP1_CI_AS`, so that names of tables and columns are found in any case, until [another](Self::set_collation) is set.
#[derive(Debug, Clone)]
pub struct Database {
    name: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    collation: Collation,
    tables: Vec<Table>,
    denied: BTreeSet<String>,
    user: String,
    password: String,
    clock: Option<Timestamp>,
    row_versions: RowVersions,
    read_only: bool,
    faults: Vec<Fault>,
    statements: Vec<String>,
    sign_ins: Vec<SignIn>,
    answered: Vec<Answered>,
    /// Answers by what was asked, if they are kept.
    kept: Option<HashMap<String, Arc<[Bytes]>>>,
    token: Option<String>,
    route: Option<(String, u16)>,
    conversions: BTreeSet<String>,
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
    ///
    /// # Panics
    ///
    /// Never: the default collation is known.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let state = State {
            collation: Collation::new("SQL_Latin1_General_CP1_CI_AS").expect("the default collation is known"),
            tables: Vec::new(),
            denied: BTreeSet::new(),
            user: "jabber_reader".to_owned(),
            password: "demo".to_owned(),
            clock: None,
            row_versions: RowVersions { snapshot: true, read_committed: true },
            read_only: false,
            faults: Vec::new(),
            statements: Vec::new(),
            sign_ins: Vec::new(),
            answered: Vec::new(),
            kept: None,
            token: None,
            route: None,
            conversions: BTreeSet::new(),
            connections: 0,
        };
        Self { name: name.into(), state: Arc::new(Mutex::new(state)) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets the collation: `SQL_Latin1_General_CP1_CI_AS`, or one of `Latin1_General` and `Latin1_General_100` with `_CI_AS`, `_CS_AS`, `_BIN`, `_BIN2`, `_SC`
    /// and `_UTF8`. To be set before there are tables.
    ///
    /// # Panics
    ///
    /// If it is another.
    pub fn set_collation(&self, name: &str) {
        self.state().collation = Collation::new(name).unwrap_or_else(|| panic!("the stand-in has no collation {name}"));
    }

    /// Keeps answers to queries as they go over the wire, and gives them again to whoever asks the same, until a table is put: a server that costs next to nothing, for benchmarks of
    /// clients. Rows that are added do not show in them, nor do faults.
    pub fn keep_answers(&self) {
        self.state().kept = Some(HashMap::new());
    }

    pub(super) fn keeps_answers(&self) -> bool {
        self.state().kept.is_some()
    }

    pub(super) fn keep_answer(&self, asked: String, answer: Vec<Bytes>) {
        if let Some(kept) = &mut self.state().kept {
            kept.insert(asked, answer.into());
        }
    }

    pub(super) fn kept_answer(&self, asked: &str) -> Option<Arc<[Bytes]>> {
        self.state().kept.as_ref()?.get(asked).cloned()
    }

    /// Adds a table, or puts it in the place of the one with its name.
    pub fn put(&self, table: Table) {
        let mut state = self.state();
        state.kept.iter_mut().for_each(HashMap::clear);
        let same = |other: &Table| state.collation.same(&other.schema, &table.schema) && state.collation.same(&other.name, &table.name);
        match state.tables.iter().position(same) {
            Some(place) => state.tables[place] = table,
            None => state.tables.push(table),
        }
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

    /// Sets the only access token that may log in, beside user and password.
    pub fn accept_token(&self, token: impl Into<String>) {
        self.state().token = Some(token.into());
    }

    /// Sends those who sign in with read-only intent on to another server, as the listener of an availability group does.
    pub fn route_readers_to(&self, host: impl Into<String>, port: u16) {
        self.state().route = Some((host.into(), port));
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

    /// Everybody who has signed in, or tried to.
    pub fn sign_ins(&self) -> Vec<SignIn> {
        self.state().sign_ins.clone()
    }

    /// Every statement that was answered to its end.
    pub fn answered_statements(&self) -> Vec<Answered> {
        self.state().answered.clone()
    }

    /// Columns that were compared with a value of another type, as `dbo.jm.sent_date`: SQL Server converts the column then, and no index helps.
    pub fn conversions(&self) -> BTreeSet<String> {
        self.state().conversions.clone()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    pub(super) fn accepts(&self, user: &str, password: &str) -> bool {
        let state = self.state();
        state.user.eq_ignore_ascii_case(user) && state.password == password
    }

    pub(super) fn accepts_token(&self, token: &str) -> bool {
        self.state().token.as_deref() == Some(token)
    }

    pub(super) fn route(&self) -> Option<(String, u16)> {
        self.state().route.clone()
    }

    pub(super) fn signed_in(&self, sign_in: &SignIn) {
        self.state().sign_ins.push(sign_in.clone());
    }

    pub(super) fn answered(&self, answered: Answered) {
        self.state().answered.push(answered);
    }

    /// The first table of this name, in either case and any schema, if there is one.
    pub fn table(&self, name: &str) -> Option<Table> {
        self.state().tables.iter().find(|table| table.name.eq_ignore_ascii_case(name)).cloned()
    }

    /// The table of this schema and name, by the collation.
    pub(super) fn named(&self, schema: &str, name: &str) -> Option<Table> {
        let state = self.state();
        let is_it = |table: &&Table| state.collation.same(&table.schema, schema) && state.collation.same(&table.name, name);
        state.tables.iter().find(is_it).cloned()
    }

    /// All tables.
    pub fn tables(&self) -> Vec<Table> {
        self.state().tables.clone()
    }

    pub(super) fn collation(&self) -> Collation {
        self.state().collation.clone()
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

    pub(super) fn converted(&self, column: String) {
        self.state().conversions.insert(column);
    }

    /// Counts a connection for as long as the guard lives.
    pub(super) fn connected(&self) -> Connected {
        self.state().connections += 1;
        Connected(self.clone())
    }

    /// Why a login is refused by a fault.
    pub(super) fn refuses_login(&self) -> Option<Refused> {
        use_up(&mut self.state().faults, Fault::refuses_login)
    }

    /// What ends a connection in this phase, before a login is accepted.
    pub(super) fn ending_of(&self, phase: Phase) -> Option<Ending> {
        use_up(&mut self.state().faults, |fault| fault.ends_in(phase))
    }

    /// What ends the answer to a statement that has given so many rows.
    ///
    /// A connection is cut within a row when that row is about to be sent, all else when it has been.
    pub(super) fn ending(&self, tables: &[String], counts: bool, moment: Moment) -> Option<Ending> {
        use_up(&mut self.state().faults, |fault| fault.ends(tables, counts, moment))
    }

    fn change(&self, table: &str, change: impl FnOnce(&mut Table)) {
        match self.state().tables.iter_mut().find(|known| known.name.eq_ignore_ascii_case(table)) {
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
    if faults[index].passes_by() {
        return None;
    }
    if !faults[index].use_once() {
        faults.remove(index);
    }
    Some(found)
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connected(Database);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.state().connections -= 1;
    }
}
