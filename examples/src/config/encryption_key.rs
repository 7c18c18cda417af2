use jabber_archive_core::Result;
use jabber_archive_sql::EncryptionKey;
use serde::Deserialize;

use super::{Config, SecretRef};

/// A key of the message archiver's encryption, and where its parts are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EncryptionKeyConfig {
    id: String,
    key: SecretRef,
    iv: SecretRef,
}

impl EncryptionKeyConfig {
    /// The key, its parts fetched.
    pub(crate) fn fetch(&self, config: &Config) -> Result<EncryptionKey> {
        let (key, iv) = (self.key.fetch(config, "encryption_keys: key")?, self.iv.fetch(config, "encryption_keys: iv")?);
        EncryptionKey::new(self.id.as_str(), &key, &iv)
    }
}
