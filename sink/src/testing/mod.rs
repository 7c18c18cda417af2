//! Azurite, and a proxy that breaks what passes through it.

mod azurite;
mod fault_proxy;
mod http;
pub mod sas;

pub use self::{
    azurite::Azurite,
    fault_proxy::{FaultProxy, Outcome, Recorded, Rule},
    http::{Request, Response},
};
