//! Mails made of conversations, read back by parsers that are not ours, and compared by what they say.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod agreement;
mod catch_all;
mod content;
mod golden;
mod grammar;
mod headers;
mod markup;
mod oracle;
mod outgrown;
mod per_message;
mod python;
mod rebuilding;
mod references;
mod rich_text;
mod sanitizer;
mod shown;
mod sizes;
mod threads;
mod time_zone;

use jabber_archive_core::{Conversation, ConverterExt, Issue, MailItem, PerMessage, Transcript, TranscriptSettings, testing::generators};

fn transcript(settings: TranscriptSettings) -> Transcript {
    Transcript::new(&generators::facts(), settings).unwrap()
}

fn mails(conversation: &Conversation, issue: Issue, settings: TranscriptSettings) -> Vec<MailItem> {
    transcript(settings).mails(conversation, issue).unwrap()
}

fn per_message(settings: TranscriptSettings) -> PerMessage {
    PerMessage::new(&generators::facts(), settings).unwrap()
}

fn with_json() -> TranscriptSettings {
    TranscriptSettings::default().with_conversation_json(true)
}

fn smallest() -> TranscriptSettings {
    TranscriptSettings::default().with_max_item_bytes(TranscriptSettings::LEAST_ITEM_BYTES)
}
