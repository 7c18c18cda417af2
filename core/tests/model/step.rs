//! What can happen to a source and its archive.

use proptest::{collection::vec, option, prelude::*, sample::select};

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Something is said; its rows are dated so many seconds after each other.
    Said { when: When, place: u8, long: bool, readable: bool, rows: Vec<u8> },
    /// One more row of something that was said, whether or not the source still has its other rows.
    Copied { which: u8, after: u8 },
    /// Rows are removed.
    Purged { which: u8, what: Extent },
    /// Other text in the place of what was said: of one row, or of all.
    Altered { which: u8, all: bool },
    /// Rows that could not be decoded can be.
    Mended { which: u8, all: bool },
    /// So many minutes pass.
    Passed(u32),
    /// What was put and not committed is lost, but for what the seed says.
    PowerCut(u64),
    /// Somebody works on the archive.
    Worked { task: Task, way: Way, how: How },
}

/// When something was said.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// So many minutes ago: no window that it concerns is closed.
    Now { minutes: u8 },
    /// So many windows back, and so many minutes into one.
    Ago { windows: u8, minutes: u16 },
    /// So many windows back, and so many seconds before one begins.
    Border { windows: u8, seconds: u8 },
    /// By a dead clock.
    Undated,
    /// By a clock that is so many hours ahead.
    Ahead { hours: u8 },
}

/// How much is removed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Extent {
    Row,
    Saying,
    /// The saying's row, and all that is older, as a purge does.
    Before,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Run,
    Retry,
    Audit,
    Repair,
}

/// How the program is set up.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(crate) struct Way {
    pub(crate) late_windows: u32,
    /// Of how many windows a chunk is, where there is no index.
    pub(crate) chunk: Option<usize>,
    pub(crate) batch: usize,
    pub(crate) concurrency: usize,
    /// Little memory, and a spool.
    pub(crate) spooled: bool,
    /// Mail by mail, transcripts, transcripts in smaller mails.
    pub(crate) converter: u8,
    /// Whether the directory knows anybody.
    pub(crate) people: bool,
    /// Whether somebody accepts whatever passes a limit, and how few dead letters pass it.
    pub(crate) accepts: bool,
    pub(crate) strict: bool,
}

impl Way {
    /// As somebody sets it up who wants to be left in peace.
    pub(crate) const QUIET: Self = Self {
        late_windows: 7,
        chunk: None,
        batch: 5,
        concurrency: 16,
        spooled: false,
        converter: 1,
        people: false,
        accepts: true,
        strict: false,
    };
}

/// What goes wrong meanwhile.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    Undisturbed,
    /// The process is killed at this call; what was not committed may be lost too.
    Killed {
        call: u8,
        cut: Option<u64>,
    },
    /// So many of a hundred calls fail, or lose their reply.
    Faulty {
        seed: u64,
        percent: u8,
    },
    /// Somebody else does this at the same time.
    Raced {
        seed: u64,
        other: Task,
    },
    /// And that one is killed.
    RacedAndKilled {
        seed: u64,
        other: Task,
        call: u8,
    },
    /// Something is said meanwhile, or something is removed.
    Moving {
        turns: u8,
        windows: u8,
        removes: bool,
    },
}

impl How {
    /// Of half of the seeds.
    pub(crate) fn is_odd(self) -> bool {
        matches!(self, Self::Raced { seed, .. } | Self::RacedAndKilled { seed, .. } if seed % 2 == 1)
    }
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..28)
}

fn step() -> impl Strategy<Value = Step> {
    let which = any::<u8>;
    let rows = prop_oneof![4 => Just(vec![0_u8]), 3 => vec(0_u8..240, 2..4)];
    prop_oneof![
        8 => (when(), 0_u8..4, prop::bool::weighted(0.04), prop::bool::weighted(0.85), rows)
            .prop_map(|(when, place, long, readable, rows)| Step::Said { when, place, long, readable, rows }),
        3 => (which(), 0_u8..240).prop_map(|(which, after)| Step::Copied { which, after }),
        2 => (which(), select(vec![Extent::Row, Extent::Row, Extent::Saying, Extent::Before]))
            .prop_map(|(which, what)| Step::Purged { which, what }),
        1 => (which(), any::<bool>()).prop_map(|(which, all)| Step::Altered { which, all }),
        1 => (which(), any::<bool>()).prop_map(|(which, all)| Step::Mended { which, all }),
        4 => (1_u32..900).prop_map(Step::Passed),
        1 => any::<u64>().prop_map(Step::PowerCut),
        7 => (task(), way(), how()).prop_map(|(task, way, how)| Step::Worked { task, way, how }),
    ]
}

/// Mostly where something is decided: while a window is open, late, and at borders.
fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        4 => (0_u8..50).prop_map(|minutes| When::Now { minutes }),
        3 => (1_u8..5, 0_u16..360).prop_map(|(windows, minutes)| When::Ago { windows, minutes }),
        4 => (0_u8..4, 0_u8..240).prop_map(|(windows, seconds)| When::Border { windows, seconds }),
        1 => Just(When::Undated),
        1 => (1_u8..20).prop_map(|hours| When::Ahead { hours }),
    ]
}

fn task() -> impl Strategy<Value = Task> {
    prop_oneof![6 => Just(Task::Run), 1 => Just(Task::Retry), 1 => Just(Task::Audit), 2 => Just(Task::Repair)]
}

pub(crate) fn way() -> impl Strategy<Value = Way> {
    let late = prop_oneof![3 => Just(2_u32), 1 => Just(0), 1 => Just(7)];
    let read = (option::of(1_usize..6), 1_usize..9, 0_usize..4);
    let made = (prop::bool::weighted(0.15), prop_oneof![6 => Just(1_u8), 1 => Just(0), 1 => Just(2)], any::<bool>());
    (late, read, made, prop::bool::weighted(0.85), prop::bool::weighted(0.1)).prop_map(
        |(late_windows, (chunk, batch, concurrency), (spooled, converter, people), accepts, strict)| Way {
            late_windows,
            chunk,
            batch,
            concurrency,
            spooled,
            converter,
            people,
            accepts,
            strict,
        },
    )
}

pub(crate) fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        6 => Just(How::Undisturbed),
        4 => (1_u8..90, option::of(any::<u64>())).prop_map(|(call, cut)| How::Killed { call, cut }),
        1 => (any::<u64>(), 1_u8..25).prop_map(|(seed, percent)| How::Faulty { seed, percent }),
        3 => (any::<u64>(), task()).prop_map(|(seed, other)| How::Raced { seed, other }),
        1 => (any::<u64>(), task(), 1_u8..90).prop_map(|(seed, other, call)| How::RacedAndKilled { seed, other, call }),
        2 => (0_u8..200, 0_u8..4, any::<bool>()).prop_map(|(turns, windows, removes)| How::Moving { turns, windows, removes }),
    ]
}
