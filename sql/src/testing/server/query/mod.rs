//! The statements that the stand-in knows: those that read, of the forms that a reader of tables needs. All else is an error of syntax.

mod aggregate;
mod catalogue;
mod compile;
mod expression;
mod relation;
mod settings;

use std::cell::{Cell, RefCell};

use sqlparser::{ast, dialect::MsSqlDialect, parser::Parser};

pub(super) use self::settings::Settings;
use super::{
    database::{Database, Value},
    refusal::Refusal,
    request::{Parameter, Request},
    response::ResultColumn,
};

type Row = Vec<Value>;
type Rows = Box<dyn Iterator<Item = Result<Row, Refusal>>>;

/// A statement that is understood.
pub(super) enum Statement {
    Settings(Settings),
    Query(Plan),
}

/// A query that can run, once.
pub(super) struct Plan {
    pub(super) columns: Vec<ResultColumn>,
    pub(super) rows: Rows,
    /// The tables of the database that it reads.
    pub(super) tables: Vec<String>,
    /// Whether it counts rows instead of giving them.
    pub(super) counts: bool,
}

/// What a statement is read with.
struct Context<'a> {
    database: &'a Database,
    parameters: &'a [Parameter],
    /// Whether the session has snapshot isolation.
    snapshot: bool,
    tables: RefCell<Vec<String>>,
    counts: Cell<bool>,
}

/// Reads a statement; nothing has been read of a table yet.
pub(super) fn read(request: &Request, database: &Database, snapshot: bool) -> Result<Statement, Refusal> {
    if let Some(settings) = Settings::read(&request.statement)? {
        return Ok(Statement::Settings(settings));
    }
    let query = parse(&request.statement)?;
    let context = Context { database, parameters: &request.parameters, snapshot, tables: RefCell::default(), counts: Cell::new(false) };
    let relation = relation::query(&query, &context)?;
    let columns = relation.columns.into_iter().map(|column| ResultColumn { name: column.name, kind: column.kind }).collect();
    Ok(Statement::Query(Plan { columns, rows: relation.rows, tables: context.tables.into_inner(), counts: context.counts.get() }))
}

fn parse(statement: &str) -> Result<ast::Query, Refusal> {
    let mut statements = Parser::parse_sql(&MsSqlDialect {}, statement).map_err(|error| Refusal::syntax(error.to_string()))?;
    match (statements.pop(), statements.is_empty()) {
        (Some(ast::Statement::Query(query)), true) => Ok(*query),
        _ => Err(Refusal::syntax(statement.split_whitespace().next().unwrap_or_default())),
    }
}
