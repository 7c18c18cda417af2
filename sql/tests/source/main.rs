//! The source against the stand-in, through the real driver.

mod answers;
mod conformance;
mod faults;
mod refusals;
mod server;
mod setting;
