use std::{fmt, net::Ipv6Addr, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, SecretSource};

use crate::{
    fault::{Operation, READ},
    people::Fetched,
    session,
};

/// How to reach a directory, and what to read there.
///
/// ```
/// use jabber_archive_core::{Secret, SecretSource};
/// use jabber_archive_ldap::{JidAttribute, LdapConfig};
///
/// let jid = JidAttribute::UserId { attribute: "sAMAccountName".into(), domain: "im.example.com".into() };
/// let config = LdapConfig::new("dc01.example.com", "OU=Staff,DC=example,DC=com", jid)
///     .bind("CN=archive,OU=Services,DC=example,DC=com", SecretSource::from(Secret::new("…")));
/// assert_eq!(config.to_string(), "ldaps://dc01.example.com:636");
/// ```
#[derive(Debug, Clone)]
pub struct LdapConfig {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) encryption: Encryption,
    pub(crate) authority: Option<Vec<u8>>,
    pub(crate) bind: Option<(String, SecretSource)>,
    pub(crate) base: String,
    pub(crate) filter: Option<String>,
    pub(crate) jid: JidAttribute,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) page_size: u16,
    pub(crate) timeout: Duration,
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encryption {
    /// By TLS from the first byte, as `ldaps://`.
    Tls,
    /// By TLS before anything else is said (RFC 4511, section 4.14); a server without it is refused.
    StartTls,
    /// Not at all, the password included: for a protected network.
    Off,
}

/// What tells the JID of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JidAttribute {
    /// An attribute that holds whole JIDs, with or without `sip:`, `im:` or `xmpp:` before them, such as `msRTCSIP-PrimaryUserAddress` or `mail`.
    Jid(String),
    /// An attribute that holds user ids, such as `sAMAccountName`; the JID is `<user id>@<domain>`.
    UserId {
        /// The attribute.
        attribute: String,
        /// The XMPP domain.
        domain: String,
    },
}

impl JidAttribute {
    pub(crate) fn attribute(&self) -> &str {
        match self {
            Self::Jid(attribute) | Self::UserId { attribute, .. } => attribute,
        }
    }
}

impl LdapConfig {
    /// Everybody below `base` who has an address in `mail`, with the name in `displayName`, read over TLS without a sign-in, by pages of 1,000 entries, within two minutes.
    pub fn new(host: impl Into<String>, base: impl Into<String>, jid: JidAttribute) -> Self {
        Self {
            host: host.into(),
            port: None,
            encryption: Encryption::Tls,
            authority: None,
            bind: None,
            base: base.into(),
            filter: None,
            jid,
            email: "mail".to_owned(),
            name: "displayName".to_owned(),
            page_size: 1_000,
            timeout: Duration::from_mins(2),
        }
    }

    /// Another port than 636 with [`Encryption::Tls`], else 389. The global catalogue of Active Directory is on 3269 and 3268.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn encryption(self, encryption: Encryption) -> Self {
        Self { encryption, ..self }
    }

    /// Trusts certificates of these authorities (PEM) beside those of the system.
    #[must_use]
    pub fn certificate_authority(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { authority: Some(pem.into()), ..self }
    }

    /// Signs in by a simple bind (RFC 4513, section 5.1.3). Active Directory also takes a `user@domain` for the name.
    #[must_use]
    pub fn bind(self, name: impl Into<String>, password: SecretSource) -> Self {
        Self { bind: Some((name.into(), password)), ..self }
    }

    /// Reads the entries of this filter (RFC 4515). Without it those of `(&(objectClass=person)(mail=*))`, with the attribute for addresses in place of `mail`.
    #[must_use]
    pub fn filter(self, filter: impl Into<String>) -> Self {
        Self { filter: Some(filter.into()), ..self }
    }

    /// Another attribute for addresses than `mail`. Values may begin with `smtp:`; of several the one that begins with `SMTP:` is taken, as Exchange marks its primary
    /// address in `proxyAddresses`, else the first in the order of the alphabet.
    #[must_use]
    pub fn email(self, attribute: impl Into<String>) -> Self {
        Self { email: attribute.into(), ..self }
    }

    /// Another attribute for names than `displayName`. Of several values the first in the order of the alphabet is taken.
    #[must_use]
    pub fn name(self, attribute: impl Into<String>) -> Self {
        Self { name: attribute.into(), ..self }
    }

    /// How many entries are asked for at a time (RFC 2696). A server may give fewer.
    #[must_use]
    pub fn page_size(self, entries: u16) -> Self {
        Self { page_size: entries, ..self }
    }

    /// How long all of it may take, from connecting to the last entry.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Refuses a host, filter or page size that is none, as [`fetch`](Self::fetch) does before it connects.
    pub fn check(&self) -> Result<()> {
        let refuse = |setting: &str, what: String, advice: &str| {
            Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, READ, what).about(setting).advise(advice))
        };
        let is_name = !self.host.is_empty() && self.host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        if !is_name && self.host.parse::<Ipv6Addr>().is_err() {
            return refuse("host", format!("`{}` is no host", self.host), "name the server alone, without ldaps:// and port");
        }
        if ldap3::parse_filter(self.searched()).is_err() {
            return refuse(
                "filter",
                format!("`{}` is no filter", self.searched()),
                "write one as RFC 4515 has it, such as (objectClass=person)",
            );
        }
        if self.page_size == 0 {
            return refuse("page_size", "a page without entries never ends".to_owned(), "ask for at least one");
        }
        Ok(())
    }

    /// Reads everybody. What it gives is the directory as it is now.
    ///
    /// # Errors
    ///
    /// | class | for instance |
    /// |---|---|
    /// | [`Transient`](ErrorClass::Transient) | the server cannot be reached, is busy, or takes longer than the [`timeout`](Self::timeout) |
    /// | [`Credential`](ErrorClass::Credential) | it refuses the name or the password; tried again and again, that locks the account |
    /// | [`Fatal`](ErrorClass::Fatal) | its certificate is not trusted; there is no such base; it gives only a part of the entries; two entries give one JID different addresses |
    pub async fn fetch(&self) -> Result<Fetched> {
        self.check()?;
        let operation = Operation { config: self, verb: READ };
        // The library panics where a server's answer is not what the protocol says.
        match tokio::time::timeout(self.timeout, AssertUnwindSafe(session::read(self)).catch_unwind()).await {
            Ok(Ok(read)) => read,
            Ok(Err(_)) => Err(operation.error(ErrorClass::Fatal, "what the server sends is not LDAP").advise("check `host` and `port`")),
            Err(_) => {
                Err(operation.error(ErrorClass::Transient, format!("not everything came within {} s", self.timeout.as_secs_f64())).advise(
                    "check `host`, that `port` is one for this `encrypt`, and the firewall; raise `timeout` if the directory is large",
                ))
            }
        }
    }

    pub(crate) fn searched(&self) -> String {
        self.filter.clone().unwrap_or_else(|| format!("(&(objectClass=person)({}=*))", self.email))
    }

    pub(crate) fn signs_in_as(&self) -> &str {
        self.bind.as_ref().map_or("nobody", |(name, _)| name)
    }
}

/// The server's address.
impl fmt::Display for LdapConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, port) = match self.encryption {
            Encryption::Tls => ("ldaps", 636),
            Encryption::StartTls | Encryption::Off => ("ldap", 389),
        };
        let port = self.port.unwrap_or(port);
        if self.host.contains(':') { write!(f, "{scheme}://[{}]:{port}", self.host) } else { write!(f, "{scheme}://{}:{port}", self.host) }
    }
}
