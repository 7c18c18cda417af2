use std::{fmt, sync::Arc};

use aws_lc_rs::{
    cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey},
    iv::FixedLength,
};
use data_encoding::HEXLOWER_PERMISSIVE;
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Secret};
use zeroize::Zeroizing;

/// A key of the message archiver's encryption: AES-256-CBC with one initialization vector for all values.
///
/// Its id is ours: it names the key in reports and in dead letters. Key and vector are shown nowhere, and are overwritten in memory when the last clone is dropped.
///
/// ```
/// use jabber_archive_core::Secret;
/// use jabber_archive_sql::EncryptionKey;
///
/// let (key, iv) = (Secret::new("00112233445566778899AABBCCDDEEFF".repeat(2)), Secret::new("0f".repeat(16)));
/// let key = EncryptionKey::new("2026", &key, &iv)?;
/// assert_eq!(format!("{key:?}"), r#"EncryptionKey { id: "2026", .. }"#);
/// # Ok::<(), jabber_archive_core::Error>(())
/// ```
#[derive(Clone)]
pub struct EncryptionKey {
    id: Arc<str>,
    cipher: Arc<PaddedBlockDecryptingKey>,
    iv: Arc<Zeroizing<[u8; 16]>>,
}

impl EncryptionKey {
    /// A key of 32 bytes and an initialization vector of 16, both in hexadecimal digits of either case.
    ///
    /// # Errors
    ///
    /// If the id is not 1 to 64 letters, digits, dots, underscores and hyphens, or key or vector are not so many digits. What they are is not said.
    pub fn new(id: impl Into<Arc<str>>, key: &Secret, iv: &Secret) -> Result<Self> {
        let id = id.into();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) {
            return Err(refuse(
                format_args!("id `{}`", id.escape_debug()),
                "it is not 1 to 64 letters, digits, dots, underscores and hyphens",
            )
            .advise("choose another: it names the key in reports"));
        }
        let about = |what| format!("{what} of encryption key `{id}`");
        let key = hex::<32>(key).ok_or_else(|| refuse(about("key"), "it is not 64 hexadecimal digits"))?;
        let iv = hex::<16>(iv).ok_or_else(|| refuse(about("iv"), "it is not 32 hexadecimal digits"))?;
        let cipher = UnboundCipherKey::new(&AES_256, &*key).and_then(PaddedBlockDecryptingKey::cbc_pkcs7);
        let cipher = cipher.map_err(|_| refuse(about("key"), "it cannot be used"))?;
        Ok(Self { id, cipher: Arc::new(cipher), iv: Arc::new(iv) })
    }

    /// Its name in reports.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the ciphertext is under this key, and how many bytes of padding stood behind it; none if the padding is none.
    pub(crate) fn open(&self, ciphertext: &[u8]) -> Option<(Vec<u8>, usize)> {
        let mut bytes = ciphertext.to_vec();
        let context = DecryptionContext::Iv128(FixedLength::from(**self.iv));
        let length = self.cipher.decrypt(&mut bytes, context).ok()?.len();
        bytes.truncate(length);
        Some((bytes, ciphertext.len() - length))
    }
}

fn refuse(about: impl fmt::Display, what: &'static str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "read encryption key", what).about(about)
}

fn hex<const N: usize>(secret: &Secret) -> Option<Zeroizing<[u8; N]>> {
    let digits = secret.reveal().as_bytes();
    let mut bytes = Zeroizing::new([0; N]);
    let fits = digits.len() == 2 * N && HEXLOWER_PERMISSIVE.decode_mut(digits, &mut *bytes).is_ok();
    fits.then_some(bytes)
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST SP 800-38A, F.2.5, with the padding of RFC 5652 behind its first block.
    #[test]
    fn a_published_vector_is_decrypted() {
        let key = Secret::new("603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4");
        let key = EncryptionKey::new("nist", &key, &Secret::new("000102030405060708090a0b0c0d0e0f")).unwrap();
        let block = data_encoding::HEXLOWER.decode(b"f58c4c04d6e5f1ba779eabfb5f7bfbd6").unwrap();
        let padding = data_encoding::HEXLOWER.decode(b"485a5c81519cf378fa36d42b8547edc0").unwrap();
        let plain = data_encoding::HEXLOWER.decode(b"6bc1bee22e409f96e93d7e117393172a").unwrap();
        assert_eq!(key.open(&[block.clone(), padding].concat()), Some((plain, 16)));
        assert_eq!(key.open(&block), None);
    }

    #[test]
    fn a_wrong_key_is_refused_without_being_shown() {
        let (key, iv) = ("ab".repeat(32), "cd".repeat(16));
        for (id, key, iv, what) in [
            ("2026", "ab".repeat(31), iv.clone(), "key of encryption key `2026`: it is not 64 hexadecimal digits"),
            ("2026", format!("{}xy", "ab".repeat(31)), iv.clone(), "it is not 64 hexadecimal digits"),
            ("2026", key.clone(), "cd".repeat(17), "iv of encryption key `2026`: it is not 32 hexadecimal digits"),
            ("", key.clone(), iv.clone(), "id ``"),
            ("a b", key, iv, "id `a b`"),
        ] {
            let error = EncryptionKey::new(id, &Secret::new(key), &Secret::new(iv)).unwrap_err();
            assert_eq!((error.kind(), error.class()), (ErrorKind::Config, ErrorClass::Fatal));
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(what), "{shown}");
            assert!(!shown.contains("abab") && !shown.contains("cdcd"), "{shown}");
        }
    }
}
