use std::fmt;

use jabber_archive_core::{Result, Source, Timestamp};
use serde::Serialize;

use crate::{
    MssqlSource,
    connection::{Connection, Parameter, Value},
    schema::{self, AFT_LOG, Facts, TABLES, TableSpec},
    statements::{self, quote},
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
    /// Whether the log of transfers (`aft_log`) dates them, so that files whose resource name is not logged can be found by time; none of other tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dated: Option<bool>,
    /// Optional columns that it lacks.
    pub absent: Vec<&'static str>,
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
        let mut tables = Vec::new();
        for spec in TABLES {
            tables.push(self.survey_table(&mut connection, spec).await?);
        }
        Ok(Survey { version: facts.version, edition: facts.edition, clock, isolation, read_only: facts.read_only, tables })
    }

    async fn survey_table(&self, connection: &mut Connection<'_>, spec: &'static TableSpec) -> Result<TableSurvey> {
        let name = format!("{}.{}", quote(&self.config().schema), quote(spec.name));
        let granted = connection.row("ask for permission on", spec.name, statements::PERMISSION, &[Parameter::Text(&name)]).await?;
        let readable = matches!(granted, [Value::Int(1)]);
        let mut survey =
            TableSurvey { name: spec.name, found: false, readable, indexed: None, dated: None, absent: Vec::new(), fault: None };
        match schema::look(connection, self.config(), spec).await {
            Ok(Some(layout)) => {
                survey.found = true;
                survey.indexed = spec.date.map(|_| layout.indexed);
                survey.dated = (spec.name == AFT_LOG.name).then_some(!layout.date.is_empty());
                survey.absent = layout.absent;
            }
            Ok(None) => {}
            Err(error) if error.class().is_retried() => return Err(error),
            Err(error) => survey.fault = Some(error.to_string()),
        }
        if survey.found && !readable {
            survey.fault = Some(format!("`{}` may not read it: GRANT SELECT on it to that user", self.config().user));
        }
        Ok(survey)
    }
}
