//! The source against the stand-in, through the real driver.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod answers;
mod conformance;
mod faults;
mod refusals;
mod server;
mod setting;
mod transfers;
