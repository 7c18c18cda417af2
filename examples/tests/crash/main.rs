//! The program killed, starved and misled while it is at work: whatever happens, a clean run ends in the items of an archive that nothing happened to.
//!
//! `JABBER_ARCHIVE_CRASH_FOR` is how long all of this takes together, such as `90s` or `1h`; `JABBER_ARCHIVE_CRASH_SEED` repeats the choices of an earlier time, which
//! every test prints. What the scheduler makes of them is its own.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod azure;
mod clock;
mod company;
mod contents;
mod full_disk;
mod killed;
mod life;
mod namespace;
mod phase;
mod power_cut;
#[path = "../program/program.rs"]
#[allow(dead_code, reason = "the tests of the program use all of it")]
mod program;
mod read_only;
mod together;
mod turn;
