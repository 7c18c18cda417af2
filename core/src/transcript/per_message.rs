use std::collections::BTreeSet;

use super::{
    Placed, TranscriptSettings,
    audience::audience,
    cut::Said,
    frame::Frame,
    parts::{self, least},
    plan::{people_fit, pieces},
    rendered::Rendered,
    view::{Holds, MOST_ADDRESSES, View},
};
use crate::{ArchiveFacts, Conversation, Converter, Issue, MailItem, Part, Party, Recipe, Result};

/// Makes one mail of each message, for those who want to read chats as threads of mails.
///
/// # The mail
///
/// It is a [`Transcript`](crate::Transcript) of one message: the same header fields, the same two bodies with the same lines, on request the same JSON.
/// `From` is the sender, `Date` the time, and `Message-ID` is made from the message's key, so that a mail does not depend on the other messages.
/// `Subject`, `In-Reply-To` and `References` are the same for all mails of a conversation: they form one thread, from day to day.
///
/// `To` names to whom the message went: between two, the other; in a room, those for whom a copy was logged and those who were inside, and
/// where neither is known of anybody, all other participants. Beyond 200, or where they would fill an eighth of the mail, it names the room and the sender.
///
/// Where the sender or one of these has no address that reaches anybody, [`catch_all`](TranscriptSettings::catch_all) stands in `To` as well.
///
/// The bodies list all participants of the conversation, those who got nothing too. More than 200, or more than fill an eighth of the mail, are
/// listed in mails of their own, without messages, which the mails of the messages name.
///
/// # Size
///
/// A message that does not fit [`max_item_bytes`](TranscriptSettings::max_item_bytes) is cut into several mails as a transcript is, which name each other.
///
/// ```
/// use jabber_archive_core::*;
///
/// # fn main() -> Result<()> {
/// let facts = ArchiveFacts::new("example")?;
/// let alice = Party::User(BareJid::new("alice@example.com").unwrap());
/// let bob = Party::User(BareJid::new("bob@example.com").unwrap());
/// let person = |party: &Party| Participant::new(party.clone(), Address::Mapped(party.to_string()), None);
/// let message = |sent: &str, sender: &Party, body: &str| -> Result<Message> {
///     let key = MessageKey::new(sent.parse()?, FieldHasher::new().field(body).finish().short(), 0);
///     Ok(Message::new(key, sender.clone(), body.into()))
/// };
/// let conversation = Conversation::new(
///     ConversationKey::pair(alice.clone(), bob.clone()),
///     facts.grid.window_at("2026-11-21T09:14:03Z".parse()?),
///     ConversationKind::OneToOne,
///     None,
///     vec![person(&alice), person(&bob)],
///     vec![message("2026-11-21T09:14:03Z", &alice, "Hello Bob")?, message("2026-11-21T09:14:40Z", &bob, "Hello Alice")?],
/// );
///
/// let per_message = PerMessage::new(&facts, TranscriptSettings::default().with_conversation_json(true))?;
/// let mails = per_message.mails(&conversation, Issue::FIRST)?;
/// let answer = String::from_utf8_lossy(&mails[1].content);
/// assert_eq!(mails.len(), 2);
/// assert!(answer.starts_with("From: \"bob\" <bob@example.com>\r\nTo: \"alice\" <alice@example.com>\r\n"));
/// assert!(answer.contains("[09:14:40Z] bob: Hello Alice\r\n"));
///
/// let contents: Vec<_> = mails.iter().map(|mail| &mail.content).collect();
/// assert_eq!(Conversation::from_mails(&contents)?, conversation);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PerMessage {
    facts: ArchiveFacts,
    settings: TranscriptSettings,
}

impl PerMessage {
    /// The converter's name, part of every item id.
    pub const NAME: &'static str = "per-message";
    /// Raised whenever the bytes of a mail change.
    const VERSION: u32 = 3;

    /// A converter for an archive with these facts.
    ///
    /// # Errors
    ///
    /// As those of [`Transcript::new`](crate::Transcript::new).
    pub fn new(facts: &ArchiveFacts, settings: TranscriptSettings) -> Result<Self> {
        settings.check(facts, "set up per-message")?;
        Ok(Self { facts: facts.clone(), settings })
    }

    /// The mails that list the participants.
    fn people(&self, of: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        let people = Conversation::new(of.key.clone(), of.window, of.kind, of.title.clone(), of.participants.clone(), Vec::new());
        let limit = self.settings.max_item_bytes;
        let view = View::new(&self.facts, &self.settings, Holds::People, &people, issue)?;
        parts::convert(&view, &Placed::new(&people, limit), &self.settings, emit)
    }

    /// The mail of the message at this index, or several where it does not fit.
    fn message(
        &self,
        view: &View<'_>,
        placed: &Placed<'_>,
        index: usize,
        everybody: bool,
        emit: &mut dyn FnMut(MailItem) -> Result<()>,
    ) -> Result<()> {
        let Conversation { messages, participants, .. } = view.conversation;
        let (message, sender) = (&messages[index], view.turn(index).sender);
        let audience = audience(view.conversation, message, sender);
        let party = |index: &usize| Some(participants.get(*index)?.party.clone());
        let people: BTreeSet<Party> = audience.iter().chain([&sender]).filter_map(party).collect();
        let frame = |part, said| Frame::of_message(view, part, said, &audience, everybody, self.settings.max_item_bytes);

        let whole = Said::Messages(index..index + 1);
        if least(message) <= self.settings.max_item_bytes {
            let frame = frame(Part::new(1, 1), &whole);
            let rendered = Rendered::new(&frame, &self.settings);
            if rendered.fits() {
                return emit(rendered.item(placed, people)?);
            }
        }
        let pieces = pieces(index, &frame(Part::new(1, 1), &whole).largest_part(), &self.settings)?;
        let of = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
        for (number, piece) in (1..).zip(&pieces) {
            let frame = frame(Part::new(number, of), piece);
            emit(Rendered::new(&frame, &self.settings).item(placed, people.clone())?)?;
        }
        Ok(())
    }
}

impl Converter for PerMessage {
    fn recipe(&self) -> Recipe {
        Recipe::new(Self::NAME, Self::VERSION, self.settings.digest())
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        let limit = self.settings.max_item_bytes;
        let placed = Placed::new(conversation, limit);
        let view = View::new(&self.facts, &self.settings, Holds::Message, &placed.conversation, issue)?;
        let everybody = conversation.participants.len() <= MOST_ADDRESSES && people_fit(&view, &self.settings);
        if !everybody || conversation.messages.is_empty() {
            self.people(conversation, issue, emit)?;
        }
        for index in 0..conversation.messages.len() {
            self.message(&view, &placed, index, everybody, emit)?;
        }
        Ok(())
    }
}
