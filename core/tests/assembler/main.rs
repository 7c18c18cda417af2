//! How rows become conversations: the rules one by one, and what holds for any rows.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod properties;
mod rules;
mod windows;
