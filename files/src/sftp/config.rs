use std::{fmt, net::Ipv6Addr, path::PathBuf, time::Duration};

use jabber_archive_core::{Result, SecretSource};

use super::HostKey;
use crate::{
    fault::refuse,
    root::{Root, SENTINEL},
};

/// How to reach a file server, and what to read there.
///
/// ```
/// use jabber_archive_core::{Secret, SecretSource};
/// use jabber_archive_files::{HostKey, Root, SftpConfig, SignIn};
///
/// let password = SignIn::Password(SecretSource::from(Secret::new("…")));
/// let roots = [Root::new("/opt/mftFileStore", "/opt/mftFileStore")?];
/// let config = SftpConfig::new("files1.example.com", "archive", password, HostKey::KnownHosts("known_hosts".into()), roots);
/// assert_eq!(config.to_string(), "sftp://archive@files1.example.com:22/opt/mftFileStore");
/// # Ok::<(), jabber_archive_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SftpConfig {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) sign_in: SignIn,
    pub(super) host_key: HostKey,
    pub(super) roots: Vec<Root>,
    pub(super) sentinel: String,
    pub(super) connect_timeout: Duration,
    pub(super) answer_timeout: Duration,
}

/// How we prove who we are.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SignIn {
    /// By a private key of type Ed25519 or ECDSA in a file that nobody else may read.
    Key {
        /// The file, as `ssh-keygen` writes it.
        file: PathBuf,
        /// What it is encrypted with, if it is.
        passphrase: Option<SecretSource>,
    },
    /// By a password.
    Password(SecretSource),
}

impl SftpConfig {
    /// Port 22; a connection within 30 seconds, and every answer within 60.
    pub fn new(
        host: impl Into<String>,
        user: impl Into<String>,
        sign_in: SignIn,
        host_key: HostKey,
        roots: impl IntoIterator<Item = Root>,
    ) -> Self {
        Self {
            host: host.into(),
            port: 22,
            user: user.into(),
            sign_in,
            host_key,
            roots: roots.into_iter().collect(),
            sentinel: SENTINEL.to_owned(),
            connect_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_mins(1),
        }
    }

    /// Another port.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Another name of the file that every root has than [`SENTINEL`].
    #[must_use]
    pub fn sentinel(self, name: impl Into<String>) -> Self {
        Self { sentinel: name.into(), ..self }
    }

    /// How long connecting and signing in may take.
    #[must_use]
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        Self { connect_timeout: timeout, ..self }
    }

    /// How long the server may take for each answer, in whole seconds and at least one.
    #[must_use]
    pub fn answer_timeout(self, timeout: Duration) -> Self {
        Self { answer_timeout: timeout, ..self }
    }

    pub(super) fn check(&self) -> Result<()> {
        let is_name = !self.host.is_empty() && self.host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        if !is_name && self.host.parse::<Ipv6Addr>().is_err() {
            return Err(refuse(format!("`{}` is no host", self.host.escape_debug()))
                .about("host")
                .advise("name the server alone, without sftp:// and port"));
        }
        self.host_key.check()
    }
}

/// The server and the places that are read.
impl fmt::Display for SftpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        for (number, root) in self.roots.iter().enumerate() {
            let between = if number > 0 { ", " } else { "" };
            write!(f, "{between}sftp://{}@{host}:{}{}", self.user, self.port, root.place())?;
        }
        Ok(())
    }
}
