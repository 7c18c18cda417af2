use std::{collections::BTreeSet, time::Duration};

use jabber_archive_core::{Secret, SourceId};

use crate::encryption_key::EncryptionKey;

/// How to reach a database and log in.
///
/// ```
/// use jabber_archive_core::Secret;
/// use jabber_archive_sql::{Encrypt, MssqlConfig};
///
/// let config = MssqlConfig::new("sql01.example.com", "tcmadb", "jabber_reader", Secret::new("…")).encrypt(Encrypt::On);
/// assert_eq!(config.id().to_string(), "sql01.example.com:1433/tcmadb");
/// ```
#[derive(Debug, Clone)]
pub struct MssqlConfig {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) password: Secret,
    pub(crate) encrypt: Encrypt,
    pub(crate) trust_server_certificate: bool,
    pub(crate) authority: Option<Vec<u8>>,
    pub(crate) schema: String,
    pub(crate) tables: Option<BTreeSet<String>>,
    pub(crate) limits: TimeLimits,
    pub(crate) read_only_intent: bool,
    pub(crate) encryption_keys: Vec<EncryptionKey>,
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encrypt {
    /// Not at all, the password included: for a loopback or a protected network.
    Off,
    /// By TLS from before the login to the end; a server without it is refused.
    On,
}

/// How long is waited for a server that says nothing. A scan of a large table is silent until its first row, and again from its last row to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeLimits {
    /// Until a connection stands and the login is accepted.
    pub connect: Duration,
    /// From a statement to its first row.
    pub first_row: Duration,
    /// From row to row, and from the last row to the end, where an index spares a scan; where none does, it is as long as to the first row.
    pub idle: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(15), first_row: Duration::from_mins(30), idle: Duration::from_mins(10) }
    }
}

impl TimeLimits {
    /// These limits.
    pub const fn new(connect: Duration, first_row: Duration, idle: Duration) -> Self {
        Self { connect, first_row, idle }
    }
}

impl MssqlConfig {
    /// A SQL login to a database on port 1433, encrypted, with the tables in schema `dbo`.
    pub fn new(host: impl Into<String>, database: impl Into<String>, user: impl Into<String>, password: Secret) -> Self {
        Self {
            host: host.into(),
            port: 1433,
            database: database.into(),
            user: user.into(),
            password,
            encrypt: Encrypt::On,
            trust_server_certificate: false,
            authority: None,
            schema: "dbo".to_owned(),
            tables: None,
            limits: TimeLimits::default(),
            read_only_intent: true,
            encryption_keys: Vec::new(),
        }
    }

    /// Another port.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn encrypt(self, encrypt: Encrypt) -> Self {
        Self { encrypt, ..self }
    }

    /// Trusts certificates of these authorities (PEM) beside those of the system.
    #[must_use]
    pub fn certificate_authority(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { authority: Some(pem.into()), ..self }
    }

    /// Takes any certificate: whoever sits in between can read and change everything.
    #[must_use]
    pub fn trust_server_certificate(self, trust: bool) -> Self {
        Self { trust_server_certificate: trust, ..self }
    }

    /// Another schema.
    #[must_use]
    pub fn schema(self, schema: impl Into<String>) -> Self {
        Self { schema: schema.into(), ..self }
    }

    /// Reads these tables, and refuses a database that lacks one of them. Without this, every table that is there is read.
    #[must_use]
    pub fn tables(self, tables: impl IntoIterator<Item = String>) -> Self {
        Self { tables: Some(tables.into_iter().collect()), ..self }
    }

    /// Whether the server is told that nothing will be written, which it is until told otherwise here: an availability group's listener may then send the connection to a
    /// readable replica. A replica lags behind; where that may be longer than windows are left to settle, do without.
    #[must_use]
    pub fn read_only_intent(self, intent: bool) -> Self {
        Self { read_only_intent: intent, ..self }
    }

    /// With keys for values that the message archiver encrypted: those of all times, in any order. Each is tried on each such value; ids that are alike are refused before
    /// anything is read.
    #[must_use]
    pub fn encryption_keys(self, keys: impl IntoIterator<Item = EncryptionKey>) -> Self {
        Self { encryption_keys: keys.into_iter().collect(), ..self }
    }

    /// Other time limits.
    #[must_use]
    pub fn limits(self, limits: TimeLimits) -> Self {
        Self { limits, ..self }
    }

    /// Names the database in messages: `host:port/database`.
    pub fn id(&self) -> SourceId {
        SourceId::new(format!("{}:{}/{}", self.host, self.port, self.database))
    }
}
