//! The source against the stand-in, through the real driver.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod answers;
mod conformance;
mod encrypted;
mod faults;
mod faults_protocol;
mod large;
mod refusals;
mod server;
mod setting;
mod shapes;
