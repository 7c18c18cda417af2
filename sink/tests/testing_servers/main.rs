//! Azurite, the proxy before it and what gives out tokens, as other tests stand on them.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod azurite;
mod fault_proxy;
mod signatures;
mod tokens;
