//! A real server to test with: what tests of this crate use, and those of integrators may.

mod certificate;
mod dovecot;
mod proxy;

pub use self::{
    dovecot::{Dovecot, DovecotSetup},
    proxy::{Cut, CuttingProxy},
};
