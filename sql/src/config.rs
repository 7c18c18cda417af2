use std::{
    collections::BTreeSet,
    num::NonZeroU8,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jabber_archive_core::{Secret, SourceId};

use crate::{encryption_key::EncryptionKey, login::Login};

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
    name: Option<String>,
    pub(crate) host: String,
    pub(crate) place: Place,
    pub(crate) database: String,
    pub(crate) login: Login,
    pub(crate) encrypt: Encrypt,
    pub(crate) trust_server_certificate: bool,
    pub(crate) authority: Option<Vec<u8>>,
    pub(crate) host_name_in_certificate: Option<String>,
    pub(crate) client_certificate: Option<(PathBuf, PathBuf)>,
    pub(crate) schema: String,
    pub(crate) tables: Option<BTreeSet<String>>,
    pub(crate) limits: TimeLimits,
    pub(crate) read_only_intent: bool,
    pub(crate) connections: NonZeroU8,
    pub(crate) encryption_keys: Vec<EncryptionKey>,
    /// Whether the database has been open for us before.
    seen: Arc<AtomicBool>,
}

/// Where on its host a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Port(u16),
    /// What SQL Server Browser says, on this port.
    Instance {
        name: String,
        browser: u16,
    },
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encrypt {
    /// Not at all, the password included: for a loopback or a protected network.
    Off,
    /// By TLS around the login alone, unless the server demands more: who sits in between reads the rows, and could change them.
    Login,
    /// By TLS from before the login to the end; a server without it is refused.
    On,
    /// By TLS from the first byte (TDS 8.0), as SQL Server 2022 and later can demand; earlier ones do not know it.
    Strict,
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
        Self::with_login(host, database, Login::Sql { user: user.into(), password })
    }

    /// The same with another way to sign in.
    pub fn with_login(host: impl Into<String>, database: impl Into<String>, login: Login) -> Self {
        Self {
            name: None,
            host: host.into(),
            place: Place::Port(1433),
            database: database.into(),
            login,
            encrypt: Encrypt::On,
            trust_server_certificate: false,
            authority: None,
            host_name_in_certificate: None,
            client_certificate: None,
            schema: "dbo".to_owned(),
            tables: None,
            limits: TimeLimits::default(),
            read_only_intent: true,
            connections: NonZeroU8::MIN,
            encryption_keys: Vec::new(),
            seen: Arc::default(),
        }
    }

    /// Another port.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { place: Place::Port(port), ..self }
    }

    /// A named instance instead of a port: SQL Server Browser is asked for its port, at UDP 1434 of the host, before each connection.
    #[must_use]
    pub fn instance(self, name: impl Into<String>) -> Self {
        Self { place: Place::Instance { name: name.into(), browser: 1434 }, ..self }
    }

    /// Another port of SQL Server Browser, as behind a translation of addresses; without an [`instance`](Self::instance) it has no meaning.
    #[must_use]
    pub fn browser_port(mut self, port: u16) -> Self {
        if let Place::Instance { browser, .. } = &mut self.place {
            *browser = port;
        }
        self
    }

    /// A name for messages and errors, which then stands before that of the database.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
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

    /// The name that the server's certificate must hold, where that is another than its host: of a listener, or behind a tunnel.
    #[must_use]
    pub fn host_name_in_certificate(self, name: impl Into<String>) -> Self {
        Self { host_name_in_certificate: Some(name.into()), ..self }
    }

    /// Shows the server a certificate of ours: files of the certificate with its chain and of its key, by the ends of their names PEM (`.pem`, `.crt`, `.key`) or DER (`.der`).
    /// They are read for each connection.
    #[must_use]
    pub fn client_certificate(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { client_certificate: Some((certificate.into(), key.into())), ..self }
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

    /// How many connections read an indexed table at the same time, each a share of the time in question; one until told otherwise. The driver decodes on one core for each: more are
    /// faster where both sides have cores to spare, as in a long backfill. A table without an index is always read by one scan.
    #[must_use]
    pub fn connections(self, connections: NonZeroU8) -> Self {
        Self { connections, ..self }
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

    /// The same for a source of its own, which has seen nothing yet.
    pub(crate) fn anew(self) -> Self {
        Self { seen: Arc::default(), ..self }
    }

    /// Remembers that the database is open for us.
    pub(crate) fn see(&self) {
        self.seen.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_seen(&self) -> bool {
        self.seen.load(Ordering::Relaxed)
    }

    /// Names the database in messages: `host:port/database` or `host\instance/database`, a schema other than `dbo` behind it; after a [name](Self::named), in brackets.
    pub fn id(&self) -> SourceId {
        let mut place = match &self.place {
            Place::Port(port) => format!("{}:{port}/{}", self.host, self.database),
            Place::Instance { name, .. } => format!("{}\\{name}/{}", self.host, self.database),
        };
        if self.schema != "dbo" {
            place = format!("{place}/{}", self.schema);
        }
        SourceId::new(match &self.name {
            Some(name) => format!("{name} ({place})"),
            None => place,
        })
    }
}
