//! Whatever bytes stand where something was stored: what reads them says so or reads what is there, and never panics.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod altered;
mod forged;
mod readers;
#[allow(dead_code, reason = "the tests of the archiver ask for more of it")]
#[path = "../archiver/world.rs"]
mod world;
