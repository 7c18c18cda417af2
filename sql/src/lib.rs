#![doc = include_str!("../README.md")]

mod config;
mod connection;
mod date;
mod decode;
mod decryption;
mod encryption_key;
mod fault;
mod layout;
mod schema;
mod source;
mod statements;
mod survey;
#[cfg(feature = "testing")]
pub mod testing;

pub use self::{
    config::{Encrypt, MssqlConfig, TimeLimits},
    encryption_key::EncryptionKey,
    source::MssqlSource,
    survey::{Isolation, Survey, TableSurvey},
};
