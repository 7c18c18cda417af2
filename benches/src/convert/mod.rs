//! What converting is compared with: the same finished mails, written by mail-builder alone and by Python's `email`.

mod finished;
mod python;

pub use self::{finished::Finished, python::Python};

use jabber_archive_core::{
    ArchiveFacts, Conversation, Converter, ConverterExt, Issue, Journal, MailItem, PerMessage, Rsmf, Transcript, TranscriptSettings,
    testing::generators::{self, Style},
};

/// What conversations say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "text is one or the other")]
pub enum Texts {
    /// No message is formatted.
    Plain,
    /// Every message is formatted (XHTML-IM).
    Rich,
}

impl Texts {
    /// As the table says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Rich => "rich",
        }
    }

    /// Conversations of up to 40 messages, as a working day has them.
    pub fn day(self) -> Vec<Conversation> {
        let mut day = generators::sample(generators::conversation_of(Style::Realistic, 2..40), 300);
        let messages = day.iter_mut().flat_map(|conversation| &mut conversation.messages);
        match self {
            Self::Plain => messages.for_each(|message| message.stanza = None),
            Self::Rich => {
                let mut texts = generators::sample(generators::formatted(), 500).into_iter().cycle();
                for (message, (body, stanza)) in messages.zip(&mut texts) {
                    (message.body, message.stanza) = (body, Some(stanza));
                }
            }
        }
        day
    }
}

/// Every converter with its settings as most people run it.
///
/// # Panics
///
/// Never: the settings are the default ones.
pub fn converters() -> Vec<Box<dyn Converter>> {
    let facts: ArchiveFacts = generators::facts();
    let settings = TranscriptSettings::default();
    let transcript = |settings| Transcript::new(&facts, settings).expect("the default settings are valid");
    vec![
        Box::new(transcript(settings.clone())),
        Box::new(PerMessage::new(&facts, settings.clone()).expect("the default settings are valid")),
        Box::new(Journal::new(&facts, transcript(settings.journaled().expect("there is room"))).expect("the facts are valid")),
        Box::new(Rsmf::new(&facts, settings).expect("the default settings are valid")),
    ]
}

/// The mails of all conversations.
///
/// # Panics
///
/// Never: every generated conversation fits.
pub fn mails(converter: &dyn Converter, conversations: &[Conversation]) -> Vec<MailItem> {
    conversations.iter().flat_map(|conversation| converter.mails(conversation, Issue::FIRST).expect("fits")).collect()
}
