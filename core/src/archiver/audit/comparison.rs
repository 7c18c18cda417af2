//! Compares a window's rows with its lists, message by message.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::TryStreamExt;
use serde::Deserialize;

use super::pairing::{Difference, Unfound, Unlisted, pair};
use crate::{
    Conversation, Digest, DiscrepancyKind, Error, ErrorClass, ErrorKind, FieldHasher, Filter, Finding, KeptKind, ListLine, MessageKey,
    MessageLine, Neighbour, Result, ShortDigest, Table, Timestamp, Window,
    archiver::{
        Archiver,
        listed::{ListedMessage, ListedMessages, take_known},
        retry::{Stop, unless_stopped},
        rows::Rows,
        standing::Standing,
    },
};

/// What differs between a window of the source and the archive.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) window: Window,
    pub(super) messages: u64,
    pub(super) archived: u64,
    pub(super) filtered: u64,
    pub(super) dead_letters: u64,
    pub(super) gone: u64,
    pub(super) differences: Vec<Difference>,
    /// Messages of the source that are archived under another room's name.
    pub(super) elsewhere: HashSet<MessageKey>,
    /// The filters of the time.
    pub(super) filters: Vec<Filter>,
    /// What an earlier repair has recorded as left.
    recorded: Option<ShortDigest>,
}

impl Comparison {
    /// Names the archived messages that differ.
    pub(super) fn left(&self) -> Option<ShortDigest> {
        let archived = self.differences.iter().filter_map(|difference| difference.archived.as_ref());
        let left: BTreeSet<_> = archived.map(|(key, line, item)| (*key, *line, item)).collect();
        if left.is_empty() {
            return None;
        }
        let named = left.iter().fold(FieldHasher::new().field("v1"), |hasher, (key, line, _)| {
            hasher.field(&key.to_string()).integer(line.start.millis()).field(&line.identity.to_string())
        });
        Some(named.finish().short())
    }

    /// Those that nobody has recorded, and how many others there are.
    pub(super) fn news(&self) -> (Vec<&Difference>, u64) {
        let is_recorded = self.recorded.is_some() && self.recorded == self.left();
        let news: Vec<_> = self.differences.iter().filter(|difference| !is_recorded || difference.is_addable()).collect();
        let known = (self.differences.len() - news.len()) as u64;
        (news, known)
    }

    /// What the entry says that repairs it.
    pub(super) fn finding(&self) -> Finding {
        let mut found = BTreeMap::new();
        for difference in &self.differences {
            *found.entry(difference.kind).or_default() += 1;
        }
        Finding::Repaired { found, left: self.left() }
    }
}

/// Messages and rows of a window that are dead letters.
#[derive(Debug, Default)]
struct Buried {
    messages: HashMap<(ShortDigest, Timestamp), u64>,
    rows: HashMap<Timestamp, u64>,
}

/// What a dead letter says of where it belongs, whatever else it holds and for whom.
#[derive(Debug, Deserialize)]
struct Letter {
    /// Of a message.
    message: Option<Named>,
    /// Of a row.
    sent: Option<Timestamp>,
}

/// A message as a conversation or as a list names it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Named {
    Whole { key: MessageKey },
    Line { start: Timestamp, identity: ShortDigest },
}

impl Buried {
    /// Adds a letter as it is stored; one that cannot be read tells nothing.
    fn add(&mut self, stored: &[u8]) {
        let Ok(letter) = serde_json::from_slice::<Letter>(stored) else { return };
        let message = letter.message.map(|message| match message {
            Named::Whole { key } => (key.identity, key.start),
            Named::Line { start, identity } => (identity, start),
        });
        match (message, letter.sent) {
            (Some(message), _) => *self.messages.entry(message).or_default() += 1,
            (None, Some(sent)) => *self.rows.entry(sent).or_default() += 1,
            (None, None) => {}
        }
    }

    fn take(&mut self, message: &MessageKey) -> bool {
        let take = |count: Option<&mut u64>| count.filter(|count| **count > 0).map(|count| *count -= 1).is_some();
        take(self.messages.get_mut(&(message.identity, message.start))) || take(self.rows.get_mut(&message.start))
    }
}

/// What is left of both sides, conversation by conversation.
#[derive(Debug, Default)]
struct LeftOver {
    unlisted: Vec<Unlisted>,
    unfound: Vec<Unfound>,
    recipients: Vec<Difference>,
}

impl LeftOver {
    /// What the lists name of conversations of which the source has nothing.
    fn passed(&mut self, lines: Vec<ListLine>) {
        for ListLine { key, id, messages, .. } in lines {
            let unfound = |line| Unfound { key, conversation: None, line, item: id.clone(), superseded: false };
            self.unfound.extend(messages.into_iter().map(unfound));
        }
    }
}

impl Archiver {
    /// Compares a window, whose rows are in hand, with its lists and those of its neighbours; gives what it lacks near its end too. What was archived of the time before
    /// `first` has been purged, and `lacking` is what the window before lacks near its own end.
    pub(super) async fn compare_window(
        &self,
        rows: &mut Rows,
        window: Window,
        next: Option<Window>,
        [before, standing, behind]: [Option<&Standing>; 3],
        (first, mut lacking): (Option<Timestamp>, Vec<MessageLine>),
        stop: &Stop<'_>,
    ) -> Result<Option<(Comparison, Vec<MessageLine>)>> {
        let mut earlier = match before {
            Some(before) => self.near_end(before, &window, stop).await?,
            None => Vec::new(),
        };
        earlier.append(&mut lacking);
        let earlier = Neighbour::of_messages(&earlier, &window, self.facts.margin());
        let mut parts = unless_stopped(stop, rows.window(window, next, earlier)).await??;
        let Some(standing) = standing else {
            // Who is inside at its end is handed on to the next one.
            while unless_stopped(stop, parts.next()).await??.is_some() {}
            return Ok(None);
        };
        let mut buried = self.buried(standing, stop).await?;
        let mut listed = self.listed(standing, behind, stop).await?;
        let filters = self.filters(standing, stop).await?;
        let mut comparison = Comparison {
            window,
            messages: 0,
            archived: 0,
            filtered: 0,
            dead_letters: 0,
            gone: 0,
            differences: Vec::new(),
            elsewhere: HashSet::new(),
            filters,
            recorded: recorded(standing),
        };
        let (mut left, mut rows_now) = (LeftOver::default(), 0);
        let (behind_it, margin) = (self.facts.grid.next(&window), self.facts.margin());
        while let Some(assembly) = unless_stopped(stop, parts.next()).await?? {
            rows_now += message_rows(&assembly.tables);
            let mut conversations: Vec<_> =
                assembly.conversations.into_iter().map(|conversation| (conversation.key.digest(), conversation)).collect();
            conversations.sort_unstable_by_key(|(key, _)| *key);
            for (key, mut conversation) in conversations {
                let mut passed = Vec::new();
                let mut here = self.listed_of(&mut listed, &key, Some(&mut passed), stop).await?;
                left.passed(passed);
                comparison.messages += conversation.messages.len() as u64;
                comparison.take(&key, &mut conversation, &mut here, margin, &mut left);
                take_known(&mut conversation.messages, &mut listed.behind, margin, |_, _| comparison.archived += 1);
                conversation.messages.retain(|message| {
                    let is_listed = parts.earlier().take_message(message, margin);
                    comparison.archived += u64::from(is_listed);
                    let is_buried = !is_listed && buried.take(&message.key);
                    comparison.dead_letters += u64::from(is_buried);
                    !is_listed && !is_buried
                });
                if self.filter.reason(&conversation).is_some()
                    || comparison.filters.iter().any(|filter| filter.reason(&conversation).is_some())
                {
                    comparison.filtered += conversation.messages.len() as u64;
                    continue;
                }
                let lines = conversation.messages.iter().map(MessageLine::of);
                lacking.extend(lines.filter(|line| Neighbour::concerns(line, &behind_it, self.facts.margin())));
                let named = Arc::new(conversation.key);
                left.unlisted.extend(conversation.messages.iter().map(|message| Unlisted {
                    key,
                    conversation: named.clone(),
                    message: message.key,
                    content: message.content_digest(),
                    copies: message.copies.into(),
                }));
            }
        }
        left.passed(self.rest_of(listed, stop).await?);
        let LeftOver { unlisted, mut unfound, recipients } = left;
        let listed = unfound.len();
        unfound.retain(|message| first.is_none_or(|first| message.line.last >= first));
        comparison.gone = (listed - unfound.len()) as u64;
        let rows_sealed = standing.seals.iter().map(|seal| message_rows(&seal.tables)).max().unwrap_or_default();
        comparison.differences = pair(unlisted, unfound, |new_rows| rows_now < rows_sealed + new_rows);
        let renamed = comparison.differences.iter().filter(|difference| difference.kind == DiscrepancyKind::Renamed);
        comparison.elsewhere.extend(renamed.filter_map(|difference| difference.message));
        comparison.differences.extend(recipients);
        comparison.differences.sort_by_key(|difference| (difference.start, difference.kind));
        Ok(Some((comparison, lacking)))
    }

    /// What of a window could not be archived.
    async fn buried(&self, standing: &Standing, stop: &Stop<'_>) -> Result<Buried> {
        let mut buried = Buried::default();
        let digests: BTreeSet<&Digest> = standing.seals.iter().flat_map(|seal| &seal.dead_letters).collect();
        for digest in digests {
            buried.add(&self.kept(KeptKind::DeadLetter, digest, stop).await?);
        }
        Ok(buried)
    }

    /// The filters under which a window was archived.
    async fn filters(&self, standing: &Standing, stop: &Stop<'_>) -> Result<Vec<Filter>> {
        let mut filters = Vec::new();
        let digests: BTreeSet<Digest> = standing.seals.iter().filter_map(|seal| seal.filter).collect();
        for digest in digests {
            let kept = self.kept(KeptKind::Context, &digest, stop).await?;
            filters.push(serde_json::from_slice(&kept).map_err(|error| {
                Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "read filter", "it cannot be read")
                    .about(KeptKind::Context.path(&digest))
                    .because(error)
            })?);
        }
        Ok(filters)
    }

    async fn kept(&self, kind: KeptKind, digest: &Digest, stop: &Stop<'_>) -> Result<Vec<u8>> {
        let load = || async {
            let mut pieces = self.ledger.load(kind, digest).await?;
            let mut content = Vec::new();
            while let Some(piece) = pieces.try_next().await? {
                content.extend_from_slice(&piece);
            }
            Ok(content)
        };
        self.patience(stop).attempt(load).await
    }
}

impl Comparison {
    /// Takes the messages of a conversation that the window's lists name.
    fn take(
        &mut self,
        key: &ShortDigest,
        conversation: &mut Conversation,
        here: &mut ListedMessages,
        margin: Duration,
        left: &mut LeftOver,
    ) {
        let mut named: Option<Arc<crate::ConversationKey>> = None;
        let mut name = |key: &crate::ConversationKey| named.get_or_insert_with(|| Arc::new(key.clone())).clone();
        let mut starts = HashSet::new();
        let conversation_key = &conversation.key;
        take_known(&mut conversation.messages, here, margin, |message, ListedMessage { line, item }| {
            self.archived += 1;
            starts.insert(line.start);
            // Where the first copy is gone or new, other copies are in sight than were then.
            if line.content != message.content_digest() {
                left.recipients.push(Difference {
                    kind: DiscrepancyKind::Recipients,
                    conversation: Some(name(conversation_key)),
                    start: message.key.start,
                    message: Some(message.key),
                    archived: Some((*key, line, item)),
                });
            }
        });
        for ListedMessage { line, item } in std::mem::take(here).into_values().flatten() {
            let conversation = Some(name(conversation_key));
            left.unfound.push(Unfound { key: *key, conversation, line, item, superseded: starts.contains(&line.start) });
        }
    }
}

/// How many rows there are that may be messages.
fn message_rows(tables: &BTreeMap<Table, crate::TableAccount>) -> u64 {
    tables.iter().filter(|(table, _)| **table != Table::TcTimelog).map(|(_, account)| account.rows).sum()
}

/// What the last repair of a window says is left.
fn recorded(standing: &Standing) -> Option<ShortDigest> {
    let mut findings = standing.seals.iter().rev().flat_map(|seal| &seal.findings);
    findings.find_map(|finding| if let Finding::Repaired { left, .. } = finding { Some(*left) } else { None })?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeadLetter, Message, Party, Record, testing::rows::Row};

    #[test]
    fn a_dead_letter_tells_where_it_belongs_also_where_the_rest_is_not_for_all() {
        let start: Timestamp = "2026-11-20T09:00:00Z".parse().unwrap();
        let identity = FieldHasher::new().field("x").finish().short();
        let key = MessageKey::new(start, identity, 0);
        let Record::Message(row) = Row::jm("a@example.com", "b@example.com").record() else { unreachable!() };
        let party = Party::User(row.from.bare().clone());
        let message = Message::new(key, party.clone(), "text".to_owned());
        let conversation = crate::ConversationKey::pair(party.clone(), party);
        let letter = DeadLetter::Message { window: Window::UNDATED, conversation, reason: "it is long".into(), message: Box::new(message) };
        let encrypted =
            format!(r#"{{"kind":"encrypted","sent":"{start}","message":{{"start":"{start}","identity":"{identity}"}},"encrypted":"x"}}"#);
        for stored in [&letter.to_bytes()[..], encrypted.as_bytes()] {
            let mut buried = Buried::default();
            buried.add(stored);
            assert!(buried.take(&key) && !buried.take(&key), "each counts once");
        }
        let mut buried = Buried::default();
        buried.add(format!(r#"{{"kind":"encrypted","sent":"{start}","table":"jm","encrypted":"x"}}"#).as_bytes());
        buried.add(b"no JSON");
        assert!(buried.take(&key) && !buried.take(&key));
    }
}
