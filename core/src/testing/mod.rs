//! For tests of this crate and of those who extend it.

pub mod conformance;
pub mod faults;
pub mod generators;
pub mod memory;
pub mod rows;
