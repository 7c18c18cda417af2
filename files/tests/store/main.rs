//! Stores of files, against folders of this machine and a real SSH server.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod conformance;
mod folder;
mod host_key;
mod place;
mod proxy;
mod sftp;
mod sign_in;
