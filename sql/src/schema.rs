//! The tables that are read, and which of them a database has.

use std::collections::BTreeSet;

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};

use crate::{
    config::MssqlConfig,
    connection::{Connection, Value, unexpected},
    date::DateColumn,
    fault::Operation,
    layout::{Catalogue, Layout},
    statements,
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
    pub(crate) form: Form,
    pub(crate) required: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Number,
    Time,
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

const fn time(name: &'static str) -> ColumnSpec {
    ColumnSpec { name, form: Form::Time, required: true }
}

const fn optional_time(name: &'static str) -> ColumnSpec {
    ColumnSpec { name, form: Form::Time, required: false }
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
    date: Some("timestampvalue"),
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
        optional_time("timestampvalue"),
    ],
};

/// Every table that is read, those of messages first.
pub(crate) const TABLES: [&TableSpec; 6] = [&JM, &TC_MSGARCHIVE, &TC_TIMELOG, &TC_ROOMS, &TC_USERS, &AFT_LOG];

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
        refuse_doubled_keys(config)?;
        let mut connection = Connection::open(config, false).await?;
        let snapshot = Facts::ask(&mut connection, config).await?.snapshot;
        let catalogue = Catalogue::ask(&mut connection, config).await?;
        let mut layouts = Vec::new();
        for spec in TABLES.into_iter().filter(|spec| spec.name != AFT_LOG.name) {
            if let Some(layout) = Layout::look(&mut connection, config, &catalogue, spec).await? {
                layouts.push(layout);
            }
        }
        let schema = Self { layouts, snapshot };
        // A database that names its tables may be one of several, of which another has the messages.
        if config.tables.is_none() && schema.messages().next().is_none() {
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

    /// The tables whose rows are dated, and by what.
    pub(crate) fn dated(&self) -> impl Iterator<Item = (&Layout, &DateColumn)> {
        self.layouts.iter().filter_map(|layout| Some((layout, layout.date.as_ref()?)))
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
    /// The database's collation.
    pub(crate) collation: String,
}

impl Facts {
    pub(crate) async fn ask(connection: &mut Connection<'_>, config: &MssqlConfig) -> Result<Self> {
        let [version, edition, snapshot, read_committed, updateability, collation] =
            connection.row("ask", "", statements::FACTS, &[]).await?;
        let (Value::Text(version), Value::Text(edition), Value::Int(snapshot), Value::Int(read_committed)) =
            (version, edition, snapshot, read_committed)
        else {
            return Err(unexpected(Operation { config, verb: "ask", table: "" }));
        };
        // 1 is ON; 2 and 3 are transitions in which a new snapshot transaction may fail.
        let read_only = matches!(updateability, Value::Text(updateability) if updateability.eq_ignore_ascii_case("READ_ONLY"));
        // NULL where the database is not open yet, which is not so here.
        let collation = if let Value::Text(collation) = collation { collation } else { String::new() };
        Ok(Self { version, edition, snapshot: snapshot == 1, read_committed_snapshot: read_committed == 1, read_only, collation })
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

/// Two keys of one id could not be told apart in a dead letter.
fn refuse_doubled_keys(config: &MssqlConfig) -> Result<()> {
    let mut ids = BTreeSet::new();
    match config.encryption_keys.iter().find(|key| !ids.insert(key.id())) {
        None => Ok(()),
        Some(key) => {
            Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "set encryption keys", format!("two have the id `{}`", key.id()))
                .about("encryption_keys")
                .advise("give each an id of its own"))
        }
    }
}
