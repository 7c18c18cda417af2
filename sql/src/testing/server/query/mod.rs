//! The statements that the stand-in knows: those that read, of the forms that a reader of tables needs. All else is an error of syntax.

mod aggregate;
mod catalogue;
mod compile;
mod expression;
mod relation;
mod settings;

use std::cell::{Cell, RefCell};

use sqlparser::{ast, dialect::MsSqlDialect, parser::Parser};

pub(super) use self::settings::Session;
use super::{
    collation::Collation,
    database::{Database, Value},
    refusal::Refusal,
    request::{Parameter, Request},
    response::ResultColumn,
};

type Row = Vec<Value>;
type Rows = Box<dyn Iterator<Item = Result<Row, Refusal>>>;

/// A statement that is understood.
pub(super) enum Statement {
    Settings(Session),
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
    session: Session,
    collation: Collation,
    tables: RefCell<Vec<String>>,
    counts: Cell<bool>,
}

impl Context<'_> {
    /// Whether two names are one in this database.
    fn same(&self, left: &str, right: &str) -> bool {
        self.collation.same(left, right)
    }
}

/// Reads a statement; nothing has been read of a table yet.
pub(super) fn read(request: &Request, database: &Database, session: Session) -> Result<Statement, Refusal> {
    if let Some(session) = session.after(&request.statement)? {
        return Ok(Statement::Settings(session));
    }
    let query = parse(&request.statement)?;
    let context = Context {
        database,
        parameters: &request.parameters,
        session,
        collation: database.collation(),
        tables: RefCell::default(),
        counts: Cell::new(false),
    };
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

#[cfg(test)]
mod tests {
    use super::{
        super::{
            database::{ColumnType, Table},
            kind::Kind,
        },
        *,
    };
    use crate::{
        date::{DateColumn, DateType},
        statements,
    };

    const SNAPSHOT: Session = Session { snapshot: true, text_size: 4096 };

    fn database() -> Database {
        let database = Database::new("chat");
        let table = Table::new("jm")
            .column("to_jid", ColumnType::NVarChar(100))
            .column("sent_date", ColumnType::DateTime)
            .column("body_len", ColumnType::Int)
            .column("body_text", ColumnType::NText)
            .column("written", ColumnType::DateTime2(3))
            .index("sent_date");
        database.put(table);
        database
    }

    fn request(statement: &str, kinds: &[Kind]) -> Request {
        let parameter = |(number, kind): (usize, &Kind)| Parameter {
            name: format!("@P{number}"),
            kind: *kind,
            value: match kind {
                Kind::DateTime => Value::DateTime(0, 0),
                Kind::DateTime2(_) => Value::DateTime2(0, 0),
                Kind::Int => Value::Int(1_000),
                _ => Value::text("[dbo].[jm]"),
            },
        };
        Request { statement: statement.to_owned(), parameters: (1..).zip(kinds).map(parameter).collect(), call: true }
    }

    #[test]
    fn every_statement_of_the_list_runs_and_no_other() {
        const TEXT: Kind = Kind::NVarChar(4000);
        const TIME: Kind = Kind::DateTime;
        const FINE: Kind = Kind::DateTime2(7);
        const NAME: Kind = Kind::NVarChar(128);
        let table = "[dbo].[jm]";
        let (date, finer) =
            (&DateColumn::new("sent_date", DateType::DateTime), &DateColumn::new("written", DateType::DateTime2 { scale: 3 }));
        let lengths = [statements::quote("body_len"), statements::quote("body_len")];
        let columns = [statements::column("to_jid", false), statements::column("body_text", true), statements::absent("subject")];
        let database = database();
        for (statement, kinds, rows, types) in [
            (statements::FACTS.to_owned(), &[][..], 1, &[NAME, NAME, Kind::Int, Kind::Int, NAME, NAME][..]),
            (statements::CLOCK.to_owned(), &[], 1, &[TIME]),
            (statements::TABLES.to_owned(), &[], 1, &[NAME, NAME, Kind::Int]),
            (statements::COLUMNS.to_owned(), &[Kind::Int], 5, &[NAME, NAME, Kind::Int, Kind::Int]),
            (statements::LEADING.to_owned(), &[Kind::Int], 1, &[NAME]),
            (statements::PERMISSION.to_owned(), &[TEXT], 1, &[Kind::Int]),
            (statements::extent(table, date), &[TIME, TIME], 1, &[TIME, TIME, Kind::BigInt, Kind::BigInt]),
            (statements::extent_by_scan(table, date), &[TIME, TIME], 1, &[TIME, TIME, Kind::BigInt, Kind::BigInt]),
            (statements::tally(table, date, &lengths), &[TIME, TIME, TIME, Kind::Int], 0, &[Kind::Int, Kind::BigInt, Kind::BigInt]),
            (statements::tally(table, date, &[]), &[TIME, TIME, TIME, Kind::Int], 0, &[Kind::Int, Kind::BigInt, Kind::BigInt]),
            (statements::hours(table, date), &[TIME, TIME, TIME, Kind::Int], 0, &[Kind::Int, Kind::BigInt]),
            (statements::room_numbers(table, date, "[to_jid]", "[body_len]"), &[TIME, TIME], 0, &[Kind::NVarChar(100), Kind::Int]),
            (
                statements::room_numbers(table, finer, "CAST([body_text] AS nvarchar(max)) AS [body_text]", "[body_len]"),
                &[FINE, FINE],
                0,
                &[Kind::NVarCharMax, Kind::Int],
            ),
            (statements::extent(table, finer), &[FINE, FINE], 1, &[Kind::DateTime2(3), Kind::DateTime2(3), Kind::BigInt, Kind::BigInt]),
            (statements::records(table, finer, &columns[..1]), &[FINE, FINE], 0, &[Kind::NVarChar(100)]),
            (statements::records(table, date, &columns), &[TIME, TIME], 0, &[Kind::NVarChar(100), Kind::NVarCharMax, Kind::NVarCharMax]),
            (statements::whole(table, &columns), &[], 0, &[Kind::NVarChar(100), Kind::NVarCharMax, Kind::NVarCharMax]),
        ] {
            let read = read(&request(&statement, kinds), &database, SNAPSHOT);
            let Ok(Statement::Query(plan)) = read else { panic!("{statement}: {:?}", read.err()) };
            let sent: Vec<Kind> = plan.columns.iter().map(|column| column.kind).collect();
            assert_eq!(sent, types, "{statement}");
            assert_eq!(plan.rows.map(Result::unwrap).count(), rows, "{statement}");

            let ordered = read_refusal(&format!("{statement} ORDER BY 1"), kinds, &database);
            assert_eq!(ordered.number, 102, "{statement}");
        }
        assert!(database.conversions().is_empty(), "{:?}", database.conversions());
        for snapshot in [false, true] {
            let read = read(&request(&statements::session(snapshot), &[]), &database, Session::new(false));
            let Ok(Statement::Settings(set)) = read else { panic!("no settings: {:?}", read.err()) };
            assert_eq!((set.snapshot, set.text_size), (snapshot, i32::MAX as usize));
        }
    }

    fn read_refusal(statement: &str, kinds: &[Kind], database: &Database) -> Refusal {
        read(&request(statement, kinds), database, SNAPSHOT).err().unwrap()
    }
}
