use std::{borrow::Cow, path::PathBuf};

use jabber_archive_core::{Error, Result};
use russh::{
    Preferred,
    keys::{Algorithm, HashAlg, PublicKey, known_hosts::known_host_keys_path},
};

use super::SftpConfig;
use crate::fault::refuse;

/// By what the server proves that it is the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostKey {
    /// A file as OpenSSH's `known_hosts`; names may be hashed. Lines with `@revoked` or `@cert-authority` are passed over.
    KnownHosts(PathBuf),
    /// The fingerprint of its key as `ssh-keygen -l` shows it: `SHA256:` and 43 characters.
    Fingerprint(String),
}

impl HostKey {
    /// Refuses what can be no fingerprint.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Fingerprint(text) if text.parse::<russh::keys::ssh_key::Fingerprint>().is_err() => {
                Err(refuse("it is no fingerprint").about("host_key").advise("write it as `ssh-keygen -l` shows it: SHA256:…"))
            }
            _ => Ok(()),
        }
    }
}

/// What is known of a server before it is asked.
pub(super) struct Expected {
    host: String,
    port: u16,
    key: HostKey,
    known: Vec<PublicKey>,
}

impl Expected {
    pub(super) fn of(config: &SftpConfig) -> Result<Self> {
        let known = match &config.host_key {
            HostKey::Fingerprint(_) => Vec::new(),
            HostKey::KnownHosts(path) => {
                let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| {
                    refuse("the file cannot be read").about(path.display()).advise("name a file as OpenSSH's known_hosts").because(error)
                };
                // A file that is not there would otherwise count as one that knows nobody.
                std::fs::metadata(path).map_err(|error| unreadable(error.into()))?;
                let keys = known_host_keys_path(&config.host, config.port, path).map_err(|error| unreadable(error.into()))?;
                keys.into_iter().map(|(_, key)| key).collect()
            }
        };
        Ok(Self { host: config.host.clone(), port: config.port, key: config.host_key.clone(), known })
    }

    /// Which algorithms are asked for: those of known keys first, because a server shows only one of its keys.
    pub(super) fn preferred(&self) -> Preferred {
        // Keys of type RSA cannot be verified here.
        let usable = Preferred::DEFAULT.key.iter().filter(|algorithm| !matches!(algorithm, Algorithm::Rsa { .. }));
        let mut algorithms: Vec<Algorithm> = usable.cloned().collect();
        algorithms.sort_by_key(|algorithm| !self.known.iter().any(|key| key.algorithm() == *algorithm));
        Preferred { key: Cow::Owned(algorithms), ..Preferred::DEFAULT }
    }

    /// Whether this is the server.
    pub(super) fn verify(&self, shown: &PublicKey) -> Result<()> {
        let fingerprint = shown.fingerprint(HashAlg::Sha256).to_string();
        let is_known = match &self.key {
            HostKey::Fingerprint(expected) => *expected == fingerprint,
            // Keys may carry comments, which are no part of them.
            HostKey::KnownHosts(_) => self.known.iter().any(|key| key.key_data() == shown.key_data()),
        };
        if is_known {
            return Ok(());
        }
        let kind = shown.algorithm();
        let scan = if self.port == 22 { self.host.clone() } else { format!("-p {} {}", self.port, self.host) };
        Err(match &self.key {
            HostKey::KnownHosts(path) if self.known.is_empty() => self.error(&format!("it is not in {}", path.display())).advise(format!(
                "its key is {kind} {fingerprint}: if that is what its administrator says (ssh-keygen -lf on the server), set host_key = \
                 \"{fingerprint}\", or add the line that `ssh-keyscan {scan}` prints"
            )),
            _ => self.error(&format!("it shows another key than the one that is known: {kind} {fingerprint}")).advise(
                "somebody may be in between: ask its administrator; only if the key was changed on purpose, change `host_key` or `known_hosts`",
            ),
        })
    }

    fn error(&self, what: &str) -> Error {
        refuse(format!("the server cannot be trusted: {what}")).about(format_args!("{}:{}", self.host, self.port))
    }
}
