#![doc = include_str!("../README.md")]

mod archive;
mod fault;
#[cfg(feature = "file")]
mod file;
mod ledger;
mod sink;
mod verify;

/// The library of stores that [`Archive::new`] takes.
pub use object_store;

pub use self::{
    archive::{Archive, Durability},
    ledger::ObjectLedger,
    sink::ObjectSink,
    verify::{Fault, Problem, Verification, VerifyOptions, verify},
};
