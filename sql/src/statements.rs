//! Every statement that is ever sent to a database: all of them read, none of them writes.
//!
//! They are Transact-SQL as SQL Server 2016 and later document it. Values travel as parameters of `sp_executesql` (`@P1`, `@P2` …), times among them in the type of the
//! column that they are compared with, so that an index on it can be used and nothing is rounded. Names of schemas, tables and columns cannot be parameters; they are quoted with brackets.
//!
//! | statement | when | gives |
//! |---|---|---|
//! | [`session`] | first on every connection, as a plain batch | nothing |
//! | [`FACTS`] | `check`, and once before the first read | version, edition, row versioning, whether it is a replica, collation |
//! | [`CLOCK`] | once per run | the server's UTC |
//! | [`TABLES`] | once per run | what tables there are, by their own names |
//! | [`COLUMNS`] | once per run and table | its columns and their types |
//! | [`LEADING`] | once per run and table | columns that lead an index |
//! | [`PERMISSION`] | once per run and table | whether the login may read it |
//! | [`extent`], [`extent_by_scan`] | once per run and message table | first and last date, rows outside |
//! | [`tally`] | before and after reading a chunk | rows and lengths by cell |
//! | [`hours`] | once per run and message table; with an index, five times | rows by hour of the span and of the weeks before |
//! | [`room_numbers`] | once per run | the highest `msg_id` of each room in the 30 days before |
//! | [`records`] | once per chunk and table; where several connections read a table, once for each share of the chunk's time | the rows |
//! | [`whole`] | once per run | `tc_rooms`, `tc_users` |
//! | [`records`], [`uploads`] | once per window in which files were sent, if files are archived | rows of `aft_log`, by date and by resource name |

use std::fmt::Write;

use crate::date::DateColumn;

/// The name of a thing in a statement: in brackets, a closing bracket doubled.
pub(crate) fn quote(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// Settings of a session. They do not survive `sp_executesql` and are therefore sent as a plain batch.
///
/// - `SNAPSHOT`, where the database allows it, reads committed rows without a lock; elsewhere `READ COMMITTED` does so if the database has read-committed snapshot on,
///   and takes short shared locks if not. Never `NOLOCK`, which skips and doubles rows.
/// - If we get into the way of a writer it is we who give up: low deadlock priority, and a limit to waiting for a lock.
/// - Long texts come whole: a session's `TEXTSIZE` may be as low as 4 KiB.
pub(crate) fn session(snapshot: bool) -> String {
    let isolation = if snapshot { "SNAPSHOT" } else { "READ COMMITTED" };
    format!(
        "SET NOCOUNT ON; SET TEXTSIZE 2147483647; SET DEADLOCK_PRIORITY LOW; SET LOCK_TIMEOUT 30000; SET TRANSACTION ISOLATION LEVEL {isolation};"
    )
}

/// What the server and the database are.
pub(crate) const FACTS: &str = "\
SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS [version], \
CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS [edition], \
CAST(d.[snapshot_isolation_state] AS int) AS [snapshot], \
CAST(d.[is_read_committed_snapshot_on] AS int) AS [read_committed_snapshot], \
CAST(DATABASEPROPERTYEX(DB_NAME(), N'Updateability') AS nvarchar(128)) AS [updateability], \
d.[collation_name] AS [collation] \
FROM sys.databases AS d WHERE d.[database_id] = DB_ID()";

/// The server's UTC.
pub(crate) const CLOCK: &str = "SELECT GETUTCDATE() AS [now]";

/// The tables and views that the login may see: schema, name, number.
///
/// Names are not compared by the server, which does so by the database's collation: `jm` may be called `JM` there, and not be found by another name than its own.
pub(crate) const TABLES: &str = "\
SELECT s.[name] AS [schema], o.[name] AS [table], o.[object_id] AS [id] \
FROM sys.objects AS o \
JOIN sys.schemas AS s ON s.[schema_id] = o.[schema_id] \
WHERE o.[type] IN ('U', 'V')";

/// The columns of a table or view that the login may see: `@P1` the number. An alias shows as the type that it stands for; columns of CLR types do not show.
///
/// The length is in bytes, -1 for `max`; the scale is that of a `datetime2`, among others.
pub(crate) const COLUMNS: &str = "\
SELECT c.[name] AS [column], t.[name] AS [type], CAST(c.[max_length] AS int) AS [length], CAST(c.[scale] AS int) AS [scale] \
FROM sys.columns AS c \
JOIN sys.types AS t ON t.[user_type_id] = c.[system_type_id] \
WHERE c.[object_id] = @P1";

/// The columns that come first in a clustered or nonclustered index of a table, of all its rows: `@P1` the number.
pub(crate) const LEADING: &str = "\
SELECT c.[name] AS [column] \
FROM sys.indexes AS i \
JOIN sys.index_columns AS k ON k.[object_id] = i.[object_id] AND k.[index_id] = i.[index_id] \
JOIN sys.columns AS c ON c.[object_id] = k.[object_id] AND c.[column_id] = k.[column_id] \
WHERE i.[object_id] = @P1 AND k.[key_ordinal] = 1 \
AND i.[type] <= 2 AND i.[is_disabled] = 0 AND i.[is_hypothetical] = 0 AND i.[has_filter] = 0";

/// Whether the login may read a table, 1 or 0; NULL if it may not even see it: `@P1` the name as the database has it, quoted.
pub(crate) const PERMISSION: &str = "SELECT HAS_PERMS_BY_NAME(@P1, N'OBJECT', N'SELECT') AS [granted]";

/// First and last date from `@P1` to before `@P2`, and how many rows lie before and from there on: four seeks in an index on `date`.
pub(crate) fn extent(table: &str, date: &DateColumn) -> String {
    let (start, end, date) = (date.bound(1), date.bound(2), &date.name);
    format!(
        "SELECT \
         (SELECT MIN({date}) FROM {table} WHERE {date} >= {start} AND {date} < {end}) AS [first], \
         (SELECT MAX({date}) FROM {table} WHERE {date} >= {start} AND {date} < {end}) AS [last], \
         (SELECT COUNT_BIG(*) FROM {table} WHERE {date} < {start}) AS [undated], \
         (SELECT COUNT_BIG(*) FROM {table} WHERE {date} >= {end}) AS [future]"
    )
}

/// The same in one scan, for a table without an index on `date`.
pub(crate) fn extent_by_scan(table: &str, date: &DateColumn) -> String {
    let (start, end, date) = (date.bound(1), date.bound(2), &date.name);
    format!(
        "SELECT MIN(CASE WHEN {date} >= {start} AND {date} < {end} THEN {date} END) AS [first], \
         MAX(CASE WHEN {date} >= {start} AND {date} < {end} THEN {date} END) AS [last], \
         COUNT_BIG(CASE WHEN {date} < {start} THEN 1 END) AS [undated], \
         COUNT_BIG(CASE WHEN {date} >= {end} THEN 1 END) AS [future] FROM {table}"
    )
}

/// Rows and the sum of their lengths in cells of `@P4` minutes that are counted from `@P3`, of the rows dated from `@P1` to before `@P2`.
///
/// `lengths` are columns of whole numbers.
pub(crate) fn tally(table: &str, date: &DateColumn, lengths: &[String]) -> String {
    let mut length = "CAST(0 AS bigint)".to_owned();
    for column in lengths {
        let _ = write!(length, " + CAST(ISNULL({column}, 0) AS bigint)");
    }
    let (start, end, date) = (date.bound(1), date.bound(2), &date.name);
    format!(
        "SELECT w.[cell] AS [cell], COUNT_BIG(*) AS [rows], SUM(w.[length]) AS [length] FROM (\
         SELECT DATEDIFF(minute, @P3, {date}) / @P4 AS [cell], {length} AS [length] \
         FROM {table} WHERE {date} >= {start} AND {date} < {end}) AS w GROUP BY w.[cell]"
    )
}

/// Rows in cells of `@P4` minutes that are counted from `@P3`, of the rows dated from `@P1` to before `@P2`: where an index leads with the date, nothing else is read.
pub(crate) fn hours(table: &str, date: &DateColumn) -> String {
    let (start, end, date) = (date.bound(1), date.bound(2), &date.name);
    format!(
        "SELECT w.[cell] AS [cell], COUNT_BIG(*) AS [rows] FROM (\
         SELECT DATEDIFF(minute, @P3, {date}) / @P4 AS [cell] \
         FROM {table} WHERE {date} >= {start} AND {date} < {end}) AS w GROUP BY w.[cell]"
    )
}

/// The highest number by room, of the rows dated from `@P1` to before `@P2`. `room` and `number` are as [`column`] gives them.
///
/// Rooms are told apart by code points: the database's collation may take two for one, and would show only one of them.
pub(crate) fn room_numbers(table: &str, date: &DateColumn, room: &str, number: &str) -> String {
    let (start, end, date) = (date.bound(1), date.bound(2), &date.name);
    let [room, number] = [room, number].map(value);
    format!(
        "SELECT {room} COLLATE Latin1_General_BIN2 AS [room], MAX({number}) AS [number] \
         FROM {table} WHERE {date} >= {start} AND {date} < {end} GROUP BY {room} COLLATE Latin1_General_BIN2"
    )
}

/// The rows dated from `@P1` to before `@P2`, in any order. `columns` are as [`column`] gives them.
pub(crate) fn records(table: &str, date: &DateColumn, columns: &[String]) -> String {
    format!("SELECT {} FROM {table} WHERE {date} >= {} AND {date} < {}", columns.join(", "), date.bound(1), date.bound(2), date = date.name)
}

/// How many values one statement names at most; SQL Server takes 2,100 parameters.
pub(crate) const MOST_NAMES: usize = 1_000;

/// The rows with one of so many resource names, `@P1` and those behind it. `resource` is as [`column`] gives it.
pub(crate) fn uploads(table: &str, resource: &str, names: usize, columns: &[String]) -> String {
    let resource = value(resource);
    let places: Vec<String> = (1..=names).map(|number| format!("@P{number}")).collect();
    format!("SELECT {} FROM {table} WHERE {resource} IN ({})", columns.join(", "), places.join(", "))
}

/// All rows of a small table.
pub(crate) fn whole(table: &str, columns: &[String]) -> String {
    format!("SELECT {} FROM {table}", columns.join(", "))
}

/// A column as it is. A value of `text`, `varchar` and the like is converted where its code page is known: by the server.
pub(crate) fn column(name: &str, convert: bool) -> String {
    let quoted = quote(name);
    if convert { format!("CAST({quoted} AS nvarchar(max)) AS {quoted}") } else { quoted }
}

/// The value of a column as [`column`] gives it, without a name.
fn value(column: &str) -> &str {
    column.rsplit_once(" AS ").map_or(column, |(value, _)| value)
}

/// The place of a column that the table does not have.
pub(crate) fn absent(name: &str) -> String {
    format!("CAST(NULL AS nvarchar(max)) AS {}", quote(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::DateType;

    #[test]
    fn a_name_cannot_end_its_brackets() {
        assert_eq!(quote("jm"), "[jm]");
        assert_eq!(quote("jm] ; DROP TABLE x --"), "[jm]] ; DROP TABLE x --]");
    }

    #[test]
    fn every_statement_reads() {
        let (table, date) = ("[dbo].[jm]".to_owned(), DateColumn::new("sent_date", DateType::DateTime));
        let finer = DateColumn::new("sent_date", DateType::DateTime2 { scale: 3 });
        let columns = [column("to_jid", false), column("body_text", true), absent("subject")];
        for statement in [
            FACTS.to_owned(),
            CLOCK.to_owned(),
            TABLES.to_owned(),
            COLUMNS.to_owned(),
            LEADING.to_owned(),
            PERMISSION.to_owned(),
            extent(&table, &date),
            extent_by_scan(&table, &date),
            tally(&table, &date, &[quote("body_len")]),
            hours(&table, &date),
            room_numbers(&table, &date, &columns[0], &quote("msg_id")),
            hours(&table, &finer),
            records(&table, &date, &columns),
            records(&table, &finer, &columns),
            whole(&table, &columns),
            uploads(&table, &columns[1], 3, &columns),
        ] {
            assert!(statement.starts_with("SELECT "), "{statement}");
            assert!(!statement.contains(';'), "{statement}");
            for word in ["INSERT", "UPDATE", "DELETE", "MERGE", "INTO ", "EXEC", "NOLOCK", "ORDER BY"] {
                assert!(!statement.contains(word), "{word} in {statement}");
            }
        }
        assert_eq!(
            records(&table, &date, &columns),
            "SELECT [to_jid], CAST([body_text] AS nvarchar(max)) AS [body_text], CAST(NULL AS nvarchar(max)) AS [subject] FROM [dbo].[jm] \
             WHERE [sent_date] >= @P1 AND [sent_date] < @P2"
        );
        assert_eq!(
            records(&table, &finer, &columns[..1]),
            "SELECT [to_jid] FROM [dbo].[jm] WHERE [sent_date] >= CAST(@P1 AS datetime2(3)) AND [sent_date] < CAST(@P2 AS datetime2(3))"
        );
        assert_eq!(
            uploads("[dbo].[aft_log]", "[filename]", 2, &columns[..1]),
            "SELECT [to_jid] FROM [dbo].[aft_log] WHERE [filename] IN (@P1, @P2)"
        );
        assert_eq!(
            room_numbers("[dbo].[tc_msgarchive]", &finer, &columns[1], "[msg_id]"),
            "SELECT CAST([body_text] AS nvarchar(max)) COLLATE Latin1_General_BIN2 AS [room], MAX([msg_id]) AS [number] FROM [dbo].[tc_msgarchive] \
             WHERE [sent_date] >= CAST(@P1 AS datetime2(3)) AND [sent_date] < CAST(@P2 AS datetime2(3)) \
             GROUP BY CAST([body_text] AS nvarchar(max)) COLLATE Latin1_General_BIN2"
        );
        assert!(uploads(&table, &columns[1], 1, &columns).ends_with(" WHERE CAST([body_text] AS nvarchar(max)) IN (@P1)"));
    }
}
