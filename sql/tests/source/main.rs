//! The source against the stand-in, through the real driver.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod answers;
mod back_end;
mod conformance;
mod encrypted;
mod end_to_end;
mod faults;
mod faults_protocol;
mod gentle;
mod large;
mod reaching;
mod real_server;
mod recorded;
mod refusals;
mod setting;
mod shapes;
mod transfers;
