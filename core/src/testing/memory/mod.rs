//! Implementations of the traits that hold everything in memory, without a runtime.

mod files;
mod ledger;
mod mailboxes;
mod sink;
mod source;
mod spool;

pub use self::{
    files::MemoryFiles, ledger::MemoryLedger, mailboxes::MemoryMailboxes, sink::MemorySink, source::MemorySource, spool::MemorySpool,
};
