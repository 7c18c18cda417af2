//! What the errors of a server and of the driver mean for the archive.

use std::io;

use jabber_archive_core::{Error, ErrorClass, ErrorKind};

use crate::{
    config::{Encrypt, MssqlConfig},
    login::Login,
};

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

    /// The server of a named instance was not found, or not reached where it is said to be.
    pub(crate) fn unlisted(&self, instance: &str, error: tiberius::error::Error) -> Error {
        use tiberius::error::Error as Driver;
        match error {
            Driver::Io { kind, message } => self.unreachable(io::Error::new(kind, message)),
            // Nothing but the name of the instance is in it.
            other => self
                .error(ErrorClass::Transient, format!("SQL Server Browser does not say where the instance `{instance}` listens"))
                .advise(
                    "check `instance`, that the browser runs and that UDP 1434 of the host can be reached; a fixed `port` needs no browser",
                )
                .because(io::Error::other(other.to_string())),
        }
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
            Driver::Protocol(what) if what.contains("requested instance") => self
                .error(ErrorClass::Fatal, "the server is of another instance than the one asked for")
                .advise("check `instance`, and that SQL Server Browser is that of this host"),
            Driver::Protocol(what) if what.contains("encryption level") => self
                .error(ErrorClass::Fatal, "the server does not encrypt")
                .advise("set up a certificate on the server, or set `encrypt = \"off\"` where the network is protected otherwise"),
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

    /// What the driver says before a login is accepted, where TLS is set up.
    pub(crate) fn classify_login(&self, error: tiberius::error::Error) -> Error {
        use io::ErrorKind::{InvalidData, InvalidInput, NotFound};
        use tiberius::error::Error as Driver;
        match error {
            #[cfg(feature = "kerberos")]
            Driver::Gssapi(what) => self
                .error(ErrorClass::Credential, format!("Kerberos gives no ticket for the server: {what}"))
                .advise("check `klist` for the account that runs this, and that the server is registered as MSSQLSvc/host:port"),
            Driver::Io { kind: NotFound, message } => self
                .error(ErrorClass::Fatal, format!("no encrypted connection: {message}"))
                .advise("this machine has no list of trusted authorities: name the server's with `ca_file`"),
            Driver::Io { kind: InvalidData | InvalidInput, message } => {
                self.error(ErrorClass::Fatal, format!("no encrypted connection: {message}"))
            }
            Driver::Io { kind, message } => self
                .error(ErrorClass::Transient, "the server closed the connection before the login")
                .advise(match self.config.encrypt {
                    Encrypt::Off => "if it always does: it may demand encryption (`encrypt = \"on\"`)",
                    Encrypt::Login | Encrypt::On => {
                        "if it always does: it may demand `encrypt = \"strict\"`, or lack TLS 1.2 with ECDHE and AES-GCM, as Windows before 2016 does"
                    }
                    Encrypt::Strict => "if it always does: it may not know TDS 8.0, which SQL Server 2022 brought (`encrypt = \"on\"`)",
                })
                .because(io::Error::new(kind, message)),
            other => self.classify(other),
        }
    }

    /// | number | meaning | class |
    /// |---|---|---|
    /// | 18456, 18452, 18486–18488 | login refused | fatal: trying again locks the account; of a token or ticket, which are fetched anew: credential |
    /// | 4060, 911 | no such database, or not for this login; also while it is recovered after a restart | fatal, unless it was open before |
    /// | 208, 207 | no such table or column | fatal |
    /// | 229, 230, 916 | not permitted | fatal |
    /// | 978 | not for a connection that only reads | fatal |
    /// | 3952 | snapshot isolation was switched off | fatal; the next run looks anew |
    /// | 605, 823, 824 | the database is damaged | fatal |
    /// | [`IN_THE_WAY`] | a lock or row version that another needed or held | transient |
    /// | [`UNAVAILABLE`], severity 20 and above | starting, stopping, failing over, out of resources | transient |
    /// | anything else | | fatal |
    fn of_server(&self, token: &tiberius::error::TokenError) -> Error {
        let number = token.code();
        let who = &self.config.login;
        let fatal = |what: String, advice| (ErrorClass::Fatal, what, advice);
        let (class, what, advice) = match number {
            18456 | 18452 | 18486..=18488 => {
                let (class, advice) = match who {
                    Login::Sql { .. } => (
                        ErrorClass::Fatal,
                        "check `user` and `password`, that the account is not locked, and that the server allows SQL Server authentication",
                    ),
                    Login::EntraToken(_) => (
                        ErrorClass::Credential,
                        "check that the token is for https://database.windows.net/ and has not expired, and that its account has a user in the database",
                    ),
                    #[cfg(feature = "kerberos")]
                    Login::Kerberos => {
                        (ErrorClass::Credential, "check that its account, or a group that it is in, has a login at the server")
                    }
                };
                (class, format!("the server refuses the login of {who}"), advice)
            }
            4060 | 911 if self.config.has_seen() => {
                (ErrorClass::Transient, format!("the database `{}` is not open any more, or not yet", self.config.database), "")
            }
            4060 | 911 => fatal(
                format!("there is no database `{}`, or {who} may not use it", self.config.database),
                "check `database`, that it is online, and that the login has a user in it",
            ),
            229 | 230 | 916 => fatal(format!("{who} may not read it"), "GRANT SELECT on the table to that user: nothing else is needed"),
            208 => fatal("there is no such table".to_owned(), "check `database`, `schema` and `tables`"),
            207 => fatal("a column has gone".to_owned(), "run `jabber-archive check`"),
            978 => fatal("the server takes no connection that only reads".to_owned(), "set `read_only_intent = false`"),
            3952 => fatal("snapshot isolation was switched off".to_owned(), "run again: it is then read without"),
            605 | 823 | 824 => fatal("the database is damaged".to_owned(), "have its administrator run DBCC CHECKDB"),
            _ if IN_THE_WAY.contains(&number) => (ErrorClass::Transient, "another connection was in the way".to_owned(), ""),
            _ if token.class() >= 20 || UNAVAILABLE.contains(&number) => {
                (ErrorClass::Transient, format!("the server is not available: {}", token.message()), "")
            }
            // Of others the text may hold a value of a row.
            _ => fatal("the server reports an error".to_owned(), "its number is explained in SQL Server's documentation"),
        };
        let what = format!("{what} (SQL Server error {number}, severity {}, state {})", token.class(), token.state());
        let error = self.error(class, what);
        if advice.is_empty() { error } else { error.advise(advice) }
    }
}

/// Chosen as a deadlock's victim, waited too long for a lock, or the versions of rows that are read are gone.
const IN_THE_WAY: [u32; 8] = [1205, 1222, 3957, 3958, 3960, 3961, 3966, 3967];

/// Starting up, shutting down, failing over, too busy, out of resources: of severity below 20 and passing all the same.
const UNAVAILABLE: [u32; 28] = [
    596, 701, 802, 904, 921, 922, 952, 976, 979, 981, 982, 983, 1204, 4221, 6005, 8628, 8645, 8651, 17142, 17187, 17188, 17189, 17809,
    18401, 18461, 40197, 40501, 40613,
];
