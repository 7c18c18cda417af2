use std::{collections::BTreeMap, fmt};

use jabber_archive_core::{Result, Timestamp};
use serde::Serialize;

use crate::{
    MssqlSource,
    connection::{Connection, Parameter, Value},
    layout::{Catalogue, Layout},
    schema::{AFT_LOG, Facts, TABLES, TableSpec},
    statements,
};

/// What a database looks like to the login, found out without writing.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Survey {
    /// The version of SQL Server, such as `15.0.4355.3`.
    pub version: String,
    /// Its edition.
    pub edition: String,
    /// The server's UTC.
    pub clock: Timestamp,
    /// How rows are read beside those who write.
    pub isolation: Isolation,
    /// Whether this is a replica, or a database that was set read-only: a replica may lag behind, and what it lacks when a window is sealed is not archived.
    pub read_only: bool,
    /// The database's collation, which decides whether names of tables that differ in case are one.
    pub collation: String,
    /// The ids of the keys that encrypted values are tried under.
    pub encryption_keys: Vec<String>,
    /// The tables, those of messages first.
    pub tables: Vec<TableSurvey>,
}

/// How rows are read beside those who write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Isolation {
    /// By row versions: `ALLOW_SNAPSHOT_ISOLATION` is on.
    Snapshot,
    /// By row versions: `READ_COMMITTED_SNAPSHOT` is on.
    ReadCommittedSnapshot,
    /// With short shared locks, for which writers may have to wait.
    ReadCommitted,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Snapshot => "snapshot: readers and writers do not wait for each other",
            Self::ReadCommittedSnapshot => "read-committed snapshot: readers and writers do not wait for each other",
            Self::ReadCommitted => "read committed: a writer may wait a moment for a reader; ALLOW_SNAPSHOT_ISOLATION avoids it",
        })
    }
}

/// What one table looks like.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TableSurvey {
    /// Its name.
    pub name: &'static str,
    /// Whether it is there and visible.
    pub found: bool,
    /// Whether the login may read it.
    pub readable: bool,
    /// Whether an index leads with the date, so that one window is read without a scan; tables without dates have none.
    pub indexed: Option<bool>,
    /// Schema and name as the database has them, quoted.
    pub quoted: Option<String>,
    /// The types of the columns that are read, as T-SQL writes them.
    pub types: BTreeMap<&'static str, String>,
    /// Whether the log of transfers (`aft_log`) dates them, so that files whose resource name is not logged can be found by time; none of other tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dated: Option<bool>,
    /// Optional columns that it lacks.
    pub absent: Vec<&'static str>,
    /// Columns that are not read.
    pub extra: Vec<String>,
    /// Why it cannot be read.
    pub fault: Option<String>,
}

impl MssqlSource {
    /// Finds out what the login can see and do.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or does not take the login; what is wrong with a table is part of the survey.
    pub async fn survey(&self) -> Result<Survey> {
        let clock = self.clock().await?;
        let mut connection = Connection::open(self.config(), false).await?;
        let facts = Facts::ask(&mut connection, self.config()).await?;
        let isolation = match (facts.snapshot, facts.read_committed_snapshot) {
            (true, _) => Isolation::Snapshot,
            (false, true) => Isolation::ReadCommittedSnapshot,
            (false, false) => Isolation::ReadCommitted,
        };
        let catalogue = Catalogue::ask(&mut connection, self.config()).await?;
        let mut tables = Vec::new();
        let wanted = |name: &str| self.config().tables.as_ref().is_none_or(|tables| tables.contains(name));
        for spec in TABLES.into_iter().filter(|spec| wanted(spec.name)) {
            tables.push(self.survey_table(&mut connection, &catalogue, spec).await?);
        }
        let Facts { version, edition, read_only, collation, .. } = facts;
        let encryption_keys = self.config().encryption_keys.iter().map(|key| key.id().to_owned()).collect();
        Ok(Survey { version, edition, clock, isolation, read_only, collation, encryption_keys, tables })
    }

    async fn survey_table(&self, connection: &mut Connection<'_>, catalogue: &Catalogue, spec: &'static TableSpec) -> Result<TableSurvey> {
        let mut survey = TableSurvey {
            name: spec.name,
            found: false,
            readable: false,
            indexed: None,
            dated: None,
            quoted: None,
            types: BTreeMap::new(),
            absent: Vec::new(),
            extra: Vec::new(),
            fault: None,
        };
        match Layout::look(connection, self.config(), catalogue, spec).await {
            Ok(Some(layout)) => {
                let name = [Parameter::Text(&layout.table)];
                let granted = connection.row("ask for permission on", spec.name, statements::PERMISSION, &name).await?;
                survey.readable = matches!(granted, [Value::Int(1)]);
                survey.found = true;
                survey.indexed = spec.date.filter(|_| spec.name != AFT_LOG.name).and(layout.date.as_ref()).map(|_| layout.indexed);
                survey.dated = (spec.name == AFT_LOG.name).then_some(layout.date.is_some());
                survey.quoted = Some(layout.table);
                survey.types = layout.types;
                survey.absent = layout.absent;
                survey.extra = layout.extra;
            }
            Ok(None) => {}
            Err(error) if error.class().is_retried() => return Err(error),
            Err(error) => survey.fault = Some(error.to_string()),
        }
        if survey.found && !survey.readable {
            survey.fault = Some(format!("{} may not read it: GRANT SELECT on it to that user", self.config().login));
        }
        Ok(survey)
    }
}
