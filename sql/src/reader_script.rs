use std::fmt::Write;

use crate::statements::quote;

/// The tables that are read, where they are there.
const TABLES: [&str; 6] = ["jm", "tc_msgarchive", "tc_timelog", "tc_rooms", "tc_users", "aft_log"];

/// What an administrator of the server runs, once, so that `user` can read what is archived and nothing else: Transact-SQL of SQL Server 2016 and later.
///
/// It is to be read, completed with a password and run by a person; nothing here ever sends it.
pub fn reader_script(database: &str, schema: &str, user: &str) -> String {
    let (database, user) = (quote(database), quote(user));
    let mut script = format!(
        "-- Run this as an administrator of the server, with a password in place of the dots.\n\
         USE [master];\n\
         CREATE LOGIN {user} WITH PASSWORD = N'...', DEFAULT_DATABASE = {database};\n\
         USE {database};\n\
         CREATE USER {user} FOR LOGIN {user};\n\
         -- The right to read these tables, those that are there, and no other right.\n"
    );
    for table in TABLES {
        let table = format!("{}.{}", quote(schema), quote(table));
        let name = table.replace('\'', "''");
        let _ = writeln!(script, "IF OBJECT_ID(N'{name}') IS NOT NULL GRANT SELECT ON {table} TO {user};");
    }
    let _ = writeln!(
        script,
        "-- So that reading waits for no writer, and no writer for it; it costs room in tempdb:\n\
         -- ALTER DATABASE {database} SET ALLOW_SNAPSHOT_ISOLATION ON;"
    );
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_wherever_they_stand() {
        let script = reader_script("tc]m'a", "d'bo", "ja]b'ber");
        for line in [
            "CREATE LOGIN [ja]]b'ber] WITH PASSWORD = N'...', DEFAULT_DATABASE = [tc]]m'a];",
            "USE [tc]]m'a];",
            "CREATE USER [ja]]b'ber] FOR LOGIN [ja]]b'ber];",
            "IF OBJECT_ID(N'[d''bo].[jm]') IS NOT NULL GRANT SELECT ON [d'bo].[jm] TO [ja]]b'ber];",
        ] {
            assert!(script.lines().any(|there| there == line), "{line}: {script}");
        }
        assert_eq!(script.matches("GRANT SELECT ON").count(), TABLES.len());
        assert_eq!(script.matches("GRANT").count(), TABLES.len(), "nothing but reading");
    }
}
