//! Which mails go into which mailboxes.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt, lock::Mutex, stream};
use jabber_archive_core::{Digest, List, ListLine, People, Receipt, ReceiptResult, RefusalReason, Result, ShortDigest, Timestamp, Window};

use super::recipients::{Addressed, Recipients};
use crate::{
    Archive, Problem,
    mail::{Person, Reading},
    verify::listed::Listed,
};

/// How many mails are read at the same time.
const CONCURRENCY: usize = 8;

/// An item that is put into mailboxes.
#[derive(Debug)]
pub(super) struct Mailing {
    pub(super) window: Window,
    pub(super) listed: Listed,
    /// The first message of the conversation.
    pub(super) date: Option<Timestamp>,
}

impl Mailing {
    pub(super) fn receipt(&self, mailbox: Option<String>, result: ReceiptResult, time: Timestamp) -> Receipt {
        let Listed { key, bytes, sha256, .. } = &self.listed;
        Receipt::new(self.window.span(), key.id.clone(), (*bytes, *sha256), mailbox, result, time)
    }
}

/// What is to be done with an item.
#[derive(Debug)]
pub(super) enum Planned {
    Deliver(Arc<Mailing>, BTreeSet<String>),
    Refuse(Arc<Mailing>, RefusalReason, Option<Problem>),
}

/// All participants of a conversation.
type Everybody = Arc<Vec<Person>>;

/// Says into which mailboxes the items of one list go.
pub(super) struct Plan<'a> {
    archive: &'a Archive,
    recipients: &'a Recipients,
    /// Only those to whom this gives an address and the mail none.
    mapped_since: Option<&'a People>,
    window: Window,
    list: Digest,
    lines: &'a List,
    /// By conversation and edition, where the participants go on from part to part; none where a part does not verify.
    people: Mutex<HashMap<(ShortDigest, u32), Option<Everybody>>>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        archive: &'a Archive,
        recipients: &'a Recipients,
        mapped_since: Option<&'a People>,
        window: Window,
        (list, lines): (Digest, &'a List),
    ) -> Self {
        Self { archive, recipients, mapped_since, window, list, lines, people: Mutex::default() }
    }

    /// The items that are wanted, in the order of the list.
    pub(super) async fn items(&self, wanted: impl Fn(&ListLine) -> bool) -> Result<Vec<Planned>> {
        let lines = self.lines.lines().iter().filter(|line| wanted(line));
        stream::iter(lines).map(|line| self.item(line)).buffered(CONCURRENCY).try_collect().await
    }

    async fn item(&self, line: &ListLine) -> Result<Planned> {
        let listed = Listed::new(self.window, line, self.list);
        let reading = match listed.read(self.archive).await? {
            Ok(content) => Reading::aside(content).await?,
            Err(problem) => return Ok(Planned::Refuse(self.mailing(listed, None), RefusalReason::Unverified, Some(problem))),
        };
        let mailing = self.mailing(listed, reading.mail.date);
        let addressed = match self.recipients.of_all().filter(|_| self.mapped_since.is_none()) {
            Some(addressed) => addressed,
            None if reading.text.is_none() => return Ok(Planned::Refuse(mailing, RefusalReason::Unreadable, None)),
            None => {
                let people =
                    if reading.mail.everybody { Some(Arc::new(reading.mail.people.clone())) } else { self.everybody(line).await? };
                let Some(people) = people else { return Ok(Planned::Refuse(mailing, RefusalReason::Unverified, None)) };
                match self.mapped_since {
                    Some(directory) => self.recipients.of_mapped_since(&reading.mail, &people, self.window, directory),
                    None => self.recipients.of(&reading.mail, &people),
                }
            }
        };
        Ok(match addressed {
            Addressed::To(mailboxes) => Planned::Deliver(mailing, mailboxes),
            Addressed::TooMany(_) => Planned::Refuse(mailing, RefusalReason::TooManyMailboxes, None),
        })
    }

    /// An item whose mail is not read: when it is dated, its first message says.
    pub(super) fn unread(&self, line: &ListLine) -> Arc<Mailing> {
        let date = line.messages.iter().map(|message| message.start).min();
        self.mailing(Listed::new(self.window, line, self.list), date)
    }

    fn mailing(&self, listed: Listed, date: Option<Timestamp>) -> Arc<Mailing> {
        Arc::new(Mailing { window: self.window, listed, date })
    }

    /// The participants that all parts of a conversation list.
    async fn everybody(&self, of: &ListLine) -> Result<Option<Everybody>> {
        let conversation = (of.key, of.edition);
        // Held while the parts are read, so that they are read once for all of them.
        let mut known = self.people.lock().await;
        if let Some(people) = known.get(&conversation) {
            return Ok(people.clone());
        }
        let mut people = Some(Vec::new());
        for line in self.lines.lines().iter().filter(|line| (line.key, line.edition) == conversation) {
            match Listed::new(self.window, line, self.list).read(self.archive).await? {
                Ok(content) => {
                    let more = Reading::aside(content).await?.mail.people;
                    people = people.map(|people| [people, more].concat());
                }
                Err(_) => people = None,
            }
        }
        let people = people.map(Arc::new);
        known.insert(conversation, people.clone());
        Ok(people)
    }
}
