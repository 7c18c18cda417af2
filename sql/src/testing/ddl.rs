//! The statements that make a table of the stand-in on a real server.

use super::server::{ColumnType, Table};
use crate::statements::quote;

/// `CREATE TABLE` in this schema, and `CREATE INDEX` for each column that leads an index.
pub fn create_table(schema: &str, table: &Table) -> Vec<String> {
    let name = format!("{}.{}", quote(schema), quote(table.name()));
    let columns: Vec<String> =
        table.columns().iter().map(|(column, kind)| format!("{} {} NULL", quote(column), type_name(*kind))).collect();
    let mut statements = vec![format!("CREATE TABLE {name} ({})", columns.join(", "))];
    for column in table.indexes() {
        statements.push(format!("CREATE INDEX {} ON {name} ({})", quote(&format!("ix_{}_{column}", table.name())), quote(column)));
    }
    statements
}

fn type_name(kind: ColumnType) -> String {
    match kind {
        ColumnType::NVarChar(length) => format!("nvarchar({length})"),
        ColumnType::NVarCharMax => "nvarchar(max)".to_owned(),
        ColumnType::NText => "ntext".to_owned(),
        ColumnType::VarChar(length) => format!("varchar({length})"),
        ColumnType::VarCharMax => "varchar(max)".to_owned(),
        ColumnType::Text => "text".to_owned(),
        ColumnType::Int => "int".to_owned(),
        ColumnType::BigInt => "bigint".to_owned(),
        ColumnType::DateTime => "datetime".to_owned(),
        ColumnType::SmallDateTime => "smalldatetime".to_owned(),
        ColumnType::RowVersion => "rowversion".to_owned(),
        ColumnType::DateTime2(scale) => format!("datetime2({scale})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tables;

    #[test]
    fn a_table_is_made_as_it_is_described() {
        let table = tables::tc_timelog().index("stamp");
        assert_eq!(
            create_table("dbo", &table),
            [
                "CREATE TABLE [dbo].[tc_timelog] ([real_jid] nvarchar(3071) NULL, [nick_jid] nvarchar(3071) NULL, [direction] nvarchar(1) NULL, \
                 [stamp] datetime NULL)",
                "CREATE INDEX [ix_tc_timelog_stamp] ON [dbo].[tc_timelog] ([stamp])",
            ]
        );
    }

    #[test]
    fn what_makes_tables_is_transact_sql() {
        let dialect = sqlparser::dialect::MsSqlDialect {};
        for table in
            [tables::jm().index("sent_date"), tables::tc_msgarchive(), tables::tc_rooms(), tables::tc_users(), tables::tc_timelog()]
        {
            for statement in create_table("odd]name", &table) {
                assert_eq!(sqlparser::parser::Parser::parse_sql(&dialect, &statement).unwrap().len(), 1, "{statement}");
            }
        }
    }
}
