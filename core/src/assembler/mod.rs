//! Folds rows into conversations.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    ArchiveFacts, Context, Conversation, List, MessageLine, People, Record, Result, Rooms, ShortDigest, Table, TableAccount,
    UndecodableRow, Window,
};

/// Folds the rows of one chunk into conversations, window by window. Pure: no I/O, no clock.
///
/// Rows go in with [`accept`](Assembler::accept) in any order; when the chunk is drained, [`assemble`](Assembler::assemble) is called for its windows in their
/// order. Only rows of [`Window::deciding`] decide a window, so that the result does not depend on how time was cut into chunks.
#[derive(Debug)]
pub struct Assembler {
    rows: Vec<Record>,
    weight: usize,
}

impl Assembler {
    /// An empty chunk of an archive with these facts; `rooms` is what the source knows of its rooms.
    pub fn new(_facts: &ArchiveFacts, _rooms: Arc<Rooms>, _people: People) -> Self {
        Self { rows: Vec::new(), weight: 0 }
    }

    /// Takes rows, in any order.
    pub fn accept(&mut self, records: Vec<Record>) {
        self.weight += records.iter().map(Record::weight).sum::<usize>();
        self.rows.extend(records);
    }

    /// About how many bytes the accepted rows take.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// How many rows of each table in hand are dated in the window, and the sum of their lengths.
    pub fn tally(&self, _window: &Window) -> BTreeMap<Table, (u64, u64)> {
        BTreeMap::new()
    }

    /// The conversations of one window.
    ///
    /// `earlier` is what the window before has listed. Rows that no later window of the chunk needs are let go.
    pub fn assemble(&mut self, _window: &Window, _earlier: &Neighbour) -> Result<Assembly> {
        Ok(Assembly::default())
    }
}

/// What became of a window's rows.
#[derive(Debug, Clone, Default)]
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
}

/// The messages of the window before that start near its end, as its seal lists them: a row folds over the border only into one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbour {
    messages: Vec<MessageLine>,
}

impl Neighbour {
    /// The messages of a list that matter to `window`, which begins where the listed one ends.
    pub fn of(list: &List, window: &Window, margin: std::time::Duration) -> Self {
        let near = window.start().before(margin * 3);
        let messages = list.lines().iter().flat_map(|line| &line.messages).filter(|message| message.start >= near).copied().collect();
        Self { messages }
    }
}
