//! The messages of a sealed window that its lists name already.

use std::{
    collections::{BTreeSet, HashMap},
    mem,
};

use super::{Archiver, retry::Stop, standing::Standing};
use crate::{
    Conversation, Digest, Issue, ItemId, KeptKind, ListLine, Message, MessageLine, Result, ShortDigest, Timestamp, ledger::ListReader,
};

/// From the first to the last copy of messages, by identity.
type Messages = HashMap<ShortDigest, Vec<(Timestamp, Timestamp)>>;

/// What the lists of a sealed window name, conversation by conversation in the order of their keys: lists are larger than memory.
pub(super) struct Listed {
    lists: Vec<Lines>,
    /// What the window behind lists near its start.
    behind: Messages,
    /// All items of the lists, and those that count for nothing.
    pub(super) accounted: BTreeSet<ItemId>,
    /// What goes out next.
    pub(super) issue: Issue,
}

/// A list that is read line by line.
struct Lines {
    digest: Digest,
    reader: Option<ListReader>,
    /// How many lines have been read.
    read: u64,
    next: Option<ListLine>,
}

impl Archiver {
    /// What is listed of a window, and by the one behind it.
    pub(super) async fn listed(&self, standing: &Standing, behind: Option<&Standing>, stop: &Stop<'_>) -> Result<Listed> {
        let mut accounted: BTreeSet<ItemId> = standing.abandoned().cloned().collect();
        let mut edition = 0;
        let mut lists = Vec::new();
        for seal in &standing.seals {
            let Some(digest) = seal.list else { continue };
            let (last, ids) = self
                .fold_list(seal, stop, |(last, ids): &mut (u32, Vec<ItemId>), line| {
                    *last = line.edition.max(*last);
                    ids.push(line.id);
                })
                .await?;
            edition = last.max(edition);
            accounted.extend(ids);
            let mut lines = Lines { digest, reader: None, read: 0, next: None };
            self.read_on(&mut lines, stop).await?;
            lists.push(lines);
        }
        let mut near: Messages = HashMap::new();
        let margin = self.facts.margin();
        for seal in behind.into_iter().flat_map(|behind| &behind.seals) {
            let until = standing.window.end().after(margin);
            let is_near = |message: &MessageLine| message.start <= until;
            let messages: Vec<MessageLine> =
                self.fold_list(seal, stop, |near: &mut Vec<_>, line| near.extend(line.messages.into_iter().filter(is_near))).await?;
            for message in messages {
                near.entry(message.identity).or_default().push((message.start, message.last));
            }
        }
        Ok(Listed { lists, behind: near, accounted, issue: Issue { edition: edition + 1, addendum: true } })
    }

    /// Takes the messages of a conversation that are listed; says how many they were. Conversations are asked for in the order of their keys' digests.
    pub(super) async fn take_listed(
        &self,
        listed: &mut Listed,
        key: &ShortDigest,
        conversation: &mut Conversation,
        stop: &Stop<'_>,
    ) -> Result<u64> {
        let mut here: Messages = HashMap::new();
        for lines in &mut listed.lists {
            while let Some(line) = lines.next.take_if(|line| line.key <= *key) {
                if line.key == *key {
                    line.messages.iter().for_each(|message| here.entry(message.identity).or_default().push((message.start, message.last)));
                }
                self.read_on(lines, stop).await?;
            }
        }
        let before = conversation.messages.len();
        for known in [&mut here, &mut listed.behind] {
            // Those that stand where they stood come first.
            for same in [true, false] {
                let messages = mem::take(&mut conversation.messages);
                conversation.messages = without(messages, known, same);
            }
        }
        Ok((before - conversation.messages.len()) as u64)
    }

    /// Reads the next line of a list; where that fails, from the start again.
    async fn read_on(&self, lines: &mut Lines, stop: &Stop<'_>) -> Result<()> {
        let mut patience = self.patience(stop);
        loop {
            match self.try_read_on(lines).await {
                Ok(line) => {
                    lines.read += 1;
                    lines.next = line;
                    return Ok(());
                }
                Err(error) => {
                    lines.reader = None;
                    patience.after(error).await?;
                }
            }
        }
    }

    async fn try_read_on(&self, lines: &mut Lines) -> Result<Option<ListLine>> {
        let reader = match &mut lines.reader {
            Some(reader) => reader,
            none => {
                let reader = none.insert(ListReader::new(self.ledger.load(KeptKind::List, &lines.digest).await?));
                for _ in 0..lines.read {
                    reader.next().await?;
                }
                reader
            }
        };
        reader.next().await
    }
}

/// The messages without those that are known, each as one of the same identity: if `same`, with the same start, else with copies in the same time, because the first of
/// them may have come late or be gone. The nearest counts, and each counts once.
fn without(messages: Vec<Message>, known: &mut Messages, same: bool) -> Vec<Message> {
    let is_unknown = |message: &Message| {
        let Some(listed) = known.get_mut(&message.key.identity) else { return true };
        let (first, last) = (message.key.start, message.last());
        let is_it = |(start, end): &(Timestamp, Timestamp)| if same { *start == first } else { *start <= last && first <= *end };
        let candidates = (0..listed.len()).filter(|index| is_it(&listed[*index]));
        let Some(nearest) = candidates.min_by_key(|index| (listed[*index].0.distance(first), listed[*index])) else { return true };
        listed.swap_remove(nearest);
        false
    };
    messages.into_iter().filter(is_unknown).collect()
}
