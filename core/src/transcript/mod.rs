//! The converter to transcripts: one mail per conversation and window.

mod clock;
mod envelope;
mod escape;
mod html;
mod json;
mod names;
mod plan;
mod rebuild;
mod text;
mod view;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use self::{
    envelope::{Envelope, Leaves},
    html::Html,
    json::Json,
    plan::Plan,
    text::Text,
    view::{Cut, Frame, Row, Turn, View},
};
use crate::{
    ArchiveFacts, Conversation, Converter, Error, ErrorClass, ErrorKind, FieldHasher, FileRef, Issue, ItemKey, MailItem, MessageLine, Part,
    Party, Recipe, Result,
    mail::{Leaf, size, write},
    people::is_addr_spec,
};

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
/// `Message-ID` is the item id; `In-Reply-To` and `References` name [`ItemId::root`](crate::ItemId::root), the same for all mails of a conversation.
///
/// # The text
///
/// The text/plain body is made to be read by programs, too. All times are UTC, lines end in CRLF, and these are the lines behind
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
/// # Size
///
/// A conversation that does not fit [`max_item_bytes`](TranscriptSettings::max_item_bytes) is cut between messages, and the list of participants
/// between participants. The parts name each other. A message that does not fit a mail by itself is an error of class [`Item`](ErrorClass::Item)
/// that [names it](Error::message); nothing has been emitted then, so that the conversation can be converted without it.
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

/// What can be chosen about a [`Transcript`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TranscriptSettings {
    /// The largest mail, in bytes as stored; at least [`LEAST_ITEM_BYTES`](TranscriptSettings::LEAST_ITEM_BYTES). Default: 10 MiB.
    pub max_item_bytes: usize,
    /// Whether every mail carries its part of the conversation as JSON, from which [`Conversation::from_mails`] rebuilds it.
    pub conversation_json: bool,
}

impl Default for TranscriptSettings {
    fn default() -> Self {
        Self { max_item_bytes: 10 * 1024 * 1024, conversation_json: false }
    }
}

impl TranscriptSettings {
    /// The smallest limit that leaves room for messages beside headers and participants: 256 KiB.
    pub const LEAST_ITEM_BYTES: usize = 256 * 1024;

    /// The same with another limit.
    #[must_use]
    pub fn with_max_item_bytes(self, bytes: usize) -> Self {
        Self { max_item_bytes: bytes, ..self }
    }

    /// The same with or without JSON.
    #[must_use]
    pub fn with_conversation_json(self, attached: bool) -> Self {
        Self { conversation_json: attached, ..self }
    }
}

impl Transcript {
    /// The converter's name, part of every item id.
    pub const NAME: &'static str = "transcript";
    /// Raised whenever the bytes of a mail change.
    const VERSION: u32 = 1;

    /// A converter for an archive with these facts.
    ///
    /// # Errors
    ///
    /// If `max_item_bytes` is less than 256 KiB, or if the archive's Message-ID domain cannot stand in a Message-ID.
    pub fn new(facts: &ArchiveFacts, settings: TranscriptSettings) -> Result<Self> {
        let refuse = |what: String| Error::new(ErrorKind::Config, ErrorClass::Fatal, "set up transcript", what);
        if settings.max_item_bytes < TranscriptSettings::LEAST_ITEM_BYTES {
            return Err(refuse(format!("{} bytes leave no room for messages", settings.max_item_bytes))
                .about("max_item_bytes")
                .advise(format!("set it to {} or more", TranscriptSettings::LEAST_ITEM_BYTES)));
        }
        // 26 characters of the item id and an `@` stand before it.
        if !is_addr_spec(&format!("id@{}", facts.message_id_domain)) || facts.message_id_domain.len() > 220 {
            return Err(refuse("not a domain that a Message-ID can have".to_owned())
                .about("message_id_domain")
                .advise("use at most 220 letters, digits, hyphens and dots, such as archive.example.com"));
        }
        Ok(Self { facts: facts.clone(), settings })
    }

    /// Renders one part. Its size is known here, before any of it is written.
    fn part<'f>(&self, frame: &'f Frame<'f>) -> Rendered<'f> {
        let text = render(&Text, frame, frame.rows);
        let html = render(&Html, frame, frame.rows);
        let json = self.settings.conversation_json.then(|| render(&Json, frame, frame.own_rows));
        let leaves = Leaves { text: Leaf::text(&text), html: Leaf::text(&html), json: json.map(|json| Leaf::binary(json.as_bytes())) };
        let envelope = Envelope::new(frame);
        Rendered { size: size(envelope.mail(&leaves)), envelope, leaves }
    }

    fn item(&self, frame: &Frame<'_>, rendered: &Rendered<'_>, people: &BTreeSet<Party>) -> Result<MailItem> {
        let Conversation { key, window, .. } = frame.view.conversation;
        if rendered.size > self.settings.max_item_bytes {
            let what = format!("a part takes {} bytes, more than the limit of {}", rendered.size, self.settings.max_item_bytes);
            return Err(Error::new(ErrorKind::Conversion, ErrorClass::Item, "convert", what).about(&frame.id));
        }
        let content = write(rendered.envelope.mail(&rendered.leaves), rendered.size);
        let item_key = ItemKey::new(*window, frame.id.clone());
        let mut item = MailItem::new(item_key, key.digest(), frame.view.issue, frame.part, content.into());
        item.people.clone_from(people);
        item.messages = frame.messages().iter().map(MessageLine::of).collect();
        Ok(item)
    }
}

impl Converter for Transcript {
    fn recipe(&self) -> Recipe {
        let settings = FieldHasher::new()
            .field("v1")
            .field("max_item_bytes")
            .field(&self.settings.max_item_bytes.to_string())
            .field("conversation_json")
            .field(if self.settings.conversation_json { "true" } else { "false" })
            .finish();
        Recipe::new(Self::NAME, Self::VERSION, settings)
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        let limit = self.settings.max_item_bytes;
        let view = View::new(&self.facts, Self::NAME, conversation, issue, limit)?;
        let people = conversation.participants.iter().map(|person| person.party.clone()).collect();

        // Both bodies hold every text, so what is longer cannot fit.
        if conversation.messages.iter().map(|message| 2 * message.body.len()).sum::<usize>() <= limit {
            let all = Cut { rows: 0..view.rows.len(), messages: 0..conversation.messages.len() };
            let frame = Frame::new(&view, Part::new(1, 1), &all, true);
            let rendered = self.part(&frame);
            if rendered.size <= limit {
                return emit(self.item(&frame, &rendered, &people)?);
            }
        }

        let Plan { cuts, everybody } = plan::plan(&view, limit, self.settings.conversation_json)?;
        let of = u32::try_from(cuts.len()).unwrap_or(u32::MAX);
        for (number, cut) in (1..).zip(&cuts) {
            let frame = Frame::new(&view, Part::new(number, of), cut, everybody);
            emit(self.item(&frame, &self.part(&frame), &people)?)?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Rendered<'f> {
    envelope: Envelope<'f>,
    leaves: Leaves,
    size: usize,
}

/// One of the forms in which a mail holds a conversation. What each method appends is whole lines in the forms for people.
trait Rendition {
    /// What stands before the participants.
    fn open(&self, frame: &Frame<'_>, out: &mut String);

    /// A participant; `first` if it is the first of this part.
    fn row(&self, view: &View<'_>, row: &Row<'_>, first: bool, out: &mut String);

    /// What stands between participants and messages.
    fn between(&self, frame: &Frame<'_>, out: &mut String);

    /// A message; `before` is the one before it in this part.
    fn message(&self, turn: Turn<'_>, before: Option<Turn<'_>>, out: &mut String);

    /// What stands behind the messages.
    fn close(&self, frame: &Frame<'_>, out: &mut String);
}

fn render(rendition: &impl Rendition, frame: &Frame<'_>, rows: &[Row<'_>]) -> String {
    let bodies: usize = frame.messages().iter().map(|message| message.body.len() + 120).sum();
    let mut out = String::with_capacity(bodies + bodies / 8 + rows.len() * 300 + 4_096);
    rendition.open(frame, &mut out);
    for (index, row) in rows.iter().enumerate() {
        rendition.row(frame.view, row, index == 0, &mut out);
    }
    rendition.between(frame, &mut out);
    let mut before = None;
    for turn in frame.turns() {
        rendition.message(turn, before, &mut out);
        before = Some(turn);
    }
    rendition.close(frame, &mut out);
    out
}

/// Size and digest of a file, for people to read.
fn file_facts(file: &FileRef) -> String {
    let size = file.size.map_or("size unknown".to_owned(), |size| format!("{size} bytes"));
    match &file.digest {
        Some(digest) => format!("{size}, SHA-256 {digest}"),
        None => size,
    }
}
