#![doc = include_str!("../README.md")]

mod config;
mod entry;
mod fault;
mod jid;
mod people;
mod session;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;

pub use self::{
    config::{Encryption, JidAttribute, LdapConfig},
    people::{Fetched, LdapSurvey, Unusable},
};
