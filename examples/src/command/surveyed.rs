use std::{collections::BTreeSet, fmt};

use jabber_archive_core::Timestamp;
use jabber_archive_sql::{Survey, TableSurvey};
use serde::Serialize;

/// The log of transfers, which matters only where files are archived.
const AFT_LOG: &str = "aft_log";

/// What one database looks like.
#[derive(Debug, Serialize)]
pub(crate) struct Surveyed {
    source: String,
    #[serde(flatten)]
    survey: Survey,
    /// How far our clock is ahead of the server's.
    clock_ahead_seconds: i64,
}

impl Surveyed {
    pub(crate) fn new(source: String, survey: Survey, now: Timestamp) -> Self {
        Self { source, clock_ahead_seconds: (now.millis() - survey.clock.millis()) / 1_000, survey }
    }

    /// The server's UTC.
    pub(super) fn clock(&self) -> Timestamp {
        self.survey.clock
    }

    /// Whether a table cannot be read; what is wrong with the log of transfers is wrong for those who archive files.
    pub(crate) fn is_faulty(&self, archives_files: bool) -> bool {
        self.survey.tables.iter().filter(|table| archives_files || table.name != AFT_LOG).any(|table| table.fault.is_some())
    }

    /// Whether a table of messages can be read.
    pub(crate) fn has_messages(&self) -> bool {
        let is_message = |name: &str| name == "jm" || name == "tc_msgarchive";
        self.survey.tables.iter().any(|table| is_message(table.name) && table.found && table.fault.is_none())
    }

    /// Whether it has a log of transfers.
    pub(super) fn logs_transfers(&self) -> bool {
        self.survey.tables.iter().any(|table| table.name == AFT_LOG && table.found)
    }

    /// Whether this is a replica, or a database that was set read-only.
    pub(super) fn is_read_only(&self) -> bool {
        self.survey.read_only
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }
}

impl fmt::Display for Surveyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Survey { version, edition, clock, isolation, read_only, collation, encryption_keys, tables, .. } = &self.survey;
        writeln!(f, "source {}: SQL Server {version}, {edition}, {collation}", self.source)?;
        writeln!(f, "clock  {clock}, ours is {}", ahead(self.clock_ahead_seconds))?;
        writeln!(f, "reads  {isolation}")?;
        if *read_only {
            writeln!(
                f,
                "       from a replica or a read-only database: what a replica lacks when a window is sealed is not archived; see `read_only_intent`"
            )?;
        }
        for table in tables {
            write!(f, "table  {:<14}", table.name)?;
            match (&table.fault, table.found, table.indexed) {
                (Some(fault), ..) => writeln!(f, "{fault}")?,
                (None, false, _) => writeln!(f, "not there, or not to be read")?,
                (None, true, Some(false)) => writeln!(f, "readable; no index on its date: each run scans it")?,
                (None, true, Some(true)) => writeln!(f, "readable; an index on its date")?,
                (None, true, None) => match table.dated {
                    Some(true) => writeln!(f, "readable; dated")?,
                    Some(false) => writeln!(f, "readable; not dated: files are found by resource name alone")?,
                    None => writeln!(f, "readable")?,
                },
            }
            if let Some(quoted) = &table.quoted {
                writeln!(f, "       {quoted}{}", shape(table))?;
            }
        }
        match encryption_keys.as_slice() {
            [] => writeln!(f, "keys   none: encrypted rows cannot be opened"),
            [id] => writeln!(f, "keys   1 for encrypted rows: {id}"),
            ids => writeln!(f, "keys   {} for encrypted rows: {}", ids.len(), ids.join(", ")),
        }
    }
}

/// What a table is made of.
fn shape(table: &TableSurvey) -> String {
    let types: BTreeSet<&str> = table.types.values().map(String::as_str).collect();
    let mut shape = format!(" of {}", types.into_iter().collect::<Vec<_>>().join(", "));
    if !table.absent.is_empty() {
        shape = format!("{shape}; it has no {}", table.absent.join(", "));
    }
    match table.extra.len() {
        0 => shape,
        1 => format!("{shape}; 1 further column is not read"),
        columns => format!("{shape}; {columns} further columns are not read"),
    }
}

fn ahead(seconds: i64) -> String {
    if seconds < 0 { format!("{} s behind", -seconds) } else { format!("{seconds} s ahead") }
}
