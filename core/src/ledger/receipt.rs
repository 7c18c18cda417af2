use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Digest, Error, ErrorClass, ErrorKind, ItemId, Place, RefusalReason, Result, Span, Timestamp};

/// What came of putting an item into a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The window of the item.
    pub window: Span,
    /// The item.
    pub item: ItemId,
    /// The address of the mailbox, in lower case; none where it came to none.
    pub mailbox: Option<String>,
    /// What came of it.
    #[serde(flatten)]
    pub result: ReceiptResult,
    /// The size of the content that was to be delivered.
    pub bytes: u64,
    /// The content that was to be delivered.
    pub sha256: Digest,
    /// When, by the clock of the machine.
    pub time: Timestamp,
}

/// Whether a mailbox has a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
#[expect(clippy::exhaustive_enums, reason = "a reader decides each case")]
pub enum ReceiptResult {
    /// It was put there.
    Delivered(Place),
    /// It was there.
    Found(Place),
    /// It is not there.
    Refused {
        /// Why.
        reason: RefusalReason,
    },
}

/// The receipts of an [import](super::ImportEntry), sorted, one JSON object a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipts(Vec<Receipt>);

impl Receipt {
    /// What came of one item, of this size and content, and one mailbox.
    pub fn new(
        window: Span,
        item: ItemId,
        (bytes, sha256): (u64, Digest),
        mailbox: Option<String>,
        result: ReceiptResult,
        time: Timestamp,
    ) -> Self {
        Self { window, item, mailbox, result, bytes, sha256, time }
    }

    /// Whether the mailbox does not have it.
    pub fn is_refused(&self) -> bool {
        matches!(self.result, ReceiptResult::Refused { .. })
    }
}

impl Receipts {
    /// These, put in order.
    pub fn new(mut lines: Vec<Receipt>) -> Self {
        lines.sort();
        Self(lines)
    }

    /// The lines in order.
    pub fn lines(&self) -> &[Receipt] {
        &self.0
    }

    /// The lines in order.
    pub fn into_lines(self) -> Vec<Receipt> {
        self.0
    }

    /// The bytes as stored.
    ///
    /// # Panics
    ///
    /// Never: a receipt is always JSON.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::new();
        for line in &self.0 {
            serde_json::to_writer(&mut bytes, line).expect("a receipt is always JSON");
            bytes.push(b'\n');
        }
        bytes.into()
    }

    /// Reads what [`to_bytes`](Receipts::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// Names the line that is not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let read = |(line, number): (&[u8], u64)| {
            serde_json::from_slice(line).map_err(|error| {
                Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "read receipts", format!("line {number} cannot be read")).because(error)
            })
        };
        lines.zip(1..).map(read).collect::<Result<_>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_are_stored_as_documented_and_come_back() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let window = Span::new(time("2026-11-20T00:00:00Z"), time("2026-11-21T00:00:00Z"));
        let receipt = |mailbox: Option<&str>, result| {
            let item = "a".repeat(26).parse().unwrap();
            Receipt::new(window, item, (4, Digest::of(b"mail")), mailbox.map(str::to_owned), result, time("2026-11-21T02:00:00Z"))
        };
        let receipts = Receipts::new(vec![
            receipt(Some("bob@example.com"), ReceiptResult::Refused { reason: RefusalReason::TooLarge }),
            receipt(Some("alice@example.com"), ReceiptResult::Delivered(Place::new(7, 12))),
            receipt(None, ReceiptResult::Refused { reason: RefusalReason::TooManyMailboxes }),
            receipt(Some("chen@example.com"), ReceiptResult::Found(Place::default())),
        ]);
        let stored = receipts.to_bytes();
        assert_eq!(Receipts::from_bytes(&stored).unwrap(), receipts);
        let head =
            r#"{"window":{"start":"2026-11-20T00:00:00.000Z","end":"2026-11-21T00:00:00.000Z"},"item":"aaaaaaaaaaaaaaaaaaaaaaaaaa","#;
        let tail = format!(r#""bytes":4,"sha256":"{}","time":"2026-11-21T02:00:00.000Z"}}"#, Digest::of(b"mail"));
        let expected = [
            r#""mailbox":null,"result":"refused","reason":"too-many-mailboxes","#,
            r#""mailbox":"alice@example.com","result":"delivered","uid_validity":7,"uid":12,"#,
            r#""mailbox":"bob@example.com","result":"refused","reason":"too-large","#,
            r#""mailbox":"chen@example.com","result":"found","#,
        ];
        let expected = expected.map(|line| format!("{head}{line}{tail}\n"));
        assert_eq!(String::from_utf8_lossy(&stored), expected.concat());
    }
}
