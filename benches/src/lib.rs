//! What the benchmarks measure against: conversations as generated, and their mails written by mail-builder alone.

use std::time::{Duration, Instant};

use jabber_archive_core::{
    Conversation, ConverterExt, Issue, MailItem, Transcript, TranscriptSettings,
    testing::generators::{self, Style},
};
use mail_builder::MessageBuilder;
use mail_parser::MessageParser;

/// Conversations of up to 40 messages, as a working day has them.
pub fn day() -> Vec<Conversation> {
    generators::sample(generators::conversation_of(Style::Realistic, 2..40), 300)
}

/// One conversation of 2,000 messages.
pub fn long_chat() -> Vec<Conversation> {
    generators::sample(generators::conversation_of(Style::Realistic, 2_000..2_001), 1)
}

/// The converter as most people run it.
///
/// # Panics
///
/// Never: the settings are the default ones.
pub fn transcript() -> Transcript {
    Transcript::new(&generators::facts(), TranscriptSettings::default()).expect("the default settings are valid")
}

/// The mails of all conversations.
///
/// # Panics
///
/// Never: every generated conversation fits.
pub fn convert(transcript: &Transcript, conversations: &[Conversation]) -> Vec<MailItem> {
    conversations.iter().flat_map(|conversation| transcript.mails(conversation, Issue::FIRST).expect("fits")).collect()
}

/// What is in a mail once everything is rendered: all that is left is to write it.
#[derive(Debug)]
pub struct Finished {
    fields: Vec<(String, String)>,
    text: String,
    html: String,
}

impl Finished {
    /// Takes a mail apart.
    ///
    /// # Panics
    ///
    /// Never: it is a mail.
    pub fn of(item: &MailItem) -> Self {
        let mail = MessageParser::default().parse(&item.content[..]).expect("a mail");
        let body = |part: Option<&mail_parser::MessagePart<'_>>| part.and_then(|part| part.text_contents()).expect("a body").to_owned();
        let fields = mail
            .headers_raw()
            .filter(|(name, _)| !matches!(*name, "Content-Type" | "MIME-Version"))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Self { fields: fields.collect(), text: body(mail.text_part(0)), html: body(mail.html_part(0)) }
    }

    /// Writes it with mail-builder alone, which chooses encodings and boundaries itself; header fields are written as they are.
    ///
    /// # Panics
    ///
    /// Never: memory is written to.
    pub fn write(&self) -> Vec<u8> {
        let mut mail = MessageBuilder::new();
        for (name, value) in &self.fields {
            mail = mail.header(name.as_str(), mail_builder::headers::raw::Raw::new(value.as_str()));
        }
        mail.text_body(self.text.as_str()).html_body(self.html.as_str()).write_to_vec().expect("memory is written to")
    }
}

/// The shortest of so many runs of each of two things, run in turns so that both see the same machine.
pub fn in_turns(runs: u32, mut one: impl FnMut(), mut other: impl FnMut()) -> (Duration, Duration) {
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..runs).fold((Duration::MAX, Duration::MAX), |(best, best_other), _| (best.min(time(&mut one)), best_other.min(time(&mut other))))
}
