use std::path::PathBuf;

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use jabber_archive_ldap::{Encryption, JidAttribute, LdapConfig};
use serde::Deserialize;

use super::{Config, SecretRef, Span};

/// A directory that is read over LDAP; [`built`](Self::built) tells what does not belong together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LdapSettings {
    host: String,
    port: Option<u16>,
    #[serde(default)]
    encrypt: Encrypt,
    ca_file: Option<PathBuf>,
    bind_dn: Option<String>,
    password: Option<SecretRef>,
    base: String,
    filter: Option<String>,
    user_id: Option<String>,
    jid_domain: Option<String>,
    jid: Option<String>,
    email: Option<String>,
    name: Option<String>,
    page_size: Option<u16>,
    timeout: Option<Span>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Encrypt {
    #[default]
    Tls,
    StartTls,
    Off,
}

impl LdapSettings {
    /// What they come to; nothing is sent.
    pub(crate) fn built(&self, config: &Config) -> Result<LdapConfig> {
        let jid = match (&self.user_id, &self.jid_domain, &self.jid) {
            (Some(attribute), Some(domain), None) => JidAttribute::UserId { attribute: attribute.clone(), domain: domain.clone() },
            (None, None, Some(attribute)) => JidAttribute::Jid(attribute.clone()),
            (Some(_), _, Some(_)) => return Err(refuse("`user_id` and `jid` exclude each other").advise("keep the one that people have")),
            (Some(_), None, None) => return Err(refuse("`jid_domain` is missing").advise("add what stands behind the @ of your JIDs")),
            (None, Some(_), _) => return Err(refuse("`jid_domain` has no meaning without `user_id`").advise("remove it")),
            (None, None, None) => {
                return Err(refuse("it does not say what tells a JID").advise("add `user_id` and `jid_domain`, or `jid`"));
            }
        };
        let mut built = LdapConfig::new(self.host.as_str(), self.base.as_str(), jid).encryption(match self.encrypt {
            Encrypt::Tls => Encryption::Tls,
            Encrypt::StartTls => Encryption::StartTls,
            Encrypt::Off => Encryption::Off,
        });
        built = match (&self.bind_dn, &self.password) {
            (Some(name), Some(password)) => built.bind(name.as_str(), password.source(config, "password")?),
            (None, None) => built,
            _ => {
                return Err(refuse("`bind_dn` and `password` belong together").advise("add the other, or remove both to sign in as nobody"));
            }
        };
        if let Some(path) = &self.ca_file {
            built = built.certificate_authority(config.authority(path)?);
        }
        if let Some(port) = self.port {
            built = built.port(port);
        }
        if let Some(filter) = &self.filter {
            built = built.filter(filter.as_str());
        }
        if let Some(attribute) = &self.email {
            built = built.email(attribute.as_str());
        }
        if let Some(attribute) = &self.name {
            built = built.name(attribute.as_str());
        }
        if let Some(entries) = self.page_size {
            built = built.page_size(entries);
        }
        if let Some(timeout) = self.timeout {
            built = built.timeout(timeout.0);
        }
        built.check()?;
        Ok(built)
    }
}

fn refuse(what: &str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "read configuration", what).about("[directory.ldap]")
}
