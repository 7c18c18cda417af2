use std::{fmt, path::PathBuf};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use serde::Deserialize;

use super::{SecretRef, Span};

/// Where an archive is.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SinkKind {
    File,
    Azure,
}

/// The settings of both kinds; [`check`](Self::check) tells what does not belong together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SinkConfig {
    pub(crate) kind: SinkKind,
    pub(crate) path: Option<PathBuf>,
    pub(crate) account: Option<String>,
    pub(crate) container: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) endpoint: Option<String>,
    #[serde(default)]
    pub(crate) create_container: bool,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) access_key: Option<SecretRef>,
    pub(crate) sas: Option<SecretRef>,
    pub(crate) client_secret: Option<SecretRef>,
    #[serde(default)]
    pub(crate) managed_identity: bool,
    #[serde(default)]
    pub(crate) workload_identity: bool,
    pub(crate) tenant_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) authority_host: Option<String>,
    pub(crate) connect_timeout: Option<Span>,
    pub(crate) reply_timeout: Option<Span>,
}

/// The settings of which exactly one says how to sign in.
pub(crate) const SIGN_IN: [&str; 5] = ["access_key", "sas", "client_secret", "managed_identity", "workload_identity"];

impl SinkConfig {
    /// A folder.
    pub(crate) fn file(path: PathBuf) -> Self {
        Self {
            kind: SinkKind::File,
            path: Some(path),
            account: None,
            container: None,
            prefix: None,
            endpoint: None,
            create_container: false,
            ca_file: None,
            access_key: None,
            sas: None,
            client_secret: None,
            managed_identity: false,
            workload_identity: false,
            tenant_id: None,
            client_id: None,
            token_file: None,
            authority_host: None,
            connect_timeout: None,
            reply_timeout: None,
        }
    }

    /// Refuses settings that contradict each other or have no meaning beside the others.
    pub(crate) fn check(&self) -> Result<()> {
        let given = self.given();
        let allowed: &[&str] = match self.kind {
            SinkKind::File => &["path"],
            SinkKind::Azure => {
                let signs: Vec<&str> = given.iter().copied().filter(|name| SIGN_IN.contains(name)).collect();
                match signs.as_slice() {
                    [] => return Err(refuse("it does not say how to sign in").advise(format!("add one of {}", Names(&SIGN_IN)))),
                    ["access_key" | "sas"] => &[],
                    ["client_secret"] => &["tenant_id", "client_id", "authority_host"],
                    ["managed_identity"] => &["client_id"],
                    ["workload_identity"] => &["tenant_id", "client_id", "token_file", "authority_host"],
                    several => return Err(refuse(format!("{} exclude each other", Names(several))).advise("keep one of them")),
                }
            }
        };
        let always: &[&str] = match self.kind {
            SinkKind::File => &[],
            SinkKind::Azure => {
                &["account", "container", "prefix", "endpoint", "create_container", "ca_file", "connect_timeout", "reply_timeout"]
            }
        };
        let foreign = given.iter().find(|name| !allowed.contains(name) && !always.contains(name) && !self.signs_in_by(name));
        match foreign {
            Some(name) => Err(refuse(format!("`{name}` has no meaning {}", self.form())).advise("remove it")),
            None => Ok(()),
        }
    }

    fn signs_in_by(&self, name: &str) -> bool {
        matches!(self.kind, SinkKind::Azure) && SIGN_IN.contains(&name)
    }

    fn form(&self) -> String {
        match self.kind {
            SinkKind::File => "with kind = \"file\"".to_owned(),
            SinkKind::Azure => {
                let sign = self.given().into_iter().find(|name| SIGN_IN.contains(name)).unwrap_or_default();
                format!("with kind = \"azure\" and `{sign}`")
            }
        }
    }

    /// The names of all settings that are there, except `kind`.
    fn given(&self) -> Vec<&'static str> {
        let all = [
            ("path", self.path.is_some()),
            ("account", self.account.is_some()),
            ("container", self.container.is_some()),
            ("prefix", self.prefix.is_some()),
            ("endpoint", self.endpoint.is_some()),
            ("create_container", self.create_container),
            ("ca_file", self.ca_file.is_some()),
            ("access_key", self.access_key.is_some()),
            ("sas", self.sas.is_some()),
            ("client_secret", self.client_secret.is_some()),
            ("managed_identity", self.managed_identity),
            ("workload_identity", self.workload_identity),
            ("tenant_id", self.tenant_id.is_some()),
            ("client_id", self.client_id.is_some()),
            ("token_file", self.token_file.is_some()),
            ("authority_host", self.authority_host.is_some()),
            ("connect_timeout", self.connect_timeout.is_some()),
            ("reply_timeout", self.reply_timeout.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

fn refuse(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "read configuration", what).about("[sink]")
}

/// `a`, `b`, `c`.
struct Names<'a>(&'a [&'a str]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}`{name}`", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
