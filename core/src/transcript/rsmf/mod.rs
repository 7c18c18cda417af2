//! The converter to Relativity's short message format.

mod file;
mod manifest;
mod plan;
mod timeline;
mod zip;

use std::collections::BTreeSet;

use mail_parser::MimeHeaders;

pub(super) use self::zip::files;

use self::{
    file::{File, Slice},
    plan::{Plan, plan},
    timeline::{Event, timeline},
    zip::MOST_FILES,
};
use super::{
    Placed, TranscriptSettings,
    cut::{Cut, Said},
    frame::Frame,
    parts::least,
    view::{Holds, View},
};
use crate::{
    ArchiveFacts, Conversation, Converter, Error, ErrorClass, ErrorKind, FileContent, Issue, MailItem, Part, Party, Recipe, Result,
    TimeZone,
};

/// The version of the format.
const VERSION: &str = "2.0.0";
/// Who makes the files: no version, on which their bytes would depend.
const GENERATOR: &str = "Jabber Archive";
/// The name of the one attachment.
const ZIP_NAME: &str = "rsmf.zip";
/// The most events of a file, beside a notice: Relativity advises 10,000.
const MOST_EVENTS: usize = 9_999;
/// The largest file that review tools read: 2 GB.
const MOST_ITEM_BYTES: usize = 2_000_000_000;

/// Makes files in Relativity's short message format (RSMF 2.0.0) of a conversation, which review tools show as a chat.
///
/// # The file
///
/// It is a mail with the header fields of a [`Transcript`](crate::Transcript) behind those that the format has: `X-RSMF-Version`, first of all,
/// `-Generator`, `-BeginDate`, `-EndDate`, `-EventCount`, `-AttachmentCount`, `-Application` and `-EventCollectionID`, which is the same for a conversation
/// from day to day. Its text is that of the transcript: review tools search it. Its one attachment, `rsmf.zip`, holds `rsmf_manifest.json` and the
/// files that were sent, all stored without compression, so that the bytes of a file depend on nothing but the conversation.
///
/// # The manifest
///
/// It lists all participants, one conversation and its events in order of time:
///
/// | event | |
/// |---|---|
/// | `message` | a message: its plain text, exactly; formatting is not told. `id` is its name in the lists of the archive: start in milliseconds, identity, ordinal |
/// | `join`, `leave` | somebody entered or left the room |
/// | `disclaimer` | first, where there is something to say: that this is an addendum, or one part of several and which the others are; conversation and stanzas are attached to it, where they are asked for |
///
/// What the format has no fields for stands in `custom`: how an address and a participation are known, subjects, files whose content is elsewhere, and
/// at the conversation the facts of the `X-Jabber-Archive-` fields. `email` is only told of who has an address that mail can reach; `account_id` is the
/// JID. Between two, a conversation is `direct`; in a room it is a `channel`, whose `participants` are those who were not known to be
/// outside at the first event. Chats have no custodian, and so no `direction`. All times are UTC, whatever the
/// [zone](TranscriptSettings::time_zone).
///
/// # Size
///
/// A conversation that does not fit [`max_item_bytes`](TranscriptSettings::max_item_bytes), or has more than 9,999 events, is cut between events as a
/// transcript is between messages, so that the parts follow each other in time. A message that no part can hold is continued, under the same `id`; one is
/// refused as for a [`Transcript`](crate::Transcript). A file
/// that would take more than half of a part is an [object of its own](MailItem::objects).
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
/// let rsmf = Rsmf::new(&facts, TranscriptSettings::default().with_conversation_json(true))?;
/// let mails = rsmf.mails(&conversation, Issue::FIRST)?;
/// assert!(mails[0].content.starts_with(b"X-RSMF-Version: 2.0.0\r\n"));
///
/// let contents: Vec<_> = mails.iter().map(|mail| &mail.content).collect();
/// assert_eq!(Conversation::from_mails(&contents)?, conversation);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Rsmf {
    facts: ArchiveFacts,
    settings: TranscriptSettings,
}

impl Rsmf {
    /// The converter's name, part of every item id.
    pub const NAME: &'static str = "rsmf";
    /// Raised whenever the bytes of a file change.
    const VERSION: u32 = 2;

    /// A converter for an archive with these facts.
    ///
    /// # Errors
    ///
    /// As those of [`Transcript::new`](crate::Transcript::new), and if `max_item_bytes` is more than 2 GB, beyond which review tools read none.
    pub fn new(facts: &ArchiveFacts, settings: TranscriptSettings) -> Result<Self> {
        const OPERATION: &str = "set up rsmf";
        if settings.max_item_bytes > MOST_ITEM_BYTES {
            let what = format!("{} bytes are more than review tools read", settings.max_item_bytes);
            return Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, OPERATION, what)
                .about("max_item_bytes")
                .advise(format!("set it to {MOST_ITEM_BYTES} or less")));
        }
        settings.check(facts, OPERATION)?;
        // Nothing in a file is shown in another zone, so that none is named, in the recipe neither.
        Ok(Self { facts: facts.clone(), settings: settings.with_time_zone(TimeZone::default()) })
    }
}

impl Converter for Rsmf {
    fn recipe(&self) -> Recipe {
        Recipe::new(Self::NAME, Self::VERSION, self.settings.digest())
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        let limit = self.settings.max_item_bytes;
        let placed = Placed::new(conversation, limit);
        let view = View::new(&self.facts, &self.settings, Holds::Slice, &placed.conversation, issue)?;
        let timeline = timeline(view.conversation);
        let people: BTreeSet<Party> = conversation.participants.iter().map(|person| person.party.clone()).collect();

        if may_fit(&view, &timeline, limit) {
            let all = Cut { rows: 0..view.rows.len(), said: Said::Messages(0..view.conversation.messages.len()) };
            let frame = Frame::new(&view, Part::new(1, 1), &all, true);
            let file = File::new(&frame, &timeline, &self.settings)?;
            if file.fits() {
                return emit(file.item(&placed, people)?);
            }
        }

        let Plan { slices, everybody } = plan(&view, &timeline, &self.settings)?;
        let of = u32::try_from(slices.len()).unwrap_or(u32::MAX);
        for (number, Slice { cut, events }) in (1..).zip(&slices) {
            let frame = Frame::new(&view, Part::new(number, of), cut, everybody);
            emit(File::new(&frame, &timeline[events.clone()], &self.settings)?.item(&placed, people.clone())?)?;
        }
        Ok(())
    }
}

/// Whether it is worth trying to put all into one file.
fn may_fit(view: &View<'_>, timeline: &[Event], limit: usize) -> bool {
    let messages = &view.conversation.messages;
    let files = messages.iter().flat_map(|message| &message.files).filter(|file| matches!(file.content(), FileContent::Read(_)));
    timeline.len() <= MOST_EVENTS && files.count() + 3 <= MOST_FILES && messages.iter().map(least).sum::<usize>() <= limit
}

/// The zip file in an RSMF file; none in any other mail, whatever is attached to it.
pub(super) fn zip_in<'m>(mail: &'m mail_parser::Message<'_>) -> Option<&'m [u8]> {
    mail.header("X-RSMF-Version")?;
    mail.attachments().find(|part| part.attachment_name() == Some(ZIP_NAME)).map(mail_parser::MessagePart::contents)
}
