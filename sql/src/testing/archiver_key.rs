use std::fmt;

use aws_lc_rs::cipher::{AES_256, DecryptionContext, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use data_encoding::{BASE64, HEXLOWER};
use fastrand::Rng;
use jabber_archive_core::Secret;

use crate::EncryptionKey;

/// A key with which a made-up message archiver encrypts.
#[derive(Clone)]
pub struct ArchiverKey {
    id: String,
    key: [u8; 32],
    iv: [u8; 16],
}

impl ArchiverKey {
    /// A key of this id, made of a seed.
    pub fn new(id: impl Into<String>, seed: u64) -> Self {
        let (mut key, mut iv, mut rng) = ([0; 32], [0; 16], Rng::with_seed(seed));
        rng.fill(&mut key);
        rng.fill(&mut iv);
        Self { id: id.into(), key, iv }
    }

    /// The same key with another initialization vector.
    #[must_use]
    pub fn with_iv(self, iv: [u8; 16]) -> Self {
        Self { iv, ..self }
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key in hexadecimal digits.
    pub fn key(&self) -> Secret {
        Secret::new(HEXLOWER.encode(&self.key))
    }

    /// The initialization vector in hexadecimal digits.
    pub fn iv(&self) -> Secret {
        Secret::new(HEXLOWER.encode(&self.iv))
    }

    /// What a source is given.
    ///
    /// # Panics
    ///
    /// If the id is one that a source refuses.
    pub fn encryption_key(&self) -> EncryptionKey {
        EncryptionKey::new(self.id.as_str(), &self.key(), &self.iv()).expect("the id is letters and digits")
    }

    /// A text as a column holds it: AES-256-CBC with padding as in PKCS#7 of its UTF-8, in base64.
    ///
    /// # Panics
    ///
    /// Never: the key has the length that the cipher takes.
    pub fn encrypt(&self, text: &str) -> String {
        let cipher = UnboundCipherKey::new(&AES_256, &self.key).and_then(PaddedBlockEncryptingKey::cbc_pkcs7);
        let mut bytes = text.as_bytes().to_vec();
        let context = EncryptionContext::Iv128(self.iv.into());
        let encrypted = cipher.and_then(|cipher| cipher.less_safe_encrypt(&mut bytes, context));
        assert!(matches!(encrypted, Ok(DecryptionContext::Iv128(_))), "AES-256-CBC takes every text");
        BASE64.encode(&bytes)
    }
}

impl fmt::Debug for ArchiverKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiverKey").field("id", &self.id).finish_non_exhaustive()
    }
}
