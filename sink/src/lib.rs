#![doc = include_str!("../README.md")]

#[cfg(feature = "age")]
mod age;
mod archive;
#[cfg(feature = "azure")]
mod azure;
mod expected;
#[cfg(feature = "export")]
mod export;
mod fault;
#[cfg(feature = "file")]
mod file;
#[cfg(feature = "import")]
mod import;
mod ledger;
#[cfg(any(feature = "export", feature = "import"))]
mod mail;
mod sink;
#[cfg(feature = "file")]
mod spool;
mod sweep;
#[cfg(feature = "testing")]
pub mod testing;
mod verify;

/// The library of stores that [`Archive::new`] takes.
pub use object_store;

#[cfg(feature = "age")]
pub use self::age::AgeRecipients;
#[cfg(feature = "azure")]
pub use self::azure::{AzureConfig, AzureLimits, AzureSignIn};
#[cfg(feature = "export")]
pub use self::export::{ExportFilter, ExportForm, Exported, export};
#[cfg(feature = "import")]
pub use self::import::{Import, ImportProgress, ImportSettings, Imported, Recipients, Refused};
#[cfg(feature = "file")]
pub use self::spool::FileSpool;
pub use self::{
    archive::{Archive, Durability},
    ledger::ObjectLedger,
    sink::ObjectSink,
    sweep::Swept,
    verify::{Fault, Problem, Sample, Sampled, Verification, VerifyOptions, VerifyProgress, verify},
};
