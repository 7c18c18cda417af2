#![doc = include_str!("../README.md")]

mod config;
mod connection;
mod date;
mod decode;
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
    source::MssqlSource,
    survey::{Isolation, Survey, TableSurvey},
};
