#![doc = include_str!("../README.md")]

mod config;
mod connection;
mod decode;
mod fault;
mod schema;
mod source;
mod statements;
mod survey;
#[cfg(feature = "testing")]
pub mod testing;
mod transfers;

pub use self::{
    config::{Encrypt, MssqlConfig, TimeLimits},
    source::MssqlSource,
    survey::{Isolation, Survey, TableSurvey},
};
