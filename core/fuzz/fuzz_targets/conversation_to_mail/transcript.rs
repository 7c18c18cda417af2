//! The oracles of the tests for mails.
#![allow(dead_code, reason = "they can tell more than is asked here")]

#[path = "../../../tests/transcript/agreement.rs"]
pub(crate) mod agreement;
#[path = "../../../tests/transcript/grammar.rs"]
mod grammar;
#[path = "../../../tests/transcript/markup.rs"]
mod markup;
#[path = "../../../tests/transcript/oracle.rs"]
mod oracle;
#[path = "../../../tests/transcript/shown.rs"]
mod shown;
