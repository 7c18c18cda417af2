use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{Jid, Timestamp};

/// A source table whose rows are dated and accounted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Table {
    /// `jm`: every instant message that the message archiver logs, 1:1 and group copies.
    Jm,
    /// `tc_msgarchive`: one row for each message of a room.
    TcMsgarchive,
    /// `tc_timelog`: who entered and left rooms.
    TcTimelog,
}

impl Table {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Jm, Self::TcMsgarchive, Self::TcTimelog];

    /// The table's name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jm => "jm",
            Self::TcMsgarchive => "tc_msgarchive",
            Self::TcTimelog => "tc_timelog",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One row of the source, decoded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Record {
    /// A copy of a message, of `jm` or `tc_msgarchive`.
    Message(MessageRow),
    /// Somebody entered or left a room, of `tc_timelog`.
    Presence(PresenceRow),
    /// A row that cannot be decoded: it becomes a dead letter.
    Undecodable(UndecodableRow),
}

impl Record {
    /// The table it stands in.
    pub fn table(&self) -> Table {
        match self {
            Self::Message(row) => row.table,
            Self::Presence(_) => Table::TcTimelog,
            Self::Undecodable(row) => row.table,
        }
    }

    /// When it is dated.
    pub fn sent(&self) -> Timestamp {
        match self {
            Self::Message(row) => row.sent,
            Self::Presence(row) => row.stamp,
            Self::Undecodable(row) => row.sent,
        }
    }

    /// The length that the row states of itself, in characters: `body_len` and `message_len`; 0 for presence.
    pub fn length(&self) -> u64 {
        match self {
            Self::Message(row) => row.length,
            Self::Presence(_) => 0,
            Self::Undecodable(row) => row.length,
        }
    }

    /// About how many bytes it takes in memory, with what an allocator takes for every piece.
    pub fn weight(&self) -> usize {
        let texts: usize = match self {
            Self::Message(row) => {
                let texts = [&row.nick, &row.subject, &row.thread, &row.body, &row.stanza];
                texts.into_iter().flatten().map(allocated).sum::<usize>() + [&row.to, &row.from].map(shared).iter().sum::<usize>()
            }
            // The nick twice: what is kept of it is kept by nick.
            Self::Presence(row) => 2 * allocated(&row.nick) + shared(&row.real) + ALLOCATION + row.room.as_str().len(),
            Self::Undecodable(row) => {
                let values = row.values.iter().map(|(name, value)| 96 + allocated(name) + value.as_ref().map_or(0, allocated));
                allocated(&row.reason) + values.sum::<usize>()
            }
        };
        // Vectors grow by doubling: a third of one is empty, on average.
        size_of::<Self>() * 3 / 2 + texts
    }
}

/// What an allocator takes beside the bytes that were asked for, with those that it rounds up to.
const ALLOCATION: usize = 16;

fn allocated(text: &String) -> usize {
    ALLOCATION + text.capacity()
}

/// A JID's two parts, each with its counts of references.
fn shared(jid: &Jid) -> usize {
    2 * (ALLOCATION + 16) + jid.bare().as_str().len() + jid.resource().unwrap_or_default().len()
}

/// A row of `jm` or `tc_msgarchive`: one copy of a message.
///
/// Line endings of the texts are `\n` alone, normalised once where the row was decoded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct MessageRow {
    /// When the archiver logged it (`sent_date`).
    pub sent: Timestamp,
    /// `jm` or `tc_msgarchive`.
    pub table: Table,
    /// Of `jm`; a room archive has none.
    pub direction: Option<Direction>,
    /// The recipient; in `tc_msgarchive` the room.
    pub to: Jid,
    /// The sender; in a copy of a room message for a recipient `room/nick`, in `tc_msgarchive` the real user.
    pub from: Jid,
    /// `nick_jid` of `tc_msgarchive`: `room/nick`.
    pub nick: Option<String>,
    /// The stanza's type.
    pub kind: MessageKind,
    /// Whether it is a replay of room history to somebody entering (`history_flag` H).
    pub replay: bool,
    /// `msg_id` of `tc_msgarchive`, unique within a room.
    pub msg_id: Option<i64>,
    /// The subject.
    pub subject: Option<String>,
    /// The thread id that the starting client chose.
    pub thread: Option<String>,
    /// `body_string` or `body_text`.
    pub body: Option<String>,
    /// The raw stanza: `message_string` or `message_text`.
    pub stanza: Option<String>,
    /// `body_len` and `message_len` together, as the row states them.
    pub length: u64,
    /// How many values held a broken surrogate, now U+FFFD.
    pub replaced: u32,
    /// Whether it looks encrypted by the source, and nothing was there to decrypt it with: its texts are ciphertext, archived as they are.
    pub encrypted: bool,
}

impl MessageRow {
    /// A row of type `chat` that says nothing but when it was logged, from whom and to whom.
    pub fn new(table: Table, sent: Timestamp, from: Jid, to: Jid) -> Self {
        Self {
            sent,
            table,
            direction: None,
            to,
            from,
            nick: None,
            kind: MessageKind::Chat,
            replay: false,
            msg_id: None,
            subject: None,
            thread: None,
            body: None,
            stanza: None,
            length: 0,
            replaced: 0,
            encrypted: false,
        }
    }
}

impl fmt::Debug for MessageRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRow")
            .field("table", &self.table)
            .field("sent", &self.sent)
            .field("kind", &self.kind)
            .field("direction", &self.direction)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Which way a message passed the server that logged it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the column knows O and I")]
pub enum Direction {
    /// I: towards the recipient.
    Incoming,
    /// O: from the sender.
    Outgoing,
}

/// The type of a message stanza (RFC 6121, section 5.2.2) as `msg_type` abbreviates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "RFC 6121 knows these five")]
pub enum MessageKind {
    /// c: part of a chat.
    Chat,
    /// n: a single message.
    Normal,
    /// g: sent in a room.
    Groupchat,
    /// h: an alert or announcement.
    Headline,
    /// e: an error about an earlier message.
    Error,
}

/// A row of `tc_timelog`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PresenceRow {
    /// When.
    pub stamp: Timestamp,
    /// The room.
    pub room: crate::BareJid,
    /// The nick in the room, exactly.
    pub nick: String,
    /// Whether somebody entered or left.
    pub movement: Movement,
    /// Who it was.
    pub real: Jid,
}

/// Whether somebody entered or left a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the column knows E and L")]
pub enum Movement {
    /// L. Before [`Movement::Entered`], so that who leaves and enters in one tick is inside.
    Left,
    /// E.
    Entered,
}

/// A row whose values do not make a [`Record`]; everything that was read of it is kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UndecodableRow {
    /// The table it stands in.
    pub table: Table,
    /// When it is dated.
    pub sent: Timestamp,
    /// The length that the row states of itself, 0 where it states none.
    pub length: u64,
    /// Why: column and rule, never a value.
    pub reason: String,
    /// The values by column, as text.
    pub values: BTreeMap<String, Option<String>>,
}

impl fmt::Debug for UndecodableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UndecodableRow")
            .field("table", &self.table)
            .field("sent", &self.sent)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}
