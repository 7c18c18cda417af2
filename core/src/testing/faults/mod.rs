//! Wrappers that fail on purpose, by a schedule that a seed decides: what the rest of the world does to an archiver.
//!
//! All wrappers of one [`Faults`] share its schedule and its count of calls, so that together they are one process that can be killed.
//!
//! ```
//! use std::sync::Arc;
//! use futures::executor::block_on;
//! use jabber_archive_core::{Sink, Timestamp, Window, testing::{faults::{Faults, FaultySink}, memory::MemorySink}};
//!
//! let faults = Faults::killed_at(2);
//! let sink = FaultySink::new(Arc::new(MemorySink::default()), &faults);
//! assert!(block_on(sink.commit(&Window::UNDATED)).is_ok());
//! assert!(block_on(sink.commit(&Window::UNDATED)).is_err());
//! assert_eq!((faults.calls(), faults.calls_of("commit")), (2, 2));
//! ```

mod files;
mod ledger;
mod schedule;
mod sink;
mod source;
mod spool;

pub use self::{files::FaultyFiles, ledger::FaultyLedger, schedule::Faults, sink::FaultySink, source::FaultySource, spool::FaultySpool};
