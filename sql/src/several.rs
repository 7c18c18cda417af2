//! What databases must be like to be one source together.

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};

use crate::{
    config::{MssqlConfig, Place},
    schema::{JM, TC_MSGARCHIVE},
};

impl MssqlConfig {
    /// Checks that databases may be read as one source, by [`Sources`](jabber_archive_core::Sources), before anything is connected.
    ///
    /// Two that differ in nothing but how the host is written (an alias, an address, a replica) are not seen to be the same.
    ///
    /// ```
    /// use jabber_archive_core::Secret;
    /// use jabber_archive_sql::MssqlConfig;
    ///
    /// let database = |host: &str, name: &str, tables: &[&str]| {
    ///     MssqlConfig::new(host, name, "jabber_reader", Secret::new("…")).tables(tables.iter().map(ToString::to_string))
    /// };
    /// let rooms = database("sql02", "muc", &["tc_msgarchive", "tc_rooms"]);
    /// MssqlConfig::check_together(&[database("sql01", "tcmadb", &["jm"]), rooms.clone()])?;
    /// assert!(MssqlConfig::check_together(&[rooms.clone(), rooms]).is_err());
    /// # Ok::<(), jabber_archive_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a table is read twice, if there are several databases and one does not name its [`tables`](Self::tables), or if none has a table of messages.
    pub fn check_together(all: &[Self]) -> Result<()> {
        let refuse = |what: String| Error::new(ErrorKind::Config, ErrorClass::Fatal, "join sources", what);
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                if one.reads_a_table_of(other) {
                    let what = format!("it reads a table that {} reads too: its rows would be counted twice", other.id());
                    return Err(refuse(what).about(one.id()).advise("leave one out, or give them different `tables`"));
                }
            }
        }
        if let ([_, _, ..], Some(one)) = (all, all.iter().find(|one| one.tables.is_none())) {
            let what = "it is one of several and does not say which `tables` it has".to_owned();
            return Err(refuse(what).about(one.id()).advise(
                "name them for each: a table that the login may not see any more could not be told from one that is in another database",
            ));
        }
        let messages = [JM.name, TC_MSGARCHIVE.name];
        if all.iter().all(|one| one.tables.as_ref().is_some_and(|tables| messages.iter().all(|table| !tables.contains(*table)))) {
            return Err(refuse("no source has `jm` or `tc_msgarchive` among its `tables`".to_owned()).advise("name the database that has"));
        }
        Ok(())
    }

    fn reads_a_table_of(&self, other: &Self) -> bool {
        let tables = match (&self.tables, &other.tables) {
            (Some(one), Some(other)) => !one.is_disjoint(other),
            _ => true,
        };
        tables && self.same_host(other) && same(&self.database, &other.database) && same(&self.schema, &other.schema)
    }

    fn same_host(&self, other: &Self) -> bool {
        let bare = |config: &Self| config.host.trim_end_matches('.').to_lowercase();
        let place = match (&self.place, &other.place) {
            (Place::Port(one), Place::Port(other)) => one == other,
            (Place::Instance { name: one, .. }, Place::Instance { name: other, .. }) => same(one, other),
            _ => false,
        };
        place && bare(self) == bare(other)
    }
}

/// Names that most servers take for one; two databases whose names differ in case alone are not worth the risk.
fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use jabber_archive_core::Secret;

    use super::*;

    fn database(host: &str, name: &str, tables: &[&str]) -> MssqlConfig {
        MssqlConfig::new(host, name, "reader", Secret::new("s3cret")).tables(tables.iter().map(ToString::to_string))
    }

    fn refused(all: &[MssqlConfig]) -> String {
        MssqlConfig::check_together(all).unwrap_err().to_string()
    }

    #[test]
    fn a_table_that_two_sources_read_is_refused_however_the_names_are_written() {
        let jm = database("sql01.example.com", "tcmadb", &["jm", "tc_rooms"]);
        for twin in [
            jm.clone(),
            database("SQL01.example.com.", "TCMADB", &["tc_rooms"]),
            jm.clone().schema("DBO").named("another"),
            MssqlConfig::new("sql01.example.com", "tcmadb", "reader", Secret::new("s3cret")),
        ] {
            let error = refused(&[jm.clone(), twin]);
            assert!(error.starts_with("join sources sql01.example.com:1433/tcmadb: it reads a table that"), "{error}");
        }
        let instance = |name: &str| database("sql01", "tcmadb", &["jm"]).instance(name);
        assert!(refused(&[instance("cisco"), instance("CISCO")]).contains(r"sql01\cisco/tcmadb"));
    }

    #[test]
    fn other_tables_schemas_databases_ports_and_instances_may_be_together() {
        let jm = || database("sql01", "tcmadb", &["jm"]);
        for other in [
            database("sql01", "tcmadb", &["tc_msgarchive"]).named("rooms"),
            jm().schema("cups2"),
            database("sql01", "tcmadb2", &["jm"]),
            database("sql02", "tcmadb", &["jm"]),
            jm().port(1434),
            jm().instance("cisco"),
        ] {
            assert_ne!(jm().id(), other.id());
            MssqlConfig::check_together(&[jm(), other]).unwrap();
        }
    }

    #[test]
    fn each_of_several_names_its_tables_and_one_has_messages() {
        let whole = MssqlConfig::new("sql01", "tcmadb", "reader", Secret::new("s3cret"));
        MssqlConfig::check_together(std::slice::from_ref(&whole)).unwrap();
        let error = refused(&[database("sql02", "muc", &["tc_msgarchive"]), whole]);
        assert!(error.contains("sql01:1433/tcmadb: it is one of several and does not say which `tables` it has"), "{error}");
        let error = refused(&[database("sql02", "muc", &["tc_rooms", "tc_users"]), database("sql03", "muc", &["tc_timelog"])]);
        assert!(error.contains("no source has `jm` or `tc_msgarchive`"), "{error}");
        assert!(refused(&[database("sql02", "muc", &["tc_rooms"])]).contains("no source has"));
    }
}
