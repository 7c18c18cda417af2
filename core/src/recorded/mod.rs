//! Was it recorded at all? What an archive cannot show is what never came into the tables; but some of that leaves traces.
//!
//! Pure: facts go in, findings come out. Where the facts do not suffice for a judgement, there is none.

mod purge;
mod replays;
mod rooms;
mod silence;
mod traces;

pub use self::{
    purge::{days_until_purge, purge_near, starts_earlier, starts_later},
    replays::{Replay, Replays},
    rooms::{Numbers, RoomGap, RoomTraces},
    silence::HourlyRows,
    traces::Traces,
};

/// So many rows are many: fewer of them in an hour, a day or a window may be missing by chance.
pub(crate) const MANY: u64 = 100;
