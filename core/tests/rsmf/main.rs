//! Files in Relativity's short message format, read back by readers that are not ours, and checked by the published schema.
#![cfg(feature = "rsmf")]
#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod content;
mod golden;
mod python;
mod reader;
mod rebuilding;
mod schema;
mod settings;
mod sizes;
mod told;

use jabber_archive_core::{Conversation, ConverterExt, Issue, MailItem, Rsmf, TranscriptSettings, testing::generators};

fn rsmf(settings: TranscriptSettings) -> Rsmf {
    Rsmf::new(&generators::facts(), settings).unwrap()
}

fn files(conversation: &Conversation, issue: Issue, settings: TranscriptSettings) -> Vec<MailItem> {
    rsmf(settings).mails(conversation, issue).unwrap()
}

fn with_json() -> TranscriptSettings {
    TranscriptSettings::default().with_conversation_json(true)
}

fn smallest() -> TranscriptSettings {
    TranscriptSettings::default().with_max_item_bytes(TranscriptSettings::LEAST_ITEM_BYTES)
}
