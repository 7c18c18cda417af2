//! Mailboxes that Dovecot keeps, as an archive fills them.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod delivery;
mod faults;
mod outsider;
mod sign_in;
mod transport;
