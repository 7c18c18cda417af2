//! Real archives in real folders: what they hold, what two programs do to them, and what verification finds.

#![cfg(all(unix, feature = "file"))]
#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

#[path = "../../../core/tests/stored/altered.rs"]
mod altered;
#[cfg(all(feature = "azure", feature = "testing"))]
mod azure;
mod beside;
mod child;
mod conformance;
mod durability;
mod example;
mod flight;
mod hostile;
mod opening;
mod putting;
mod races;
mod sampling;
mod snapshot;
mod spool;
mod store;
mod sweep;
mod tamper;
