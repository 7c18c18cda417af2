use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Conversation, ConversationKey, Message, Table, Timestamp, UndecodableRow, Window};

/// What could not be archived as a mail, with everything that was read of it: kept by digest, counted in every sum, for another attempt later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

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
