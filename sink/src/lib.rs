#![doc = include_str!("../README.md")]

mod archive;
#[cfg(feature = "azure")]
mod azure;
mod fault;
#[cfg(feature = "file")]
mod file;
mod ledger;
mod sink;
#[cfg(feature = "testing")]
pub mod testing;
mod verify;

/// The library of stores that [`Archive::new`] takes.
pub use object_store;

#[cfg(feature = "azure")]
pub use self::azure::{AzureConfig, AzureLimits, AzureSignIn};
pub use self::{
    archive::{Archive, Durability},
    ledger::ObjectLedger,
    sink::ObjectSink,
    verify::{Fault, Problem, Sample, Sampled, Verification, VerifyOptions, VerifyProgress, verify},
};
