//! The oracles of the tests for files in Relativity's short message format.
#![allow(dead_code, reason = "they can tell more than is asked here")]

#[path = "../../../tests/rsmf/reader.rs"]
mod reader;
#[path = "../../../tests/rsmf/schema.rs"]
mod schema;
#[path = "../../../tests/rsmf/told.rs"]
pub(crate) mod told;
