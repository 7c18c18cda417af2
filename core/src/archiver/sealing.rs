//! Writes one window: mails, then lists, then the seal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use futures::{
    FutureExt, StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, FuturesUnordered},
};

use super::{
    Archiver,
    files::{FileCounts, WindowUploads},
    issuing::Issued,
    lateness::Spread,
    listed::Listed,
    listing::{KeptList, Listing},
    retry::{Stop, give_way, unless_stopped},
    rows::Parts,
};
use crate::{
    Accounts, Assembly, Context, Conversation, DeadLetter, Digest, Error, ErrorClass, ErrorKind, Filter, FilterReason, Finding, Issue,
    ItemId, KeptKind, MessageLine, Neighbour, Result, Seal, ShortDigest, Table, Timestamp, Traces, Unmapped, Window,
};

/// After so many mails those that are stored are made durable, while others are on their way: what is not yet durable does not grow with the window.
const UNCOMMITTED: usize = 1_024;

/// How many conversations may be stored behind one that takes long: what is known of them waits for it, in the order of the list.
const AHEAD: usize = 1_024;

/// A window whose mails are being stored.
pub(super) struct Writing {
    window: Window,
    seal: Seal,
    context: Context,
    listing: Listing,
    unmapped: Unmapped,
    unresolved_nicks: u64,
    late_copies: u64,
    files: FileCounts,
    traces: Traces,
    spread: Spread,
    /// When the first message that is listed began.
    first: Option<Timestamp>,
    /// What is archived of it already; none where it is not sealed.
    listed: Option<Listed>,
    /// Mails that were put since the last commit began.
    uncommitted: usize,
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
            unmapped: Unmapped::default(),
            unresolved_nicks: 0,
            late_copies: 0,
            files: FileCounts::default(),
            traces: Traces::default(),
            spread: Spread::default(),
            first: None,
            listed: None,
            uncommitted: 0,
        }
    }

    /// Only what this lacks is stored.
    pub(super) fn beside(self, listed: Listed) -> Self {
        Self { listed: Some(listed), ..self }
    }
}

/// What of a window is on its way, once it has come to an end.
enum Ended {
    /// A conversation; its place among those of the window, in the order of the list.
    Issued(usize, Issued),
    Committed,
}

/// Hands on in order what comes out of order.
#[derive(Debug)]
struct InOrder<T> {
    next: usize,
    early: BTreeMap<usize, T>,
}

impl<T> InOrder<T> {
    fn new() -> Self {
        Self { next: 0, early: BTreeMap::new() }
    }

    /// Takes what stands at this place, and gives what is now complete.
    fn put(&mut self, place: usize, one: T) -> impl Iterator<Item = T> {
        self.early.insert(place, one);
        std::iter::from_fn(|| {
            let next = self.early.remove(&self.next)?;
            self.next += 1;
            Some(next)
        })
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
    /// What its rows tell of rows that are not there.
    pub(super) traces: Traces,
    /// How far the copies of its messages are apart.
    pub(super) spread: Spread,
    /// When the first message that is listed began.
    pub(super) first: Option<Timestamp>,
}

impl Archiver {
    /// Stores the conversations of a window, and what could not be archived of them.
    pub(super) async fn write(&self, writing: &mut Writing, mut parts: Parts<'_>, stop: &Stop<'_>) -> Result<()> {
        let window = writing.window;
        let mut uploads = WindowUploads::new(&window);
        let making = self.making(writing.listed.as_ref().map_or(Issue::FIRST, |listed| listed.issue));
        let mut next: VecDeque<(ShortDigest, Conversation)> = VecDeque::new();
        let mut under_way: FuturesUnordered<BoxFuture<'_, Result<Ended>>> = FuturesUnordered::new();
        let (mut places, mut in_order, mut committing) = (0, InOrder::new(), false);
        loop {
            while under_way.len() < self.settings.concurrency.max(1) && places - in_order.next < AHEAD {
                if writing.uncommitted >= UNCOMMITTED && !committing {
                    (writing.uncommitted, committing) = (0, true);
                    under_way.push(self.commit(window, stop).map(|committed| committed.map(|()| Ended::Committed)).boxed());
                } else if let Some((key, conversation)) = next.pop_front() {
                    let place = places;
                    places += 1;
                    let joined = uploads.of(&conversation);
                    let issued = self.issue(key, conversation, joined, &making, stop);
                    under_way.push(issued.map(move |issued| Ok(Ended::Issued(place, issued?))).boxed());
                } else if let Some(assembly) = unless_stopped(stop, parts.next()).await?? {
                    next = self.account(writing, assembly, parts.earlier(), stop).await?;
                    give_way().await;
                    self.look_up(&mut uploads, next.iter().map(|(_, conversation)| conversation), stop).await?;
                } else {
                    break;
                }
            }
            match unless_stopped(stop, under_way.try_next()).await?? {
                None => return Ok(()),
                Some(Ended::Committed) => committing = false,
                Some(Ended::Issued(place, issued)) => {
                    writing.uncommitted += issued.lines.len();
                    for issued in in_order.put(place, issued) {
                        self.note(writing, issued, stop).await?;
                    }
                    give_way().await;
                }
            }
        }
    }

    /// Accounts for rows of a window, and gives the conversations that are to be archived, in the order of the list.
    async fn account(
        &self,
        writing: &mut Writing,
        assembly: Assembly,
        earlier: &mut Neighbour,
        stop: &Stop<'_>,
    ) -> Result<VecDeque<(ShortDigest, Conversation)>> {
        let seal = &mut writing.seal;
        for (table, account) in &assembly.tables {
            seal.tables.entry(*table).or_default().add(account);
        }
        seal.messages.starts += assembly.conversations.iter().map(|conversation| conversation.messages.len() as u64).sum::<u64>();
        assembly.conversations.iter().flat_map(|conversation| &conversation.messages).for_each(|message| writing.spread.count(message));
        seal.late_copies.extend(assembly.late_copies.keys());
        writing.late_copies += assembly.late_copies.values().sum::<u64>();
        writing.context.extend(assembly.context);
        writing.traces.extend(assembly.traces);
        let mut conversations: Vec<_> =
            assembly.conversations.into_iter().map(|conversation| (conversation.key.digest(), conversation)).collect();
        conversations.sort_unstable_by_key(|(key, _)| *key);
        if let Some(listed) = &mut writing.listed {
            for (key, conversation) in &mut conversations {
                writing.seal.messages.elsewhere += self.take_listed(listed, key, conversation, earlier, stop).await?;
            }
        } else {
            // Rows before the border may have gone since they were listed: then those behind it begin no message.
            for (_, conversation) in &mut conversations {
                let starts = conversation.messages.len();
                conversation.messages.retain(|message| !earlier.take_message(message, self.facts.margin()));
                writing.seal.messages.elsewhere += (starts - conversation.messages.len()) as u64;
            }
        }
        conversations.retain(|(_, conversation)| !conversation.messages.is_empty());
        let earlier = writing.listed.as_ref().map_or(&[][..], |listed| &listed.filters);
        let (conversations, unresolved_nicks) = self.sift(conversations, earlier, &mut writing.seal);
        writing.unresolved_nicks += unresolved_nicks;
        for (_, conversation) in &conversations {
            writing.unmapped.count(conversation);
        }
        self.bury(writing, DeadLetter::of_rows(&assembly.undecodable, writing.window), stop).await?;
        Ok(conversations)
    }

    /// Notes what became of a conversation; they come in the order of the list.
    async fn note(&self, writing: &mut Writing, issued: Issued, stop: &Stop<'_>) -> Result<()> {
        let Issued { lines, abandoned, dead, files } = issued;
        writing.seal.messages.dead_letters += dead.len() as u64;
        writing.seal.abandoned.extend(abandoned);
        writing.files.add(files);
        let started = lines.iter().flat_map(|line| &line.messages).map(|message| message.start);
        writing.first = writing.first.into_iter().chain(started).min();
        unless_stopped(stop, writing.listing.add(lines)).await??;
        self.bury(writing, dead, stop).await
    }

    /// Keeps what cannot be archived.
    async fn bury(&self, writing: &mut Writing, dead: Vec<DeadLetter>, stop: &Stop<'_>) -> Result<()> {
        for letter in dead {
            writing.seal.dead_letters.insert(self.keep_letter(letter, stop).await?);
        }
        Ok(())
    }

    /// Makes durable what was put.
    async fn commit(&self, window: Window, stop: &Stop<'_>) -> Result<()> {
        self.patience(stop).attempt(|| self.sink.commit(&window)).await
    }

    /// Makes everything of a window durable and says what its seal is to hold.
    pub(super) async fn finish(&self, mut writing: Writing, tallies: &BTreeMap<Table, (u64, u64)>, stop: &Stop<'_>) -> Result<Written> {
        let mut left_over = self.left_over(&writing.window, writing.listing.sorted_ids(), stop).await?;
        if let Some(listed) = &writing.listed {
            left_over.retain(|id| !listed.accounted.contains(id));
        }
        self.commit(writing.window, stop).await?;
        let Writing {
            window,
            mut seal,
            context,
            listing,
            unmapped,
            unresolved_nicks,
            late_copies,
            files,
            traces,
            spread,
            first,
            listed,
            ..
        } = writing;
        seal.abandoned.extend(left_over);
        for (table, (rows, length)) in tallies {
            let account = seal.tables.entry(*table).or_default();
            (account.tally_rows, account.tally_length) = (*rows, *length);
        }
        if seal.messages.starts > 0 {
            seal.people = Some(self.people.census(&context));
            seal.context = Some(self.keep(KeptKind::Context, context.to_bytes(), stop).await?);
            let earlier = listed.iter().flat_map(|listed| listed.filters.iter().rev());
            let filter = std::iter::once(&self.filter).chain(earlier).find(|filter| !filter.is_empty()).map(Filter::to_bytes);
            if let Some(filter) = filter {
                seal.filter = Some(self.keep(KeptKind::Context, filter, stop).await?);
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
        let KeptList { list, ids, near } = self.keep_list(listing, stop).await?;
        seal.list = list;
        close(&seal, &window)?;
        Ok(Written { seal, ids, near, unmapped, traces, spread, first })
    }

    /// The conversations that the filter wants, and the messages of an unknown sender that are worth to be known of; the others are counted in the seal.
    fn sift(
        &self,
        conversations: Vec<(ShortDigest, Conversation)>,
        earlier: &[Filter],
        seal: &mut Seal,
    ) -> (VecDeque<(ShortDigest, Conversation)>, u64) {
        let mut wanted = VecDeque::with_capacity(conversations.len());
        let mut unresolved_nicks = 0;
        for (key, conversation) in conversations {
            let reason = std::iter::once(&self.filter).chain(earlier).find_map(|filter| filter.reason(&conversation));
            // Behind an unknown nick may be somebody who decides whether the conversation is archived; but not where kind or room decide.
            if !matches!(reason, Some(FilterReason::Kind | FilterReason::Room)) {
                unresolved_nicks += conversation.unresolved_nicks();
            }
            let Some(reason) = reason else {
                wanted.push_back((key, conversation));
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
