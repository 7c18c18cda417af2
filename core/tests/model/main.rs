//! A state machine drives archivers over a source, a sink and a ledger that fail, through days in which rows come late, go and change, and a naive model says what must be
//! in the archive.
//!
//! `PROPTEST_CASES=20000 cargo test -p jabber-archive-core --all-features --test model` looks harder.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod machine;
mod naive;
mod nasty;
mod saying;
mod step;
mod undisturbed;
mod work;
#[allow(dead_code, reason = "the tests of the archiver ask for more of it")]
#[path = "../archiver/world.rs"]
mod world;
