use std::{num::NonZeroU8, path::PathBuf};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use jabber_archive_sql::{Encrypt, Login, MssqlConfig, TimeLimits};
use serde::Deserialize;

use super::{Config, EncryptionKeyConfig, SecretRef, Span};

/// What a source is; the only kind that is understood has all its settings here.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SourceKind {
    Mssql,
}

/// A database; [`built`](Self::built) tells what does not belong together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceConfig {
    kind: SourceKind,
    name: Option<String>,
    host: String,
    port: Option<u16>,
    instance: Option<String>,
    database: String,
    user: Option<String>,
    password: Option<SecretRef>,
    login: Option<LoginConfig>,
    #[serde(default)]
    encrypt: Encryption,
    #[serde(default)]
    trust_server_certificate: bool,
    ca_file: Option<PathBuf>,
    host_name_in_certificate: Option<String>,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    schema: Option<String>,
    tables: Option<Vec<String>>,
    read_only_intent: Option<bool>,
    connections: Option<NonZeroU8>,
    connect_timeout: Option<Span>,
    first_row_timeout: Option<Span>,
    idle_timeout: Option<Span>,
    #[serde(default)]
    encryption_keys: Vec<EncryptionKeyConfig>,
    /// How many days rows stay in the database.
    pub(crate) purge_after_days: Option<u32>,
}

/// How to sign in without a login of SQL Server.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LoginConfig {
    /// `login = "kerberos"`
    Kerberos,
    /// `login = { entra_token = { file = "…" } }`
    EntraToken(SecretRef),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Encryption {
    Off,
    Login,
    #[default]
    On,
    Strict,
}

impl SourceConfig {
    /// A database on this machine, in the clear.
    pub(crate) fn local(port: u16, database: &str, user: &str, password: SecretRef) -> Self {
        Self {
            kind: SourceKind::Mssql,
            name: None,
            host: "127.0.0.1".to_owned(),
            port: Some(port),
            instance: None,
            database: database.to_owned(),
            user: Some(user.to_owned()),
            password: Some(password),
            login: None,
            encrypt: Encryption::Off,
            trust_server_certificate: false,
            ca_file: None,
            host_name_in_certificate: None,
            client_certificate: None,
            client_key: None,
            schema: None,
            tables: None,
            read_only_intent: None,
            connections: None,
            connect_timeout: None,
            first_row_timeout: None,
            idle_timeout: None,
            encryption_keys: Vec::new(),
            purge_after_days: None,
        }
    }

    /// What the settings come to; nothing is connected.
    pub(crate) fn built(&self, config: &Config) -> Result<MssqlConfig> {
        let SourceKind::Mssql = self.kind;
        self.check_encryption()?;
        if self.purge_after_days == Some(0) {
            return Err(self.refuse("`purge_after_days = 0` keeps no row").advise("write how many days rows stay, or remove it"));
        }
        let mut built = MssqlConfig::with_login(self.host.as_str(), self.database.as_str(), self.sign_in(config)?)
            .trust_server_certificate(self.trust_server_certificate)
            .encrypt(match self.encrypt {
                Encryption::Off => Encrypt::Off,
                Encryption::Login => Encrypt::Login,
                Encryption::On => Encrypt::On,
                Encryption::Strict => Encrypt::Strict,
            });
        built = match (self.port, &self.instance) {
            (Some(_), Some(_)) => {
                return Err(self.refuse("`port` and `instance` exclude each other").advise("keep `port`, if it is a fixed one"));
            }
            (Some(port), None) => built.port(port),
            (None, Some(instance)) => built.instance(instance.as_str()),
            (None, None) => built,
        };
        if let Some(name) = &self.name {
            built = built.named(name.as_str());
        }
        if let Some(path) = &self.ca_file {
            built = built.certificate_authority(config.authority(path)?);
        }
        if let Some(name) = &self.host_name_in_certificate {
            built = built.host_name_in_certificate(name.as_str());
        }
        built = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(key)) => built.client_certificate(config.path(certificate), config.path(key)),
            (None, None) => built,
            _ => return Err(self.refuse("`client_certificate` and `client_key` belong together").advise("add the other, or remove both")),
        };
        if let Some(schema) = &self.schema {
            built = built.schema(schema.as_str());
        }
        if let Some(tables) = &self.tables {
            built = built.tables(tables.iter().cloned());
        }
        if let Some(intent) = self.read_only_intent {
            built = built.read_only_intent(intent);
        }
        if let Some(connections) = self.connections {
            built = built.connections(connections);
        }
        let keys = self.encryption_keys.iter().map(|key| key.fetch(config)).collect::<Result<Vec<_>>>()?;
        Ok(built.encryption_keys(keys).limits(self.limits()))
    }

    fn sign_in(&self, config: &Config) -> Result<Login> {
        match (&self.user, &self.password, &self.login) {
            (Some(user), Some(password), None) => Ok(Login::Sql { user: user.clone(), password: password.fetch(config, "password")? }),
            (None, None, Some(LoginConfig::EntraToken(_))) if self.encrypt == Encryption::Off => {
                Err(self.refuse("an access token is never sent in the clear").advise("remove `encrypt = \"off\"`"))
            }
            (None, None, Some(LoginConfig::EntraToken(token))) => Ok(Login::entra(token.source(config, "entra_token")?)),
            #[cfg(feature = "kerberos")]
            (None, None, Some(LoginConfig::Kerberos)) => Ok(Login::Kerberos),
            #[cfg(not(feature = "kerberos"))]
            (None, None, Some(LoginConfig::Kerberos)) => {
                Err(self.refuse("this program was built without Kerberos").advise("build it with `--features kerberos`"))
            }
            (None, None, None) => Err(self.refuse("it does not say how to sign in").advise("add `user` and `password`, or `login`")),
            (_, _, Some(_)) => Err(self.refuse("`login` excludes `user` and `password`").advise("keep one way to sign in")),
            _ => Err(self.refuse("`user` and `password` belong together").advise("add the other")),
        }
    }

    /// Refuses what would not do what it says.
    fn check_encryption(&self) -> Result<()> {
        let checks = [
            ("ca_file", self.ca_file.is_some()),
            ("host_name_in_certificate", self.host_name_in_certificate.is_some()),
            ("trust_server_certificate", self.trust_server_certificate),
            ("client_certificate", self.client_certificate.is_some()),
        ];
        let mut given = checks.iter().filter(|(_, given)| *given).map(|(name, _)| *name);
        if self.encrypt == Encryption::Off {
            return match given.next() {
                Some(name) => Err(self.refuse(format!("`{name}` has no meaning with `encrypt = \"off\"`")).advise("remove one of them")),
                None => Ok(()),
            };
        }
        if !self.trust_server_certificate {
            return Ok(());
        }
        if self.encrypt == Encryption::Strict {
            return Err(self.refuse("`encrypt = \"strict\"` trusts no certificate unseen").advise("remove `trust_server_certificate`"));
        }
        match given.find(|name| matches!(*name, "ca_file" | "host_name_in_certificate")) {
            Some(name) => Err(self
                .refuse(format!("`{name}` has no meaning where every certificate is trusted"))
                .advise("remove `trust_server_certificate`")),
            None => Ok(()),
        }
    }

    fn limits(&self) -> TimeLimits {
        let mut limits = TimeLimits::default();
        for (limit, setting) in [
            (&mut limits.connect, self.connect_timeout),
            (&mut limits.first_row, self.first_row_timeout),
            (&mut limits.idle, self.idle_timeout),
        ] {
            if let Some(setting) = setting {
                *limit = setting.0;
            }
        }
        limits
    }

    fn refuse(&self, what: impl Into<String>) -> Error {
        Error::new(ErrorKind::Config, ErrorClass::Fatal, "read configuration", what).about(format_args!("[[source]] {}", self.host))
    }
}
