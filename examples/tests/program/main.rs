//! The program as its users run it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod demo;
mod faults;
mod killed;
mod program;
mod run;
mod usage;
