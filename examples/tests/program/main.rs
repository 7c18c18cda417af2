//! The program as its users run it.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod after_run;
mod audit;
mod azure;
mod check;
#[cfg(feature = "age")]
mod dead_letters;
mod demo;
mod encrypted;
mod export;
mod faults;
mod filter;
#[path = "../../../core/tests/transcript/grammar.rs"]
mod grammar;
#[cfg(feature = "imap")]
mod import;
mod init;
mod late;
#[cfg(feature = "ldap")]
mod ldap;
mod limits;
mod logged;
mod modes;
mod output;
mod outsider;
mod people;
mod program;
mod recipes;
mod recorded;
mod rehearsed;
mod restarted;
mod run;
#[cfg(feature = "sftp")]
mod sent_files;
mod several;
mod status;
mod swept;
mod trail;
mod usage;
mod verify;
mod watch;
#[cfg(feature = "imap")]
mod week;
