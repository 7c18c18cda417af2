//! Azurite, a proxy that breaks what passes through it, and what gives out tokens.

mod azurite;
mod certificate;
mod fault_proxy;
mod http;
pub mod sas;
mod token_server;

pub use self::{
    azurite::Azurite,
    fault_proxy::{FaultProxy, Outcome, Recorded, Rule},
    http::{Request, Response},
    token_server::{TokenRequest, TokenServer},
};
