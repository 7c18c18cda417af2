#![doc = include_str!("../README.md")]

mod config;
mod connection;
mod decode;
mod fault;
mod login;
mod reach;
mod schema;
mod several;
mod source;
mod statements;
mod survey;
#[cfg(feature = "testing")]
pub mod testing;

pub use self::{
    config::{Encrypt, MssqlConfig, TimeLimits},
    login::{AccessTokens, Login},
    source::MssqlSource,
    survey::{Isolation, Survey, TableSurvey},
};
