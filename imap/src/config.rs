use std::{fmt, net::IpAddr, time::Duration};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};

use crate::{SignIn, folder::Folder};

/// How a connection is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encryption {
    /// TLS from the first byte (RFC 8314), on port 993.
    #[default]
    Tls,
    /// TLS that the client asks for, on port 143. A server that has none is refused.
    StartTls,
    /// None: only to this machine itself.
    Off,
}

/// A server, the way into its mailboxes, and the folder in them.
#[derive(Debug, Clone)]
pub struct ImapConfig {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) encryption: Encryption,
    pub(crate) authority: Option<Vec<u8>>,
    pub(crate) sign_in: SignIn,
    pub(crate) folder: String,
    pub(crate) connections: usize,
    pub(crate) timeout: Duration,
}

impl ImapConfig {
    /// Where mails go unless another folder is set: as in the service that archived Jabber into mailboxes before.
    pub const FOLDER: &'static str = "Cisco Jabber on MS SQL";

    /// The mailboxes of this server, over TLS.
    pub fn new(host: impl Into<String>, sign_in: SignIn) -> Self {
        Self {
            host: host.into(),
            port: None,
            encryption: Encryption::default(),
            authority: None,
            sign_in,
            folder: Self::FOLDER.to_owned(),
            connections: 4,
            timeout: Duration::from_mins(2),
        }
    }

    /// On another port than the usual one.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }

    /// With another protection.
    #[must_use]
    pub fn encryption(self, encryption: Encryption) -> Self {
        Self { encryption, ..self }
    }

    /// Trusts the authorities of these certificates (PEM) too.
    #[must_use]
    pub fn certificate_authority(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { authority: Some(pem.into()), ..self }
    }

    /// Into this folder below the inbox; `/` parts the names of folders within each other.
    #[must_use]
    pub fn folder(self, folder: impl Into<String>) -> Self {
        Self { folder: folder.into(), ..self }
    }

    /// So many connections are kept open between deliveries; 4 by default.
    #[must_use]
    pub fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// A server that says nothing, and takes nothing, for so long is given up; 2 minutes by default.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    pub(crate) fn port_or_usual(&self) -> u16 {
        self.port.unwrap_or(if self.encryption == Encryption::Tls { 993 } else { 143 })
    }

    /// Refuses what would send mails and passwords in the clear, and what is no folder.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse =
            |setting: &str, what: String| Error::new(ErrorKind::Config, ErrorClass::Fatal, "set up mailboxes", what).about(setting);
        if self.encryption == Encryption::Off && !is_this_machine(&self.host) {
            return Err(refuse("encrypt", format!("mails and passwords would go to {} in the clear", self.host))
                .advise("set it to \"tls\" or \"start-tls\"; \"off\" is for this machine alone"));
        }
        if self.timeout.is_zero() || self.connections == 0 {
            return Err(refuse("connections, timeout", "they must be more than nothing".to_owned()));
        }
        Folder::new(&self.folder).map(drop).map_err(|what| refuse("folder", what).advise("use a name such as \"Cisco Jabber on MS SQL\""))
    }
}

/// `imaps://mail.example.com:993`.
impl fmt::Display for ImapConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.encryption == Encryption::Tls { "imaps" } else { "imap" };
        write!(f, "{scheme}://{}:{}", self.host, self.port_or_usual())
    }
}

pub(crate) fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
