use std::{collections::BTreeMap, fmt};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Conversation, ConversationKey, Digest, Message, MessageLine, Result, ShortDigest, Table, Timestamp, UndecodableRow, Window};

/// What could not be archived as a mail, with everything that was read of it: kept by digest, counted in every sum, for another attempt later.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum DeadLetter {
    /// A row that could not be decoded.
    Row {
        /// The window in which it is dated.
        window: Window,
        /// The table it stands in.
        table: Table,
        /// When it is dated.
        sent: Timestamp,
        /// Why: column and rule.
        reason: String,
        /// The values by column, as text.
        values: BTreeMap<String, Option<String>>,
        /// Which of equal rows it is, from 0: rows have no key.
        ordinal: u64,
    },
    /// A message that could not be converted or stored.
    Message {
        /// The window in which it starts.
        window: Window,
        /// The conversation.
        conversation: ConversationKey,
        /// Why.
        reason: String,
        /// The message.
        message: Box<Message>,
    },
    /// One of these, encrypted: all can see where it belongs and why it is there, and only who has the key what it holds.
    Encrypted {
        /// The window.
        window: Window,
        /// Of a row: the table it stands in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<Table>,
        /// When the row is dated, or the message starts.
        sent: Timestamp,
        /// Of a message: digest of its conversation's key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conversation: Option<ShortDigest>,
        /// Of a message: how a list would name it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<MessageLine>,
        /// Why.
        reason: String,
        /// SHA-256 of the dead letter as it would be stored if it were not encrypted.
        sha256: Digest,
        /// For whom it is encrypted: public keys.
        recipients: Vec<String>,
        /// The dead letter as it would be stored, encrypted; text.
        encrypted: String,
    },
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row { window, table, sent, reason, values, ordinal } => f
                .debug_struct("Row")
                .field("window", window)
                .field("table", table)
                .field("sent", sent)
                .field("reason", reason)
                .field("values", &values.keys().collect::<Vec<_>>())
                .field("ordinal", ordinal)
                .finish(),
            Self::Message { window, conversation, reason, message } => f
                .debug_struct("Message")
                .field("window", window)
                .field("conversation", conversation)
                .field("reason", reason)
                .field("message", message)
                .finish(),
            Self::Encrypted { window, sent, reason, sha256, recipients, .. } => f
                .debug_struct("Encrypted")
                .field("window", window)
                .field("sent", sent)
                .field("reason", reason)
                .field("sha256", sha256)
                .field("recipients", recipients)
                .finish_non_exhaustive(),
        }
    }
}

/// Encrypts what is only for some to read.
///
/// # Contract
///
/// Who has the private key of any one recipient can decrypt what [`encrypt`](Encryptor::encrypt) gives, with the format's own tools. The same content need not give the same text.
pub trait Encryptor: fmt::Debug + Send + Sync {
    /// For whom: public keys, as their format writes them.
    fn recipients(&self) -> Vec<String>;

    /// The content encrypted for all of them, as text.
    fn encrypt(&self, content: &[u8]) -> Result<String>;
}

const _: Option<&dyn Encryptor> = None;

impl DeadLetter {
    /// The dead letters of rows, sorted as they are; equal ones are told apart.
    pub(crate) fn of_rows(rows: &[UndecodableRow], window: Window) -> Vec<Self> {
        let mut ordinal = 0;
        let mut letters = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            ordinal = if index > 0 && rows[index - 1] == *row { ordinal + 1 } else { 0 };
            letters.push(Self::Row {
                window,
                table: row.table,
                sent: row.sent,
                reason: row.reason.clone(),
                values: row.values.clone(),
                ordinal,
            });
        }
        letters
    }

    /// The dead letter of one message of a conversation.
    pub(crate) fn of_message(conversation: &Conversation, message: Message, reason: String) -> Self {
        Self::Message { window: conversation.window, conversation: conversation.key.clone(), reason, message: Box::new(message) }
    }

    /// The same, encrypted; what is already stays as it is.
    ///
    /// # Errors
    ///
    /// Those of the encryptor.
    pub fn encrypted(self, by: &dyn Encryptor) -> Result<Self> {
        let plain = self.to_bytes();
        let (window, table, sent, conversation, message, reason) = match self {
            Self::Row { window, table, sent, reason, .. } => (window, Some(table), sent, None, None, reason),
            Self::Message { window, conversation, reason, message } => {
                (window, None, message.sent(), Some(conversation.digest()), Some(MessageLine::of(&message)), reason)
            }
            encrypted @ Self::Encrypted { .. } => return Ok(encrypted),
        };
        Ok(Self::Encrypted {
            window,
            table,
            sent,
            conversation,
            message,
            reason,
            sha256: Digest::of(&plain),
            recipients: by.recipients(),
            encrypted: by.encrypt(&plain)?,
        })
    }

    /// The bytes as stored.
    ///
    /// # Panics
    ///
    /// Never: the model is always JSON.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = serde_json::to_vec(self).expect("a dead letter is always JSON");
        bytes.push(b'\n');
        bytes.into()
    }
}
