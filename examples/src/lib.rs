//! The documentation of the Jabber Archive beside that of its crates, so that its links and programs are checked.

#[doc = include_str!("../../README.md")]
pub mod readme {}

#[doc = include_str!("../../docs/messages.md")]
pub mod messages {}

#[doc = include_str!("../../docs/archive.md")]
pub mod archive {}

#[doc = include_str!("../../docs/proof.md")]
pub mod proof {}

#[doc = include_str!("../../docs/administration.md")]
pub mod administration {}

#[doc = include_str!("../../docs/azure.md")]
pub mod azure {}

#[doc = include_str!("../../docs/extending.md")]
pub mod extending {}

#[doc = include_str!("../../docs/export.md")]
pub mod export {}

#[doc = include_str!("../../docs/service.md")]
pub mod service {}

#[doc = include_str!("../../docs/performance.md")]
pub mod performance {}
