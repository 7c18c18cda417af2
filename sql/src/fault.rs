//! What the errors of a server and of the driver mean for the archive.

use std::io;

use jabber_archive_core::{Error, ErrorClass, ErrorKind};

use crate::config::MssqlConfig;

/// Errors whose text may hold a value of a row.
const QUOTE_VALUES: [u32; 8] = [220, 241, 242, 245, 2628, 8114, 8115, 8152];

/// Builds an error of one operation on one thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation<'a> {
    pub(crate) config: &'a MssqlConfig,
    pub(crate) verb: &'static str,
    /// A table; empty if it is about the database as a whole.
    pub(crate) table: &'a str,
}

impl Operation<'_> {
    pub(crate) fn error(&self, class: ErrorClass, what: impl Into<String>) -> Error {
        let error = Error::new(ErrorKind::Source, class, self.verb, what);
        match self.table {
            "" => error.about(self.config.id()),
            table => error.about(format_args!("{}, table {table}", self.config.id())),
        }
    }

    /// A limit of time has passed.
    pub(crate) fn too_slow(&self, what: &str, limit: std::time::Duration) -> Error {
        self.error(ErrorClass::Transient, format!("{what} within {} s", limit.as_secs_f64()))
    }

    /// The network could not bring a connection about.
    pub(crate) fn unreachable(&self, error: io::Error) -> Error {
        self.error(ErrorClass::Transient, "the server cannot be reached")
            .advise("check `host` and `port`, the server's name and the firewall")
            .because(error)
    }

    /// What the driver says. The driver's errors are kept as text only where that cannot hold a row's value.
    pub(crate) fn classify(&self, error: tiberius::error::Error) -> Error {
        use tiberius::error::Error as Driver;
        match error {
            Driver::Server(token) => self.of_server(&token),
            Driver::Tls(what) => {
                let what = what.split(" To connect anyway").next().unwrap_or_default().trim_end_matches('.').to_owned();
                self.error(ErrorClass::Fatal, format!("no encrypted connection: {what}")).advise(
                    "name the authority that signed the server's certificate with `ca_file`, and use the host name that is in the certificate",
                )
            }
            Driver::Protocol(what) if what.contains("encryption level") => self
                .error(ErrorClass::Fatal, "the server does not encrypt")
                .advise("set up a certificate on the server, or set `encrypt = \"off\"` where the network is protected otherwise"),
            Driver::Io { kind: io::ErrorKind::InvalidData, message } => {
                self.error(ErrorClass::Fatal, format!("no encrypted connection: {message}"))
            }
            Driver::Io { kind, message } => {
                self.error(ErrorClass::Transient, "the connection was lost").because(io::Error::new(kind, message))
            }
            // A connection that ends inside a message shows as one of these.
            Driver::Protocol(what) => self.error(ErrorClass::Transient, format!("the connection is out of step: {what}")),
            Driver::Utf8 | Driver::Utf16 | Driver::Encoding(_) | Driver::Conversion(_) | Driver::ParseInt(_) => {
                self.error(ErrorClass::Fatal, "the driver cannot read what the server sent")
            }
            other => self.error(ErrorClass::Fatal, other.to_string()),
        }
    }

    /// | number | meaning | class |
    /// |---|---|---|
    /// | 18456, 18452, 18486–18488 | login refused | fatal: trying again locks the account |
    /// | 4060, 911 | no such database, or not for this login | fatal |
    /// | 208, 207 | no such table or column | fatal |
    /// | 229, 230, 916 | not permitted | fatal |
    /// | 1205, 1222, 3960 | a lock that another needed or held | transient |
    /// | 20 and above in severity | the server closed the connection | transient |
    /// | anything else | | fatal |
    fn of_server(&self, token: &tiberius::error::TokenError) -> Error {
        let number = token.code();
        let user = &self.config.user;
        let (class, what, advice) = match number {
            18456 | 18452 | 18486..=18488 => (
                ErrorClass::Fatal,
                format!("the server refuses the login of `{user}`"),
                "check `user` and `password`, that the account is not locked, and that the server allows SQL Server authentication",
            ),
            4060 | 911 => (
                ErrorClass::Fatal,
                format!("there is no database `{}`, or `{user}` may not use it", self.config.database),
                "check `database`, and that the login has a user in it",
            ),
            229 | 230 | 916 => {
                (ErrorClass::Fatal, format!("`{user}` may not read it"), "GRANT SELECT on the table to that user: nothing else is needed")
            }
            208 => (ErrorClass::Fatal, "there is no such table".to_owned(), "check `database`, `schema` and `tables`"),
            207 => (ErrorClass::Fatal, "a column has gone".to_owned(), "run `jabber-archive check`"),
            1205 | 1222 | 3960 => (ErrorClass::Transient, "a lock of another connection was in the way".to_owned(), ""),
            _ if QUOTE_VALUES.contains(&number) => (ErrorClass::Fatal, "the server cannot convert a value".to_owned(), ""),
            _ if token.class() >= 20 || UNAVAILABLE.contains(&number) => {
                (ErrorClass::Transient, format!("the server is not available: {}", token.message()), "")
            }
            _ => (ErrorClass::Fatal, format!("the server reports: {}", token.message()), ""),
        };
        let what = format!("{what} (SQL Server error {number}, severity {}, state {})", token.class(), token.state());
        let error = self.error(class, what);
        if advice.is_empty() { error } else { error.advise(advice) }
    }
}

/// Starting up, shutting down, failing over, too busy, out of resources: of severity below 20 and passing all the same.
const UNAVAILABLE: [u32; 17] = [233, 596, 701, 904, 921, 976, 978, 979, 981, 982, 983, 6005, 8645, 17142, 17188, 18401, 40613];
