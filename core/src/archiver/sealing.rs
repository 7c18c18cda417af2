//! Writes one window: mails, then lists, then the seal.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
};

use bytes::Bytes;
use futures::{StreamExt, TryFutureExt, TryStreamExt, lock::Mutex, stream};

use super::{
    Archiver, RunSettings,
    files::{FileCounts, WindowFiles},
    listing::{Listed, Listing},
    retry::{Stop, unless_stopped},
};
use crate::{
    Accounts, Assembly, Context, Conversation, ConverterExt, DeadLetter, Digest, Error, ErrorClass, ErrorKind, FilterReason, Finding, Gate,
    Issue, ItemId, KeptKind, ListLine, MailItem, Message, MessageLine, ObjectKey, Passage, Result, Seal, Stored, Table, Unmapped, Window,
};

/// More editions than this are not left over from interrupted attempts: something else writes here.
const EDITIONS: u32 = 1_000;

/// A window whose mails are being stored.
#[derive(Debug)]
pub(super) struct Writing {
    window: Window,
    seal: Seal,
    context: Context,
    listing: Listing,
    in_flight: InFlight,
    unmapped: Unmapped,
    unresolved_nicks: u64,
    late_copies: u64,
    files: FileCounts,
    /// Whether mails were put since the last commit.
    uncommitted: bool,
}

impl Writing {
    /// Nothing has been stored yet.
    pub(super) fn new(archiver: &Archiver, window: Window, findings: Vec<Finding>) -> Self {
        let next = (!window.is_undated()).then(|| archiver.facts.grid.next(&window));
        Self {
            window,
            seal: Seal { findings, ..archiver.empty_seal(window.span()) },
            context: Context::default(),
            listing: Listing::new(next, archiver.facts.margin(), archiver.settings.memory / 32, archiver.spool.clone()),
            in_flight: InFlight::new(&archiver.settings),
            unmapped: Unmapped::default(),
            unresolved_nicks: 0,
            late_copies: 0,
            files: FileCounts::default(),
            uncommitted: false,
        }
    }
}

/// A window whose mails are durable.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) seal: Seal,
    /// The mails that are listed.
    pub(super) ids: Vec<ItemId>,
    /// The messages near the window's end.
    pub(super) near: Vec<MessageLine>,
    pub(super) unmapped: Unmapped,
}

/// What became of one conversation.
#[derive(Debug, Default)]
struct Issued {
    lines: Vec<ListLine>,
    abandoned: BTreeSet<ItemId>,
    dead: Vec<DeadLetter>,
    files: FileCounts,
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
    /// Stores some conversations of a window, in the order of their keys' digests, and what could not be archived of them.
    pub(super) async fn write(&self, writing: &mut Writing, assembly: Assembly, stop: &Stop<'_>) -> Result<()> {
        if writing.uncommitted {
            self.commit(writing, stop).await?;
        }
        let seal = &mut writing.seal;
        for (table, account) in &assembly.tables {
            seal.tables.entry(*table).or_default().add(account);
        }
        seal.messages.starts += assembly.conversations.iter().map(|conversation| conversation.messages.len() as u64).sum::<u64>();
        seal.late_copies.extend(assembly.late_copies.keys());
        writing.late_copies += assembly.late_copies.values().sum::<u64>();
        writing.context.extend(assembly.context);
        let (conversations, unresolved_nicks) = self.sift(assembly.conversations, seal);
        writing.unresolved_nicks += unresolved_nicks;
        for conversation in &conversations {
            writing.unmapped.count(conversation);
        }

        writing.uncommitted = true;
        let files = self.window_files(&conversations, stop).await?;
        let conversations = conversations.into_iter().map(|conversation| {
            let key = conversation.key.digest();
            // The order of lists must not depend on what a converter takes for the key.
            self.issue(conversation, files.as_ref(), &writing.in_flight, stop).map_ok(move |mut issued| {
                issued.lines.iter_mut().for_each(|line| line.key = key);
                issued
            })
        });
        let mut issued = pin!(stream::iter(conversations).buffer_unordered(self.settings.concurrency.max(1)));
        let mut dead = DeadLetter::of_rows(&assembly.undecodable, writing.window);
        let mut lines = Vec::new();
        while let Some(conversation) = unless_stopped(stop, issued.try_next()).await?? {
            seal.messages.dead_letters += conversation.dead.len() as u64;
            lines.extend(conversation.lines);
            seal.abandoned.extend(conversation.abandoned);
            dead.extend(conversation.dead);
            writing.files.add(conversation.files);
        }
        unless_stopped(stop, writing.listing.add(lines)).await??;
        for letter in dead {
            seal.dead_letters.insert(self.keep_letter(letter, stop).await?);
        }
        Ok(())
    }

    /// Makes durable what was put.
    async fn commit(&self, writing: &mut Writing, stop: &Stop<'_>) -> Result<()> {
        self.patience(stop).attempt(|| self.sink.commit(&writing.window)).await?;
        writing.uncommitted = false;
        Ok(())
    }

    /// Makes everything of a window durable and says what its seal is to hold.
    pub(super) async fn finish(&self, mut writing: Writing, tallies: &BTreeMap<Table, (u64, u64)>, stop: &Stop<'_>) -> Result<Written> {
        let left_over = self.left_over(&writing.window, writing.listing.sorted_ids(), stop).await?;
        self.commit(&mut writing, stop).await?;
        let Writing { window, mut seal, context, listing, unmapped, unresolved_nicks, late_copies, files, .. } = writing;
        seal.abandoned.extend(left_over);
        for (table, (rows, length)) in tallies {
            let account = seal.tables.entry(*table).or_default();
            (account.tally_rows, account.tally_length) = (*rows, *length);
        }
        if seal.messages.starts > 0 {
            seal.context = Some(self.keep(KeptKind::Context, context.to_bytes(), stop).await?);
            if !self.filter.is_empty() {
                seal.filter = Some(self.keep(KeptKind::Context, self.filter.to_bytes(), stop).await?);
            }
        }
        note(&mut seal, late_copies, |rows| Finding::LateCopy { rows });
        note(&mut seal, unresolved_nicks, |messages| Finding::UnresolvedNick { messages });
        note(&mut seal, unmapped.len() as u64, |people| Finding::UnmappedPeople { people });
        let encrypted = seal.tables.iter().filter(|(_, account)| account.encrypted > 0);
        let encrypted: Vec<Finding> =
            encrypted.map(|(table, account)| Finding::Encrypted { table: *table, rows: account.encrypted }).collect();
        seal.findings.extend(encrypted);
        if window.is_undated() {
            note(&mut seal, tallies.values().map(|(rows, _)| rows).sum(), |rows| Finding::ImplausibleDate { rows });
        }
        seal.files = files.archived;
        files.note(&mut seal.findings);
        seal.filtered_over_end.sort_unstable();
        (seal.items, seal.messages.listed, seal.bytes) = (listing.items(), listing.messages(), listing.bytes());
        let Listed { list, ids, near } = self.keep_list(listing, stop).await?;
        seal.list = list;
        close(&seal, &window)?;
        Ok(Written { seal, ids, near, unmapped })
    }

    /// The conversations that the filter wants, and the messages of an unknown sender that are worth to be known of; the others are counted in the seal.
    fn sift(&self, conversations: Vec<Conversation>, seal: &mut Seal) -> (Vec<Conversation>, u64) {
        let mut wanted = Vec::with_capacity(conversations.len());
        let mut unresolved_nicks = 0;
        for conversation in conversations {
            let reason = self.filter.reason(&conversation);
            // Behind an unknown nick may be somebody who decides whether the conversation is archived; but not where kind or room decide.
            if !matches!(reason, Some(FilterReason::Kind | FilterReason::Room)) {
                unresolved_nicks += conversation.unresolved_nicks();
            }
            let Some(reason) = reason else {
                wanted.push(conversation);
                continue;
            };
            *seal.messages.filtered.entry(reason).or_default() += conversation.messages.len() as u64;
            let over_end = conversation.messages.iter().filter(|message| message.last() >= seal.span.end);
            seal.filtered_over_end.extend(over_end.map(MessageLine::of));
        }
        (wanted, unresolved_nicks)
    }

    pub(super) async fn keep(&self, kind: KeptKind, content: Bytes, stop: &Stop<'_>) -> Result<Digest> {
        self.patience(stop).attempt(|| self.ledger.keep(kind, stream::iter([Ok(content.clone())]).boxed())).await
    }

    /// Stores a conversation under the first edition that is free or equal.
    async fn issue(
        &self,
        mut conversation: Conversation,
        files: Option<&WindowFiles<'_>>,
        in_flight: &InFlight,
        stop: &Stop<'_>,
    ) -> Result<Issued> {
        let mut issued = Issued::default();
        // Held until the mails are stored, because they hold what the files hold.
        let read = match self.read_files(&mut conversation, files, stop).await {
            Ok(read) => read,
            Err(error) if error.class() == ErrorClass::Item => {
                bury(&mut conversation, &error, &[], &mut issued.dead);
                None
            }
            Err(error) => return Err(error),
        };
        let mut issue = Issue::FIRST;
        while !conversation.messages.is_empty() {
            let (mails, _passage) = match in_flight.admit(|| self.converter.mails(&conversation, issue)).await {
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
                    if issue.edition > EDITIONS {
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
                    issued.lines.extend(mails.iter().map(MailItem::line));
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

    /// Items of the window that are not listed; `listed` is sorted.
    pub(super) async fn left_over(&self, window: &Window, listed: &[ItemId], stop: &Stop<'_>) -> Result<BTreeSet<ItemId>> {
        if !self.sink.capability().listable {
            return Ok(BTreeSet::new());
        }
        self.patience(stop)
            .attempt(|| async {
                let mut left = BTreeSet::new();
                let mut keys = self.sink.list(window);
                while let Some(key) = keys.try_next().await? {
                    if listed.binary_search(&key.id).is_err() {
                        left.insert(key.id);
                    }
                }
                Ok(left)
            })
            .await
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

fn note(seal: &mut Seal, count: u64, finding: impl FnOnce(u64) -> Finding) {
    if count > 0 {
        seal.findings.push(finding(count));
    }
}

/// Checks the sums; where they do not close, nothing may be sealed.
fn close(seal: &Seal, window: &Window) -> Result<()> {
    let open = |what: String| {
        Err(Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "seal", what)
            .about(window)
            .advise("this is a fault of the program: nothing was sealed; please report it with these numbers"))
    };
    for (table, account) in &seal.tables {
        if !account.closes() {
            return open(format!("the rows of {table} do not add up: {account:?}"));
        }
    }
    let Accounts { starts, .. } = seal.messages;
    let rows: u64 = seal.tables.values().map(|account| account.starts).sum();
    if !seal.messages.closes() || rows != starts {
        return open(format!("the messages do not add up: {rows} rows start a message, {:?}", seal.messages));
    }
    Ok(())
}
