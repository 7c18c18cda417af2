//! The messages of a sealed window that its lists name already.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    mem,
    time::Duration,
};

use super::{Archiver, retry::Stop, standing::Standing};
use crate::{
    Conversation, Digest, Filter, Issue, ItemId, KeptKind, ListLine, Message, MessageKey, MessageLine, Neighbour, Result, ShortDigest,
    ledger::ListReader,
};

/// A message that a list names, and the item that holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ListedMessage {
    pub(super) line: MessageLine,
    pub(super) item: ItemId,
}

/// Messages by identity.
pub(super) type ListedMessages = HashMap<ShortDigest, Vec<ListedMessage>>;

/// What the lists of a sealed window name, conversation by conversation in the order of their keys: lists are larger than memory.
pub(super) struct Listed {
    lists: Vec<Lines>,
    /// What the window behind lists near its start.
    pub(super) behind: ListedMessages,
    /// All items of the lists, and those that count for nothing.
    pub(super) accounted: BTreeSet<ItemId>,
    /// What goes out next.
    pub(super) issue: Issue,
    /// Messages that are listed under other names: they do not go out again.
    pub(super) elsewhere: HashSet<MessageKey>,
    /// What left conversations out when the window was sealed leaves them out still.
    pub(super) filters: Vec<Filter>,
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
        let mut near = ListedMessages::new();
        // The last copy in sight is up to a margin behind the end, and what is listed behind may begin so far behind that copy.
        let until = standing.window.end().after(self.facts.margin() * 2);
        for seal in behind.into_iter().flat_map(|behind| &behind.seals) {
            let near_start = |near: &mut Vec<_>, line: ListLine| {
                let ListLine { id, messages, .. } = line;
                let messages = messages.into_iter().filter(|message| message.start <= until);
                near.extend(messages.map(|line| ListedMessage { line, item: id.clone() }));
            };
            let messages: Vec<ListedMessage> = self.fold_list(seal, stop, near_start).await?;
            for message in messages {
                near.entry(message.line.identity).or_default().push(message);
            }
        }
        let issue = Issue { edition: edition + 1, addendum: true };
        Ok(Listed { lists, behind: near, accounted, issue, elsewhere: HashSet::new(), filters: Vec::new() })
    }

    /// Takes the messages of a conversation that are listed, by the window before or behind too; says how many they were. Conversations are asked for in the order of their keys' digests.
    pub(super) async fn take_listed(
        &self,
        listed: &mut Listed,
        key: &ShortDigest,
        conversation: &mut Conversation,
        earlier: &mut Neighbour,
        stop: &Stop<'_>,
    ) -> Result<u64> {
        let mut here = self.listed_of(listed, key, None, stop).await?;
        let (before, margin) = (conversation.messages.len(), self.facts.margin());
        for known in [&mut here, &mut listed.behind] {
            take_known(&mut conversation.messages, known, margin, |_, _| {});
        }
        conversation.messages.retain(|message| !earlier.take_message(message, margin) && !listed.elsewhere.contains(&message.key));
        Ok((before - conversation.messages.len()) as u64)
    }

    /// The messages of a conversation that the lists name. Lines of conversations whose turn would have been before are added to `passed`, if they are wanted.
    pub(super) async fn listed_of(
        &self,
        listed: &mut Listed,
        key: &ShortDigest,
        mut passed: Option<&mut Vec<ListLine>>,
        stop: &Stop<'_>,
    ) -> Result<ListedMessages> {
        let mut here = ListedMessages::new();
        for lines in &mut listed.lists {
            while let Some(line) = lines.next.take_if(|line| line.key <= *key) {
                if line.key == *key {
                    for message in &line.messages {
                        let message = ListedMessage { line: *message, item: line.id.clone() };
                        here.entry(message.line.identity).or_default().push(message);
                    }
                } else if let Some(passed) = &mut passed {
                    passed.push(line);
                }
                self.read_on(lines, stop).await?;
            }
        }
        Ok(here)
    }

    /// The lines that nobody has asked for by their conversations.
    pub(super) async fn rest_of(&self, listed: Listed, stop: &Stop<'_>) -> Result<Vec<ListLine>> {
        let mut rest = Vec::new();
        for mut lines in listed.lists {
            while let Some(line) = lines.next.take() {
                rest.push(line);
                self.read_on(&mut lines, stop).await?;
            }
        }
        Ok(rest)
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

/// Takes the messages that are known, each as one of the same identity: with the same start, else with copies in the same time, because the first of them may have
/// come late or be gone, else, where they have an id, with copies within `margin`, because all that were listed may be gone. The nearest counts, and each counts once.
pub(super) fn take_known(
    messages: &mut Vec<Message>,
    known: &mut ListedMessages,
    margin: Duration,
    mut taken: impl FnMut(&Message, ListedMessage),
) {
    // Those that stand where they stood come first.
    for apart in [None, Some(Duration::ZERO), Some(margin)] {
        let is_unknown = |message: &Message| {
            let Some(listed) = known.get_mut(&message.key.identity) else { return true };
            let first = message.sent();
            let is_it = |line: &MessageLine| apart.map_or(line.start == first, |apart| message.is_of(line.start, line.last, apart));
            let candidates = (0..listed.len()).filter(|index| is_it(&listed[*index].line));
            let nearest = candidates.min_by_key(|index| (listed[*index].line.start.distance(first), &listed[*index]));
            let Some(nearest) = nearest else { return true };
            taken(message, listed.swap_remove(nearest));
            false
        };
        let all = mem::take(messages);
        *messages = all.into_iter().filter(is_unknown).collect();
    }
}
