//! Every rule of the traits' contracts as a check, for implementations here and elsewhere.
//!
//! Each suite runs all checks; what an implementation says that it cannot do, or what the caller gives no means for, is skipped and reported.
//! A check that fails panics and names its rule.
//!
//! ```
//! use std::sync::Arc;
//! use futures::executor::block_on;
//! use jabber_archive_core::testing::{conformance, memory::MemorySink};
//!
//! let report = block_on(conformance::sink(async || Arc::new(MemorySink::default())));
//! println!("{report}");
//! # assert!(!report.passed().is_empty());
//! ```

mod file_store;
mod ledger;
mod report;
mod sink;
mod source;
mod spool;

pub use self::{
    file_store::{FileStoreSubject, file_store},
    ledger::{LedgerSubject, ledger},
    report::Report,
    sink::sink,
    source::{SourceSubject, source},
    spool::spool,
};
