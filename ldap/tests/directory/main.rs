//! A directory that OpenLDAP serves, as an archive reads it.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod entries;
mod people;
mod refusals;
mod transport;
