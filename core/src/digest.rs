use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::{Error, ErrorClass, ErrorKind};

/// A SHA-256 digest; written as 64 hexadecimal digits in lower case.
///
/// ```
/// use jabber_archive_core::Digest;
///
/// let digest = Digest::of(b"abc");
/// assert_eq!(
///     digest.to_string(),
///     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
/// );
/// assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// A digest made elsewhere.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 16 bytes, for keys that are many and held in memory.
    pub fn short(&self) -> ShortDigest {
        let mut short = [0; 16];
        short.copy_from_slice(&self.0[..16]);
        ShortDigest(short)
    }
}

/// The first 16 bytes of a SHA-256 digest; written as 32 hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortDigest([u8; 16]);

impl ShortDigest {
    /// A digest made elsewhere.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

macro_rules! hexadecimal {
    ($name:ident, $length:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER_PERMISSIVE.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(|| {
                    Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "read digest", concat!("not ", $length, " hexadecimal digits"))
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hexadecimal!(Digest, "64");
hexadecimal!(ShortDigest, "32");

/// Hashes a list of fields so that no two lists of fields give the same bytes.
///
/// This encoding is fixed for ever, because item ids and identities depend on it: each field is UTF-8 text
/// preceded by its length in bytes as an unsigned 32-bit big-endian number; integers are decimal ASCII.
///
/// ```
/// use jabber_archive_core::{Digest, FieldHasher};
///
/// let digest = FieldHasher::new().field("ab").integer(7).finish();
/// assert_eq!(digest, Digest::of(b"\0\0\0\x02ab\0\0\0\x017"));
/// ```
#[derive(Clone, Default)]
pub struct FieldHasher(Sha256);

impl FieldHasher {
    /// A hasher without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text field.
    ///
    /// # Panics
    ///
    /// If the text is 4 GiB or longer; SQL Server values end at 2 GiB.
    #[must_use]
    #[inline]
    pub fn field(mut self, text: &str) -> Self {
        self.add(text);
        self
    }

    /// Adds where the hasher stands, which is faster than to hand it on.
    fn add(&mut self, text: &str) {
        let length = u32::try_from(text.len()).expect("a field is shorter than 4 GiB");
        self.0.update(length.to_be_bytes());
        self.0.update(text.as_bytes());
    }

    /// Adds an integer field.
    #[must_use]
    pub fn integer(self, number: i64) -> Self {
        self.field(&number.to_string())
    }

    /// The digest of the fields so far.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Debug for FieldHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FieldHasher")
    }
}
