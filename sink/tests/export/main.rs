//! Exports of real archives: what is in them, what other programs read in them, and what is refused.

#![cfg(all(unix, feature = "export", feature = "file"))]
#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod archived;
#[path = "../archive/child.rs"]
mod child;
mod filters;
mod forms;
mod readers;

mod refusals;
#[path = "../archive/snapshot.rs"]
mod snapshot;
mod targets;
