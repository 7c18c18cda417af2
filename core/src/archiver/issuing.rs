//! Stores the mails of one conversation.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::{StreamExt, lock::Mutex, stream};

use super::{
    Archiver, RunSettings,
    files::{FileCounts, FileReader, Joined},
    retry::Stop,
};
use crate::{
    Conversation, ConverterExt, DeadLetter, Error, ErrorClass, ErrorKind, Gate, Issue, ItemId, ListLine, MailItem, Message, MessageLine,
    ObjectKey, Passage, Result, ShortDigest, Stored,
};

/// More editions than this are not left over from interrupted attempts: something else writes here.
const EDITIONS: u32 = 1_000;

/// What became of one conversation.
#[derive(Debug, Default)]
pub(super) struct Issued {
    pub(super) lines: Vec<ListLine>,
    pub(super) abandoned: BTreeSet<ItemId>,
    pub(super) dead: Vec<DeadLetter>,
    pub(super) files: FileCounts,
}

/// What came of storing the mails of one conversation, in their order.
#[derive(Debug)]
enum Placed {
    All,
    /// Something different stands in the place of this one.
    Taken(usize),
    /// The sink takes this one from nobody.
    Refused(usize, Error),
}

/// With what the mails of a window are made.
pub(super) struct Making<'a> {
    /// The first edition that they may be of.
    issue: Issue,
    files: Option<FileReader<'a>>,
    in_flight: InFlight,
}

/// Bounds the mails of a window that are made and not yet stored.
#[derive(Debug)]
struct InFlight {
    gate: Gate,
    /// How large mails are is known when they are made: one conversation at a time makes them and waits for room, so that those that wait do not add up.
    turn: Mutex<()>,
}

impl InFlight {
    fn new(settings: &RunSettings) -> Self {
        Self { gate: Gate::new(settings.in_flight as u64), turn: Mutex::new(()) }
    }

    /// Makes mails and waits until there is room for them. The room is theirs until the passage is dropped: nobody may hold one and ask for another.
    async fn admit(&self, make: impl FnOnce() -> Result<Vec<MailItem>>) -> Result<(Vec<MailItem>, Passage)> {
        let turn = self.turn.lock().await;
        let mails = make()?;
        let passage = self.gate.enter(mails.iter().map(MailItem::weight).sum()).await;
        drop(turn);
        Ok((mails, passage))
    }
}

impl Archiver {
    /// With what mails are made from this edition on.
    pub(super) fn making(&self, issue: Issue) -> Making<'_> {
        Making { issue, files: self.file_reader(), in_flight: InFlight::new(&self.settings) }
    }

    /// Stores a conversation under the first edition that is free or equal; `key` is its key's digest.
    pub(super) async fn issue(
        &self,
        key: ShortDigest,
        mut conversation: Conversation,
        joined: Joined,
        making: &Making<'_>,
        stop: &Stop<'_>,
    ) -> Result<Issued> {
        let mut issue = making.issue;
        let mut issued = Issued::default();
        // Held until the mails are stored, because they hold what the files hold.
        let read = match self.read_files(&mut conversation, &joined, making.files.as_ref(), stop).await {
            Ok(read) => read,
            Err(error) if error.class() == ErrorClass::Item => {
                bury(&mut conversation, &error, &[], &mut issued.dead);
                None
            }
            Err(error) => return Err(error),
        };
        while !conversation.messages.is_empty() {
            let (mails, _passage) = match making.in_flight.admit(|| self.converter.mails(&conversation, issue)).await {
                Ok(admitted) => admitted,
                Err(error) if error.class() == ErrorClass::Item => {
                    bury(&mut conversation, &error, &[], &mut issued.dead);
                    continue;
                }
                Err(error) => return Err(error),
            };
            match self.store(&mails, stop).await? {
                Placed::Taken(index) => {
                    issued.abandoned.extend(mails[..=index].iter().map(|mail| mail.key.id.clone()));
                    issue = issue.next_edition();
                    if issue.edition - making.issue.edition > EDITIONS {
                        return Err(Error::new(
                            ErrorKind::Sink,
                            ErrorClass::Fatal,
                            "put",
                            "every edition's place is taken by something else",
                        )
                        .about(conversation.window)
                        .advise("another program writes into this archive: give each its own"));
                    }
                }
                Placed::All => {
                    // The order of lists must not depend on what a converter takes for the key.
                    issued.lines.extend(mails.iter().map(|mail| ListLine { key, ..mail.line() }));
                    break;
                }
                Placed::Refused(index, error) => {
                    issued.abandoned.extend(mails[..index].iter().map(|mail| mail.key.id.clone()));
                    bury(&mut conversation, &error, listed_by(&mails[..=index]), &mut issued.dead);
                }
            }
        }
        // Where a mail holds one message, those put before one was refused are the same the second time.
        for line in &issued.lines {
            issued.abandoned.remove(&line.id);
        }
        for message in &conversation.messages {
            issued.files.add(read.as_ref().and_then(|read| read.counts.get(&message.key).copied()).unwrap_or_default());
        }
        Ok(issued)
    }

    /// Stores all mails of one conversation, each after the objects that it names, up to the first that cannot be.
    async fn store(&self, mails: &[MailItem], stop: &Stop<'_>) -> Result<Placed> {
        for (index, mail) in mails.iter().enumerate() {
            match self.store_one(mail, stop).await {
                Ok(Stored::Created | Stored::AlreadyPresent) => {}
                Ok(Stored::Different) => return Ok(Placed::Taken(index)),
                Err(error) if error.class() == ErrorClass::Item => return Ok(Placed::Refused(index, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(Placed::All)
    }

    async fn store_one(&self, mail: &MailItem, stop: &Stop<'_>) -> Result<Stored> {
        for object in &mail.objects {
            if let Some(content) = &object.content {
                self.store_object(&object.key, content, stop).await?;
            }
        }
        self.patience(stop).attempt(|| self.sink.put(mail)).await
    }

    /// Stores a file by its digest; who stored the same before does not matter.
    async fn store_object(&self, key: &ObjectKey, content: &Bytes, stop: &Stop<'_>) -> Result<()> {
        let stored = self.patience(stop).attempt(|| self.sink.put_object(key, stream::iter([Ok(content.clone())]).boxed())).await?;
        confirm(stored, key)
    }
}

/// Whether an object is in the store.
pub(super) fn confirm(stored: Stored, key: &ObjectKey) -> Result<()> {
    match stored {
        Stored::Created | Stored::AlreadyPresent => Ok(()),
        Stored::Different => Err(Error::new(ErrorKind::Sink, ErrorClass::Fatal, "put object", "something else has its place")
            .about(key)
            .advise("run `jabber-archive verify`: the object is damaged, or another program writes into this archive")),
    }
}

/// What the last of these mails is about: its messages, or those of the mail before that it goes on with, as a further report of it or a further
/// piece of its message.
fn listed_by(mails: &[MailItem]) -> &[MessageLine] {
    mails.iter().rfind(|mail| !mail.messages.is_empty()).map_or(&[], |mail| mail.messages.as_slice())
}

/// Makes dead letters of the message that an error names, else of those in the mail that it is about, else of all.
fn bury(conversation: &mut Conversation, error: &Error, in_mail: &[MessageLine], dead: &mut Vec<DeadLetter>) {
    let is_named = |message: &Message| error.message() == Some(&message.key);
    let is_in_mail = |message: &Message| in_mail.contains(&MessageLine::of(message));
    let messages = std::mem::take(&mut conversation.messages);
    let (buried, left): (Vec<Message>, Vec<Message>) = if messages.iter().any(is_named) {
        messages.into_iter().partition(is_named)
    } else if messages.iter().any(is_in_mail) {
        messages.into_iter().partition(is_in_mail)
    } else {
        (messages, Vec::new())
    };
    conversation.messages = left;
    let reason = error.to_string();
    dead.extend(buried.into_iter().map(|message| DeadLetter::of_message(conversation, message, reason.clone())));
}
