//! Implementations of the traits that hold everything in memory, without a runtime.

mod ledger;
mod sink;
mod source;
mod spool;

pub use self::{ledger::MemoryLedger, sink::MemorySink, source::MemorySource, spool::MemorySpool};
