use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Digest, Error, ErrorClass, ErrorKind, ItemId, MessageLine, Result, ShortDigest};

/// One item in a seal's list. It names no people: keys and identities are digests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ListLine {
    /// Digest of the conversation's key.
    pub key: ShortDigest,
    /// The edition that the item is of.
    pub edition: u32,
    /// The part's number, from 1.
    pub part: u32,
    /// The item's name.
    pub id: ItemId,
    /// Its size.
    pub bytes: u64,
    /// Its content.
    pub sha256: Digest,
    /// The messages in it.
    pub messages: Vec<MessageLine>,
    /// The files that it names instead of holding them, `attachments/<digest>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Digest>,
}

/// The items of a seal, sorted, one JSON object a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List(Vec<ListLine>);

impl List {
    /// The list of these lines, put in order.
    pub fn new(mut lines: Vec<ListLine>) -> Self {
        lines.sort();
        Self(lines)
    }

    /// The lines in order.
    pub fn lines(&self) -> &[ListLine] {
        &self.0
    }

    /// The bytes as stored.
    ///
    /// # Panics
    ///
    /// Never: a line is always JSON.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::new();
        for line in &self.0 {
            serde_json::to_writer(&mut bytes, line).expect("a line is always JSON");
            bytes.push(b'\n');
        }
        bytes.into()
    }

    /// Reads what [`to_bytes`](List::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// Names the line that is not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines
            .enumerate()
            .map(|(number, line)| {
                serde_json::from_slice(line).map_err(|error| {
                    Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "read list", format!("line {} cannot be read", number + 1))
                        .because(error)
                })
            })
            .collect::<Result<_>>()
            .map(Self)
    }
}
