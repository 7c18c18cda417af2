//! What was really said.

use std::collections::{BTreeMap, BTreeSet};

use jabber_archive_core::{ConversationKey, ConversationKind, Party, SkipReason, Table, Timestamp};

/// A message that was really sent, as an archive ought to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrueMessage {
    /// The kind of scene in which it was sent, such as `over midnight`.
    pub scene: &'static str,
    /// Where it was sent.
    pub conversation: ConversationKey,
    /// What that is called.
    pub kind: ConversationKind,
    /// The date of its first row.
    pub sent: Timestamp,
    /// Who sent it; an occupant only where nothing tells who stands behind the nick.
    pub sender: Party,
    /// For whom copies are logged.
    pub recipients: BTreeSet<Party>,
    /// The text, with line endings `\n`; what was typed beside a file stands behind the rest.
    pub body: String,
    /// The names of files sent with it.
    pub files: Vec<String>,
    /// Where each of them lies on the file server; none where nothing lies there, or nothing tells where.
    pub stored: Vec<Option<TrueFile>>,
    /// The stanza's id, where it has one that can be read.
    pub stanza_id: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The thread id.
    pub thread: Option<String>,
    /// How many rows are copies of it.
    pub copies: u32,
}

/// A file as it lies on the file server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrueFile {
    /// Where, by the log.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    seed: u64,
}

impl TrueFile {
    /// One of thirty is too large to be held in memory with its mail.
    pub(super) fn new(path: String, seed: u64) -> Self {
        let size = if seed % 30 == 5 { (4 << 20) + 4_711 } else { 1_000 + seed * 977 % 40_000 };
        Self { path, size, seed }
    }

    /// What it holds, which no other file does.
    pub fn content(&self) -> Vec<u8> {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let mut content = vec![0; self.size as usize];
        rng.fill(&mut content);
        content
    }
}

/// The true list, and what else the tables hold.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) messages: Vec<TrueMessage>,
    pub(super) skipped: BTreeMap<(Table, SkipReason), u64>,
    pub(super) scenes: BTreeMap<&'static str, usize>,
    /// Values with a broken surrogate.
    pub(super) replaced: u64,
    /// Rows dated in the future.
    pub(super) future: u64,
}

impl Truth {
    /// Notes a row that is no message.
    pub(super) fn skip(&mut self, table: Table, reason: SkipReason) {
        *self.skipped.entry((table, reason)).or_default() += 1;
    }

    /// In order of time; what was sent at one time in order of conversation and id.
    pub(super) fn sort(&mut self) {
        self.messages.sort_by(|a, b| {
            (a.sent, &a.conversation, &a.stanza_id, &a.sender, &a.body).cmp(&(b.sent, &b.conversation, &b.stanza_id, &b.sender, &b.body))
        });
    }
}
