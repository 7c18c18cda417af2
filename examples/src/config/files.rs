use std::path::PathBuf;

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use jabber_archive_files::{Folder, Root};
#[cfg(feature = "sftp")]
use jabber_archive_files::{HostKey, SftpConfig, SignIn};
use serde::Deserialize;

#[cfg(feature = "sftp")]
use super::Config;
use super::{SecretRef, Span};

/// Where the files are that were sent; [`folder`](Self::folder) and [`sftp`](Self::sftp) tell what does not belong together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilesConfig {
    pub(crate) kind: FilesKind,
    roots: Vec<RootConfig>,
    sentinel: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    key: Option<PathBuf>,
    passphrase: Option<SecretRef>,
    password: Option<SecretRef>,
    known_hosts: Option<PathBuf>,
    host_key: Option<String>,
    connect_timeout: Option<Span>,
    answer_timeout: Option<Span>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FilesKind {
    Folder,
    Sftp,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RootConfig {
    logged: String,
    place: Option<String>,
    file_server: Option<String>,
}

impl FilesConfig {
    fn roots(&self) -> Result<Vec<Root>> {
        if self.roots.is_empty() {
            return Err(refuse("`roots` is empty").advise("name the folder of the file store, as the log of transfers has it"));
        }
        let root = |root: &RootConfig| {
            let built = Root::new(root.logged.as_str(), root.place.as_deref().unwrap_or(&root.logged))?;
            Ok(match &root.file_server {
                Some(server) => built.on_server(server.as_str()),
                None => built,
            })
        };
        self.roots.iter().map(root).collect()
    }

    /// The folders that they come to.
    pub(crate) fn folder(&self) -> Result<Folder> {
        let of_a_server = [
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("user", self.user.is_some()),
            ("key", self.key.is_some()),
            ("passphrase", self.passphrase.is_some()),
            ("password", self.password.is_some()),
            ("known_hosts", self.known_hosts.is_some()),
            ("host_key", self.host_key.is_some()),
            ("connect_timeout", self.connect_timeout.is_some()),
            ("answer_timeout", self.answer_timeout.is_some()),
        ];
        if let Some((name, _)) = of_a_server.into_iter().find(|(_, is_set)| *is_set) {
            return Err(refuse(&format!("`{name}` has no meaning with kind = \"folder\"")).advise("remove it, or set kind = \"sftp\""));
        }
        let folder = Folder::new(self.roots()?);
        Ok(match &self.sentinel {
            Some(name) => folder.sentinel(name.as_str()),
            None => folder,
        })
    }

    /// The server that they come to; nothing is sent.
    #[cfg(feature = "sftp")]
    pub(crate) fn sftp(&self, config: &Config) -> Result<SftpConfig> {
        let (Some(host), Some(user)) = (&self.host, &self.user) else {
            return Err(refuse("with kind = \"sftp\" it takes `host` and `user`").advise("add them"));
        };
        let sign_in = match (&self.key, &self.password) {
            (Some(file), None) => SignIn::Key {
                file: config.path(file),
                passphrase: self.passphrase.as_ref().map(|secret| secret.source(config, "passphrase")).transpose()?,
            },
            (None, Some(password)) if self.passphrase.is_none() => SignIn::Password(password.source(config, "password")?),
            (None, Some(_)) => return Err(refuse("`passphrase` has no meaning without `key`").advise("remove it")),
            (Some(_), Some(_)) => return Err(refuse("`key` and `password` exclude each other").advise("keep one of them")),
            (None, None) => return Err(refuse("it does not say how to sign in").advise("add `key`, or `password`")),
        };
        let host_key = match (&self.host_key, &self.known_hosts) {
            (Some(fingerprint), None) => HostKey::Fingerprint(fingerprint.clone()),
            (None, Some(path)) => HostKey::KnownHosts(config.path(path)),
            (Some(_), Some(_)) => return Err(refuse("`host_key` and `known_hosts` exclude each other").advise("keep one of them")),
            (None, None) => {
                return Err(refuse("it does not say how the server is known")
                    .advise("add `known_hosts`, or as `host_key` the fingerprint that `ssh-keygen -lf` shows on the server"));
            }
        };
        let mut built = SftpConfig::new(host.as_str(), user.as_str(), sign_in, host_key, self.roots()?);
        if let Some(port) = self.port {
            built = built.port(port);
        }
        if let Some(name) = &self.sentinel {
            built = built.sentinel(name.as_str());
        }
        if let Some(timeout) = self.connect_timeout {
            built = built.connect_timeout(timeout.0);
        }
        if let Some(timeout) = self.answer_timeout {
            built = built.answer_timeout(timeout.0);
        }
        Ok(built)
    }
}

fn refuse(what: &str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "read configuration", what).about("[files]")
}
