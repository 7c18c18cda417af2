//! What tables and columns a database has: looked up, never assumed.

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};

use crate::{
    config::MssqlConfig,
    connection::{Connection, Parameter, Value, unexpected},
    fault::Operation,
    statements::{self, quote},
};

/// A table that is read, and the columns that are read of it in the order in which its decoder takes them.
#[derive(Debug)]
pub(crate) struct TableSpec {
    pub(crate) name: &'static str,
    /// The column that dates a row.
    pub(crate) date: Option<&'static str>,
    /// The columns that say how long the texts are.
    pub(crate) lengths: &'static [&'static str],
    pub(crate) columns: &'static [ColumnSpec],
}

#[derive(Debug)]
pub(crate) struct ColumnSpec {
    pub(crate) name: &'static str,
    form: Form,
    required: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    Time,
    /// A time, or a rowversion, which tells none and is not read.
    Stamp,
}

const fn text(name: &'static str) -> ColumnSpec {
    ColumnSpec { name, form: Form::Text, required: true }
}

const fn optional_text(name: &'static str) -> ColumnSpec {
    ColumnSpec { name, form: Form::Text, required: false }
}

const fn number(name: &'static str) -> ColumnSpec {
    ColumnSpec { name, form: Form::Number, required: true }
}

const fn optional_number(name: &'static str) -> ColumnSpec {
    ColumnSpec { name, form: Form::Number, required: false }
}

const fn optional_stamp(name: &'static str) -> ColumnSpec {
    ColumnSpec { name, form: Form::Stamp, required: false }
}

const fn time(name: &'static str) -> ColumnSpec {
    ColumnSpec { name, form: Form::Time, required: true }
}

/// The message archiver's table.
pub(crate) const JM: TableSpec = TableSpec {
    name: "jm",
    date: Some("sent_date"),
    lengths: &["body_len", "message_len"],
    columns: &[
        time("sent_date"),
        text("to_jid"),
        text("from_jid"),
        text("direction"),
        text("msg_type"),
        text("history_flag"),
        number("body_len"),
        number("message_len"),
        text("body_string"),
        text("body_text"),
        text("message_string"),
        text("message_text"),
        optional_text("subject"),
        optional_text("thread_id"),
    ],
};

/// The archive of room messages.
pub(crate) const TC_MSGARCHIVE: TableSpec = TableSpec {
    name: "tc_msgarchive",
    date: Some("sent_date"),
    lengths: &["body_len", "message_len"],
    columns: &[
        time("sent_date"),
        text("to_jid"),
        text("from_jid"),
        text("nick_jid"),
        number("msg_id"),
        text("msg_type"),
        number("body_len"),
        number("message_len"),
        text("body_string"),
        text("body_text"),
        text("message_string"),
        text("message_text"),
        optional_text("subject"),
    ],
};

/// Who entered and left rooms.
pub(crate) const TC_TIMELOG: TableSpec = TableSpec {
    name: "tc_timelog",
    date: Some("stamp"),
    lengths: &[],
    columns: &[time("stamp"), text("real_jid"), text("nick_jid"), text("direction")],
};

/// The rooms.
pub(crate) const TC_ROOMS: TableSpec = TableSpec {
    name: "tc_rooms",
    date: None,
    lengths: &[],
    columns: &[text("room_jid"), text("type"), optional_text("subject"), optional_text("config")],
};

/// Who is who in the rooms.
pub(crate) const TC_USERS: TableSpec =
    TableSpec { name: "tc_users", date: None, lengths: &[], columns: &[text("room_jid"), text("real_jid"), text("nick_jid")] };

/// The log of managed file transfers. What dates its rows is documented as `timestamp`, which is a rowversion, and compared with dates in Cisco's own queries: its
/// type decides. It is looked up when it is asked for the first time, because an archive without files does without it.
pub(crate) const AFT_LOG: TableSpec = TableSpec {
    name: "aft_log",
    date: None,
    lengths: &[],
    columns: &[
        number("aft_index"),
        text("method"),
        text("filename"),
        text("file_path"),
        optional_text("real_filename"),
        optional_text("jid"),
        optional_text("to_jid"),
        optional_text("file_server"),
        optional_number("filesize"),
        optional_number("bytes_transferred"),
        optional_stamp("timestampvalue"),
    ],
};

/// Every table that is read, those of messages first.
pub(crate) const TABLES: [&TableSpec; 6] = [&JM, &TC_MSGARCHIVE, &TC_TIMELOG, &TC_ROOMS, &TC_USERS, &AFT_LOG];

/// A table as the database has it, and how it is read.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) spec: &'static TableSpec,
    /// Schema and name, quoted.
    pub(crate) table: String,
    /// The date column, quoted; empty for a table without one, and for a log of transfers that does not date them.
    pub(crate) date: String,
    /// The columns of lengths, quoted.
    pub(crate) lengths: Vec<String>,
    /// What stands between SELECT and FROM, for every column of the specification.
    pub(crate) columns: Vec<String>,
    /// Whether an index leads with the date.
    pub(crate) indexed: bool,
    /// Optional columns that it lacks.
    pub(crate) absent: Vec<&'static str>,
}

/// The tables of a database that are read.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) layouts: Vec<Layout>,
    /// Whether reading row versions is allowed, so that no lock is taken.
    pub(crate) snapshot: bool,
}

impl Schema {
    /// Looks up everything that is read.
    pub(crate) async fn discover(config: &MssqlConfig) -> Result<Self> {
        refuse_unknown(config)?;
        let mut connection = Connection::open(config, false).await?;
        let snapshot = Facts::ask(&mut connection, config).await?.snapshot;
        let mut layouts = Vec::new();
        for spec in TABLES.into_iter().filter(|spec| spec.name != AFT_LOG.name) {
            if let Some(layout) = look(&mut connection, config, spec).await? {
                layouts.push(layout);
            }
        }
        let schema = Self { layouts, snapshot };
        if schema.messages().next().is_none() {
            let operation = Operation { config, verb: "look for tables in", table: "" };
            let what = format!("neither `jm` nor `tc_msgarchive` is there in schema `{}`, or the login may not see them", config.schema);
            return Err(operation
                .error(ErrorClass::Fatal, what)
                .advise("check `database`, `schema` and `tables`, and GRANT SELECT on the tables to the login"));
        }
        Ok(schema)
    }

    /// The tables with messages.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Layout> {
        self.layouts.iter().filter(|layout| !layout.lengths.is_empty())
    }

    /// The tables whose rows are dated.
    pub(crate) fn dated(&self) -> impl Iterator<Item = &Layout> {
        self.layouts.iter().filter(|layout| !layout.date.is_empty())
    }

    pub(crate) fn find(&self, spec: &TableSpec) -> Option<&Layout> {
        self.layouts.iter().find(|layout| layout.spec.name == spec.name)
    }
}

/// What a server and a database say of themselves.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) version: String,
    pub(crate) edition: String,
    pub(crate) snapshot: bool,
    pub(crate) read_committed_snapshot: bool,
    /// A replica, or a database that was set so.
    pub(crate) read_only: bool,
}

impl Facts {
    pub(crate) async fn ask(connection: &mut Connection<'_>, config: &MssqlConfig) -> Result<Self> {
        let [version, edition, snapshot, read_committed, updateability] = connection.row("ask", "", statements::FACTS, &[]).await?;
        let (Value::Text(version), Value::Text(edition), Value::Int(snapshot), Value::Int(read_committed)) =
            (version, edition, snapshot, read_committed)
        else {
            return Err(unexpected(Operation { config, verb: "ask", table: "" }));
        };
        // 1 is ON; 2 and 3 are transitions in which a new snapshot transaction may fail.
        let read_only = matches!(updateability, Value::Text(updateability) if updateability.eq_ignore_ascii_case("READ_ONLY"));
        Ok(Self { version, edition, snapshot: snapshot == 1, read_committed_snapshot: read_committed == 1, read_only })
    }
}

/// A name in `tables` that is none of ours would be a table that is never read.
fn refuse_unknown(config: &MssqlConfig) -> Result<()> {
    let unknown = config.tables.iter().flatten().find(|name| TABLES.iter().all(|spec| spec.name != name.as_str()));
    let Some(name) = unknown else { return Ok(()) };
    let known: Vec<&str> = TABLES.iter().map(|spec| spec.name).collect();
    Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "set tables", format!("`{name}` is no table that is read"))
        .about("tables")
        .advise(format!("choose from {}", known.join(", "))))
}

/// One table as the database has it; `None` if it is not there and may be missing or is not wanted.
pub(crate) async fn look(connection: &mut Connection<'_>, config: &MssqlConfig, spec: &'static TableSpec) -> Result<Option<Layout>> {
    let wanted = config.tables.as_ref().map(|tables| tables.contains(spec.name));
    if wanted == Some(false) {
        return Ok(None);
    }
    let names = [Parameter::Text(&config.schema), Parameter::Text(spec.name)];
    let found = connection.rows("look up columns of", spec.name, statements::COLUMNS, &names).await?;
    let found: Vec<(String, String)> = found
        .into_iter()
        .filter_map(|row| match <[Value; 2]>::try_from(row) {
            Ok([Value::Text(name), Value::Text(kind)]) => Some((name, kind)),
            _ => None,
        })
        .collect();
    let operation = Operation { config, verb: "look up", table: spec.name };
    if found.is_empty() {
        return match wanted {
            Some(true) => Err(operation
                .error(ErrorClass::Fatal, format!("it is not there in schema `{}`, or the login may not see it", config.schema))
                .advise("check `tables`, `schema` and `database`, and GRANT SELECT on the table to the login")),
            _ => Ok(None),
        };
    }
    let mut layout = lay_out(operation, &found)?;
    if let Some(date) = spec.date {
        let name = [Parameter::Text(&layout.table)];
        let leading = connection.rows("look up indexes of", spec.name, statements::LEADING, &name).await?;
        layout.indexed = leading.iter().any(|row| matches!(row.as_slice(), [Value::Text(name)] if name.eq_ignore_ascii_case(date)));
    }
    Ok(Some(layout))
}

/// How a table with these columns (name, type) is read.
fn lay_out(operation: Operation<'_>, found: &[(String, String)]) -> Result<Layout> {
    let config = operation.config;
    let Some(spec) = TABLES.into_iter().find(|spec| spec.name == operation.table) else { return Err(unexpected(operation)) };
    let name_of = |name: &str| found.iter().map(|(found, _)| found).find(|found| found.eq_ignore_ascii_case(name));
    let quoted = |name: &&str| name_of(name).map(|name| quote(name));
    let mut layout = Layout {
        spec,
        table: format!("{}.{}", quote(&config.schema), quote(spec.name)),
        date: spec.date.as_ref().and_then(quoted).unwrap_or_default(),
        lengths: spec.lengths.iter().filter_map(quoted).collect(),
        columns: Vec::new(),
        indexed: false,
        absent: Vec::new(),
    };
    let mut missing = Vec::new();
    for column in spec.columns {
        match found.iter().find(|(name, _)| name.eq_ignore_ascii_case(column.name)) {
            Some((_, kind)) if column.form == Form::Stamp && is_rowversion(kind) => layout.columns.push(statements::absent(column.name)),
            Some((name, kind)) => {
                layout.columns.push(read_as(operation, column, name, kind)?);
                if column.form == Form::Stamp {
                    layout.date = quote(name);
                }
            }
            None if column.required => missing.push(column.name),
            None => {
                layout.columns.push(statements::absent(column.name));
                layout.absent.push(column.name);
            }
        }
    }
    if missing.is_empty() {
        return Ok(layout);
    }
    Err(operation
        .error(ErrorClass::Fatal, format!("it has no column `{}`", missing.join("`, `")))
        .advise("this is not the table as Cisco IM and Presence makes it, or the login may not see all of it"))
}

/// The expression that reads a column of this type.
fn read_as(operation: Operation<'_>, column: &ColumnSpec, name: &str, kind: &str) -> Result<String> {
    let convert = match (column.form, kind.to_ascii_lowercase().as_str()) {
        (Form::Text, "nvarchar" | "nchar")
        | (Form::Number, "bigint" | "int" | "smallint" | "tinyint")
        | (Form::Time | Form::Stamp, "datetime") => false,
        (Form::Text, "varchar" | "char" | "text" | "ntext") => true,
        _ => return Err(not_understood(operation, name, kind)),
    };
    Ok(statements::column(name, convert))
}

/// Whether a type counts changes of rows; `timestamp` is the older name of it.
fn is_rowversion(kind: &str) -> bool {
    ["timestamp", "rowversion"].iter().any(|name| kind.eq_ignore_ascii_case(name))
}

fn not_understood(operation: Operation<'_>, name: &str, kind: &str) -> Error {
    operation
        .error(ErrorClass::Fatal, format!("its column `{name}` is of type {kind}, which is not understood yet"))
        .advise("please report the type: until it is understood, rows could be read wrongly")
}
