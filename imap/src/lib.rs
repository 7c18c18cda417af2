#![doc = include_str!("../README.md")]

mod answer;
mod config;
mod connection;
mod folder;
mod mailboxes;
mod session;
mod sign_in;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
mod token;
mod wire;

pub use self::{
    config::{Encryption, ImapConfig},
    mailboxes::ImapMailboxes,
    sign_in::{Mechanism, SignIn},
    token::{ClientCredential, TokenSource},
};
