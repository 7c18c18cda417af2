//! Folds rows into conversations.

mod copy;
mod fold;
mod gather;
mod neighbour;
mod presence;
mod traces;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

pub use self::neighbour::Neighbour;
use self::{
    copy::Copy,
    fold::{Fold, fold},
    gather::{Start, gather},
    presence::Presence,
};
use crate::{
    ArchiveFacts, Context, Conversation, ConversationKey, Disposition, FieldHasher, Grid, MessageRow, Party, People, PresenceRow, Record,
    Rooms, ShortDigest, Table, TableAccount, Timestamp, Traces, UndecodableRow, Window, context::Inquiry,
};

/// Folds the rows of one chunk into conversations, window by window. Pure: no I/O, no clock.
///
/// Rows go in with [`accept`](Assembler::accept) in any order; when the chunk is drained, [`assemble`](Assembler::assemble) is called for its windows in their
/// order. Only rows of [`Window::deciding`] decide a window, so that the result does not depend on how time was cut into chunks.
#[derive(Debug, Clone)]
pub struct Assembler {
    grid: Grid,
    margin: Duration,
    rooms: Arc<Rooms>,
    people: People,
    /// By the start of the window in which they are dated.
    messages: BTreeMap<Timestamp, Vec<MessageRow>>,
    undecodable: Vec<UndecodableRow>,
    presence: Presence,
    /// Of all rows that were accepted, those given away too.
    counts: BTreeMap<(Window, Table), (u64, u64)>,
    weight: usize,
}

impl Assembler {
    /// An empty chunk of an archive with these facts; `rooms` is what the source knows of its rooms.
    pub fn new(facts: &ArchiveFacts, rooms: Arc<Rooms>, people: People) -> Self {
        Self {
            grid: facts.grid,
            margin: facts.margin(),
            rooms,
            people,
            messages: BTreeMap::new(),
            undecodable: Vec::new(),
            presence: Presence::since(Timestamp::MIN),
            counts: BTreeMap::new(),
            weight: 0,
        }
    }

    /// For windows that begin at `since` or later: of who was present before, no more is held than who is inside.
    #[must_use]
    pub fn since(self, since: Timestamp) -> Self {
        Self { presence: Presence::since(since), ..self }
    }

    /// Takes rows, in any order.
    pub fn accept(&mut self, records: Vec<Record>) {
        for record in records {
            let window = self.grid.window_at(record.sent());
            let (rows, length) = self.counts.entry((window, record.table())).or_default();
            *rows += 1;
            *length += record.length();
            self.hold(record);
        }
    }

    /// Takes a row that was counted where it was accepted first.
    pub(crate) fn hold(&mut self, record: Record) {
        let weight = record.weight();
        let is_held = match record {
            Record::Message(row) => {
                self.messages.entry(self.grid.window_at(row.sent).start()).or_default().push(row);
                true
            }
            Record::Presence(row) => self.presence.accept(row),
            Record::Undecodable(row) => {
                self.undecodable.push(row);
                true
            }
        };
        if is_held {
            self.weight += weight;
        }
    }

    /// Gives all rows away, to be held elsewhere; they stay counted.
    pub(crate) fn give_away(&mut self) -> Vec<Record> {
        self.weight = 0;
        let messages = std::mem::take(&mut self.messages).into_values().flatten().map(Record::Message);
        let undecodable = std::mem::take(&mut self.undecodable).into_iter().map(Record::Undecodable);
        messages.chain(undecodable).chain(self.presence.take().map(Record::Presence)).collect()
    }

    /// Names what belongs together with a row: the conversation of a message, that of the room where somebody entered or left, and the row itself where it
    /// cannot be read. Nothing else than rows of the same group, and what the window before has listed, decides what becomes of a row.
    pub(crate) fn group(&self, record: &Record) -> ShortDigest {
        match record {
            Record::Message(row) => copy::conversation(row, &self.rooms).digest(),
            Record::Presence(row) => ConversationKey::Room(row.room.clone()).digest(),
            Record::Undecodable(row) => {
                let named = FieldHasher::new().field("undecodable").field(&row.reason).integer(row.sent.millis());
                row.values
                    .iter()
                    .fold(named, |hasher, (name, value)| hasher.field(name).field(value.as_deref().unwrap_or_default()))
                    .finish()
                    .short()
            }
        }
    }

    /// About how many bytes the accepted rows take.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// How many rows of each table in hand are dated in the window, and the sum of their lengths.
    pub fn tally(&self, window: &Window) -> BTreeMap<Table, (u64, u64)> {
        Table::ALL.into_iter().filter_map(|table| Some((table, *self.counts.get(&(*window, table))?))).collect()
    }

    /// The conversations of one window.
    ///
    /// `earlier` is what the window before has listed. Rows that no later window needs are let go.
    pub fn assemble(&mut self, window: &Window, earlier: &Neighbour) -> Assembly {
        self.assemble_part(window, &mut earlier.clone())
    }

    /// The conversations of one window whose rows are in hand; others may be assembled elsewhere. What is theirs is taken from `earlier`.
    pub(crate) fn assemble_part(&mut self, window: &Window, earlier: &mut Neighbour) -> Assembly {
        self.presence.sort();
        let assembly = self.assembly(window, earlier);
        self.presence.advance(window.end());
        let needed = window.end().before(self.margin * 2);
        self.messages.retain(|_, rows| {
            rows.retain(|row| row.sent >= needed);
            !rows.is_empty()
        });
        assembly
    }

    /// Those who are inside a room at the end of the window that was assembled last.
    pub(crate) fn give_away_presence(&mut self) -> impl Iterator<Item = PresenceRow> {
        self.presence.take()
    }

    fn assembly(&self, window: &Window, earlier: &mut Neighbour) -> Assembly {
        let inquiry = Inquiry::new(&self.rooms, &self.people, window.start());
        let deciding = window.deciding(self.margin);
        let from = self.grid.window_at(deciding.start).start();
        let rows = self.messages.range(from..deciding.end).flat_map(|(_, rows)| rows);
        let mut rows: Vec<&MessageRow> = rows.filter(|row| deciding.contains(row.sent)).collect();
        rows.sort_unstable();
        let mut assembly = Assembly::default();
        self.account_others(window, &mut assembly);

        let mut copies = Vec::new();
        for row in rows.iter().copied() {
            let copy = Copy::of(row, &inquiry);
            if window.contains(row.sent) {
                let account = assembly.account(row.table, row.length);
                account.replaced += u64::from(row.replaced);
                account.encrypted += u64::from(row.encrypted);
                if let Err(reason) = &copy {
                    account.count(Disposition::Skipped(*reason));
                }
            }
            copies.extend(copy);
        }
        assembly.traces = traces::of_rows(&rows, window);
        assembly.traces.replays = traces::replays(&rows, &copies, window, &Inquiry::new(&self.rooms, &self.people, window.start()));
        let folds = fold(copies, self.margin);
        let mut starts = Vec::new();
        for fold in &folds {
            let start = Self::starting_copy(fold, window, earlier);
            for copy in fold.copies.iter().filter(|copy| window.contains(copy.row.sent)) {
                let starts = start.is_some_and(|start| std::ptr::eq(start.row, copy.row));
                assembly.account(copy.row.table, 0).count(if starts { Disposition::Start } else { Disposition::Folded });
            }
            match start {
                Some(at) => starts.push(Start { identity: fold.identity, at, copies: &fold.copies }),
                None => self.note_late_copies(fold, window, &mut assembly),
            }
        }
        assembly.conversations = gather(starts, window, &inquiry, &self.presence);
        traces::note_messages(&mut assembly.traces, &assembly.conversations, &self.rooms);
        assembly.unresolved_nicks = assembly.conversations.iter().map(Conversation::unresolved_nicks).sum();
        assembly.context = inquiry.into_context();
        assembly
    }

    /// Presence and what could not be decoded.
    fn account_others(&self, window: &Window, assembly: &mut Assembly) {
        for _ in 0..self.presence.count(window) {
            assembly.account(Table::TcTimelog, 0).count(Disposition::Presence);
        }
        for row in self.undecodable.iter().filter(|row| window.contains(row.sent)) {
            assembly.account(row.table, row.length).count(Disposition::DeadLetter);
            assembly.undecodable.push(row.clone());
        }
        assembly.undecodable.sort();
    }

    /// The copy that starts a message in the window; none if the message belongs to another window.
    ///
    /// A fold that begins before the window belongs to the earlier one if that has listed it. If it has not, it starts here.
    fn starting_copy<'a>(fold: &'a Fold<'a>, window: &Window, earlier: &mut Neighbour) -> Option<&'a Copy<'a>> {
        let here = fold.copies.iter().find(|copy| copy.row.sent >= window.start()).filter(|copy| window.contains(copy.row.sent))?;
        let listed = fold.first() < window.start() && earlier.take(fold, window.start());
        (!listed).then_some(here)
    }

    /// Copies in this window of a message that the earlier window has listed without having seen them, for people whom it did not see as recipients.
    fn note_late_copies(&self, fold: &Fold<'_>, window: &Window, assembly: &mut Assembly) {
        if fold.first() >= window.start() {
            return;
        }
        let seen_until = window.start().after(self.margin);
        let (seen, unseen): (Vec<_>, Vec<_>) = fold.copies.iter().partition(|copy| copy.row.sent < seen_until);
        let recipients: BTreeSet<&Party> = seen.iter().filter_map(|copy| copy.recipient.as_ref()).collect();
        let late = unseen
            .iter()
            .filter(|copy| window.contains(copy.row.sent))
            .filter(|copy| copy.recipient.as_ref().is_some_and(|recipient| !recipients.contains(recipient)))
            .count() as u64;
        if late > 0 {
            *assembly.late_copies.entry(fold.identity).or_default() += late;
        }
    }
}

/// What became of a window's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assembly {
    /// The conversations, sorted by key.
    pub conversations: Vec<Conversation>,
    /// The account of every table that has rows dated in the window; its tally fields are left 0.
    pub tables: BTreeMap<Table, TableAccount>,
    /// Rows dated in the window that could not be decoded, sorted.
    pub undecodable: Vec<UndecodableRow>,
    /// Messages of the window before for which a copy came too late to name its recipient there, with the number of such rows.
    pub late_copies: BTreeMap<ShortDigest, u64>,
    /// Messages whose sender is known by nick alone.
    pub unresolved_nicks: u64,
    /// Rooms and people that were asked for.
    pub context: Context,
    /// What the rows tell of rows that are not there.
    pub traces: Traces,
}

impl Assembly {
    fn account(&mut self, table: Table, length: u64) -> &mut TableAccount {
        let account = self.tables.entry(table).or_default();
        account.length += length;
        account
    }
}
