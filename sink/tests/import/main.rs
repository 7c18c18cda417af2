//! Imports of real archives into mailboxes: each mail once, to whom it belongs, whatever happens on the way.

#![cfg(all(unix, feature = "export", feature = "file", feature = "import"))]
#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

#[path = "../export/archived.rs"]
#[expect(dead_code, reason = "not all of it is about imports")]
mod archived;
mod delivery;
mod faults;
mod office;
mod refusals;
