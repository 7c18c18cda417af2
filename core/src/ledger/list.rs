use std::fmt;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream::Fuse};
use serde::{Deserialize, Serialize};

use crate::{ByteStream, Digest, Error, ErrorClass, ErrorKind, ItemId, MessageLine, Result, ShortDigest};

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
        self.0.iter().for_each(|line| line.write(&mut bytes));
        bytes.into()
    }

    /// Reads what [`to_bytes`](List::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// Names the line that is not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.zip(1..).map(|(line, number)| ListLine::read(line, number)).collect::<Result<_>>().map(Self)
    }
}

impl ListLine {
    /// Adds the line as stored.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        serde_json::to_writer(&mut *bytes, self).expect("a line is always JSON");
        bytes.push(b'\n');
    }

    /// The line of this number, from 1, without its end.
    fn read(line: &[u8], number: u64) -> Result<Self> {
        serde_json::from_slice(line).map_err(|error| {
            Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "read list", format!("line {number} cannot be read")).because(error)
        })
    }
}

/// Reads the lines of a stored list one after another, however many there are. Whether it is the list that it should be is known at its end.
pub struct ListReader {
    stored: Fuse<ByteStream>,
    begun: BytesMut,
    number: u64,
}

impl fmt::Debug for ListReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListReader").field("number", &self.number).finish_non_exhaustive()
    }
}

impl ListReader {
    /// Of what [`Ledger::load`](crate::Ledger::load) gives.
    pub fn new(stored: ByteStream) -> Self {
        Self { stored: stored.fuse(), begun: BytesMut::new(), number: 0 }
    }

    /// The next line, `None` after the last.
    ///
    /// # Errors
    ///
    /// If the content cannot be read or is damaged, or the line is none: its number is named.
    pub async fn next(&mut self) -> Result<Option<ListLine>> {
        let mut searched = 0;
        loop {
            let line = match self.begun[searched..].iter().position(|byte| *byte == b'\n') {
                Some(end) => self.begun.split_to(searched + end + 1),
                None => {
                    searched = self.begun.len();
                    match self.stored.try_next().await? {
                        Some(piece) => {
                            self.begun.extend_from_slice(&piece);
                            continue;
                        }
                        None => std::mem::take(&mut self.begun),
                    }
                }
            };
            searched = 0;
            match line.strip_suffix(b"\n").unwrap_or(&line) {
                [] if line.is_empty() => return Ok(None),
                [] => {}
                line => {
                    self.number += 1;
                    return ListLine::read(line, self.number).map(Some);
                }
            }
        }
    }
}
