//! The converters to transcripts: one mail for each conversation and window, as it is read or for review tools, or one for each message.

mod audience;
mod clock;
mod cut;
mod envelope;
mod escape;
mod files;
mod frame;
mod html;
mod json;
mod names;
mod parts;
mod per_message;
mod plan;
mod rebuild;
mod rendered;
mod rendition;
mod rich_text;
mod row;
#[cfg(feature = "rsmf")]
mod rsmf;
mod settings;
mod stanzas;
mod text;
mod view;

#[cfg(feature = "rsmf")]
pub use self::rsmf::Rsmf;
pub use self::{per_message::PerMessage, settings::TranscriptSettings};

use self::{
    files::Placed,
    html::Html,
    json::Json,
    rendition::Rendition,
    stanzas::Stanzas,
    text::Text,
    view::{Holds, View},
};
use crate::{ArchiveFacts, Conversation, Converter, Issue, MailItem, Recipe, Result};

/// The words by which every mail of every archive is found, in both bodies; header fields of ours may get lost on the way.
const FOOTER: &str = "Cisco Jabber archive";

/// Makes one mail of a conversation: headers that archives can search, a transcript as text/plain and as text/html, and on request the
/// conversation itself as JSON.
///
/// # The mail
///
/// `From` is the sender of the mail's first message and `Date` is its time; in a part that holds participants alone, those of the
/// conversation's first message. `To` names all participants, the sender too; with more than 200, or where they would fill an eighth
/// of the mail, it names the room and the senders of the part. Names and addresses stand in full in the bodies; an address that is no plain ASCII
/// `addr-spec` is replaced in header fields by one below `.invalid`.
/// Where a participant has no address that reaches anybody, [`catch_all`](TranscriptSettings::catch_all) stands in `To` as well, if it is set, and nowhere else.
/// `Message-ID` is the item id; `In-Reply-To` and `References` name [`ItemId::root`](crate::ItemId::root), the same for all mails of a conversation.
///
/// # The text
///
/// The text/plain body is made to be read by programs, too. All times are UTC, whatever the [zone](TranscriptSettings::time_zone); lines end in CRLF, and these are the lines behind
/// `Messages: <number>`:
///
/// | line | |
/// |---|---|
/// | empty, then `2026-11-21` | the day of the messages that follow |
/// | `[09:14:03Z] Alice Example: text` | a message begins; the name ends at the first `: ` |
/// | four spaces and text | the message goes on; the four spaces are not part of it |
/// | `  + Subject: …`, `  + File (facts): name` | what came with the message |
/// | empty, then `Cisco Jabber archive` | the end; `Name: value` lines follow, the same facts as in the `X-Jabber-Archive-` fields |
///
/// Control characters other than tab and line feed appear as their pictures (U+2400 and following; `␤` for U+0085, U+2028 and U+2029), so that no message
/// can forge a line, and no two participants are shown by the same name.
///
/// # Formatted text
///
/// Where a stanza holds XHTML-IM (XEP-0071) with the same words as the text, the text/html body shows it: emphasis, lists, quotations, colours that can be read,
/// and links to `http`, `https` and `mailto` whose text names no other place. Nothing else is passed on, nothing is fetched, and both bodies say the same.
///
/// # Size
///
/// A conversation that does not fit [`max_item_bytes`](TranscriptSettings::max_item_bytes) is cut between messages, and the list of participants
/// between participants. The parts name each other. A message that does not fit a mail by itself is continued from part to part at character
/// borders, with `  + Continued …` lines that say so, and a line at the head of each part that goes on with it; it is listed and counted where it begins.
/// What is known of a file is never cut: a message with the name of one that no mail can hold is refused with an error of class
/// [`Item`](crate::ErrorClass::Item) that names the message.
///
/// # Files
///
/// A file whose content was read is an attachment, `application/octet-stream` whatever it is called; one that would take more than half of a mail is an
/// [object of its own](MailItem::objects) that the mail names by its digest.
///
/// ```
/// use jabber_archive_core::*;
///
/// # fn main() -> Result<()> {
/// let facts = ArchiveFacts::new("example")?;
/// let alice = Party::User(BareJid::new("alice@example.com").unwrap());
/// let bob = Party::User(BareJid::new("bob@example.com").unwrap());
/// let person = |party: &Party| Participant::new(party.clone(), Address::Mapped(party.to_string()), None);
/// let sent: Timestamp = "2026-11-21T09:14:03Z".parse()?;
/// let key = MessageKey::new(sent, FieldHasher::new().finish().short(), 0);
/// let conversation = Conversation::new(
///     ConversationKey::pair(alice.clone(), bob.clone()),
///     facts.grid.window_at(sent),
///     ConversationKind::OneToOne,
///     None,
///     vec![person(&alice), person(&bob)],
///     vec![Message::new(key, alice, "Hello Bob".into())],
/// );
///
/// let transcript = Transcript::new(&facts, TranscriptSettings::default().with_conversation_json(true))?;
/// let mails = transcript.mails(&conversation, Issue::FIRST)?;
/// assert!(String::from_utf8_lossy(&mails[0].content).contains("[09:14:03Z] alice: Hello Bob\r\n"));
///
/// let contents: Vec<_> = mails.iter().map(|mail| &mail.content).collect();
/// assert_eq!(Conversation::from_mails(&contents)?, conversation);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Transcript {
    facts: ArchiveFacts,
    settings: TranscriptSettings,
}

impl Transcript {
    /// The converter's name, part of every item id.
    pub const NAME: &'static str = "transcript";
    /// Raised whenever the bytes of a mail change.
    const VERSION: u32 = 4;

    /// A converter for an archive with these facts.
    ///
    /// # Errors
    ///
    /// If `max_item_bytes` is less than 256 KiB, if `catch_all` is no plain address, or if the archive's Message-ID domain cannot stand in a Message-ID.
    pub fn new(facts: &ArchiveFacts, settings: TranscriptSettings) -> Result<Self> {
        settings.check(facts, "set up transcript")?;
        Ok(Self { facts: facts.clone(), settings })
    }
}

impl Converter for Transcript {
    fn recipe(&self) -> Recipe {
        Recipe::new(Self::NAME, Self::VERSION, self.settings.digest())
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        let placed = Placed::new(conversation, self.settings.max_item_bytes);
        let view = View::new(&self.facts, &self.settings, Holds::Part, &placed.conversation, issue)?;
        parts::convert(&view, &placed, &self.settings, emit)
    }
}
