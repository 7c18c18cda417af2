#![doc = include_str!("../README.md")]

mod config;
mod connection;
mod date;
mod decode;
mod decryption;
mod encryption_key;
mod fault;
mod layout;
mod login;
mod reach;
mod reader_script;
mod recorded;
mod schema;
mod several;
mod source;
mod statements;
mod survey;
#[cfg(feature = "testing")]
pub mod testing;
mod transfers;

pub use self::{
    config::{Encrypt, MssqlConfig, TimeLimits},
    encryption_key::EncryptionKey,
    login::{AccessTokens, Login},
    reader_script::reader_script,
    source::MssqlSource,
    survey::{Isolation, Survey, TableSurvey},
};
