//! Azurite and the proxy before it, as other tests stand on them.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod azurite;
mod fault_proxy;
mod signatures;
