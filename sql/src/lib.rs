#![doc = include_str!("../README.md")]

mod statements;
#[cfg(feature = "testing")]
pub mod testing;
