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
    /// Every message is formatted (XHTML-IM): one `<span>` with font, size and colour around the text, a bold word in every fifth.
    Rich,
    /// Nearly every word has an element, a colour, a link or a line break of its own.
    Dense,
}

impl Texts {
    /// As the table says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Rich => "rich",
            Self::Dense => "dense",
        }
    }

    /// Conversations of up to 40 messages, as a working day has them.
    pub fn day(self) -> Vec<Conversation> {
        let mut day = generators::sample(generators::conversation_of(Style::Realistic, 2..40), 300);
        let messages = day.iter_mut().flat_map(|conversation| &mut conversation.messages);
        match self {
            Self::Plain => messages.for_each(|message| message.stanza = None),
            Self::Rich => {
                for (number, message) in messages.enumerate() {
                    message.stanza = Some(formatted(&message.body, number % 5 == 0));
                }
            }
            Self::Dense => {
                let mut texts = generators::sample(generators::formatted(), 500).into_iter().cycle();
                for (message, (body, stanza)) in messages.zip(&mut texts) {
                    (message.body, message.stanza) = (body, Some(stanza));
                }
            }
        }
        day
    }
}

/// A stanza whose text is shown in a font, a size and a colour; its first word is bold if that is asked for.
fn formatted(body: &str, bold: bool) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('\n', "<br/>");
    let (word, rest) = body.split_at(if bold { body.find(' ').unwrap_or(body.len()) } else { 0 });
    let word = if word.is_empty() { String::new() } else { format!("<b>{}</b>", escaped(word)) };
    format!(
        "<message to='bob@example.com' from='alice@example.com/jabber_1' type='chat' id='1'><body>{}</body>\
         <html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>\
         <span style='font-family:Segoe UI;font-size:10pt;color:#1a1a1a'>{word}{}</span></body></html></message>",
        body.replace('&', "&amp;").replace('<', "&lt;"),
        escaped(rest),
    )
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
        Box::new(Journal::new(&facts, transcript(settings.clone().journaled().expect("there is room"))).expect("the facts are valid")),
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
