//! Conversations as they are and as they should never be, for property tests of converters, sinks and whatever reads mails.
//!
//! Every strategy keeps the model's own promises (participants and messages in order, senders among the participants, unique keys, times within the window) and nothing more.
//!
//! ```
//! use jabber_archive_core::{ConverterExt, Issue, Transcript, TranscriptSettings, testing::generators};
//! use proptest::prelude::*;
//!
//! # fn main() {
//! let transcript = Transcript::new(&generators::facts(), TranscriptSettings::default()).unwrap();
//! proptest!(ProptestConfig::with_cases(8), |(conversation in generators::conversation())| {
//!     let mails = transcript.mails(&conversation, Issue::FIRST).unwrap();
//!     prop_assert!(!mails.is_empty());
//! });
//! # }
//! ```

mod conversations;
mod stanzas;
mod texts;

pub use self::{
    conversations::{Style, conversation, conversation_of, facts, issue, large_conversation, outgrown_conversation},
    stanzas::{formatted, hostile_formatted},
    texts::{hostile_name, hostile_text, name, text},
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

/// So many values of a strategy, the same ones every time.
///
/// # Panics
///
/// If the strategy rejects all that it tries.
pub fn sample<S: Strategy>(strategy: S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).expect("the strategy gives a value").current()).collect()
}

/// One value of a strategy, the same one every time.
///
/// # Panics
///
/// If the strategy rejects all that it tries.
pub fn one<S: Strategy>(strategy: S) -> S::Value {
    sample(strategy, 1).remove(0)
}
