//! Journal reports as Exchange writes them, around the mails of any converter.

use std::collections::{BTreeMap, BTreeSet};

use mail_builder::{
    MessageBuilder,
    headers::{address::Address as Mailbox, content_type::ContentType, raw::Raw},
    mime::MimePart,
};
use mail_parser::{Message, MessageParser, MimeHeaders};
use memchr::{memchr, memchr_iter};

use crate::{
    Address, ArchiveFacts, Conversation, ConversationKey, Converter, Error, ErrorClass, ErrorKind, FieldHasher, HeaderText, Issue, ItemId,
    ItemKey, MailItem, Party, Recipe, Result,
    mail::{Leaf, check_domain, header_address, text_field, write},
};

/// The most that a report adds to the mail in it.
pub(crate) const ENVELOPE_BYTES: usize = 64 * 1024;
/// What the header fields of most reports take, in bytes; others take more.
const HEADER_BYTES: usize = 1_536;
/// The longest list of recipients in one report; base64 makes about 44 KiB of it, the rest is for header fields.
const RECIPIENTS_BYTES: usize = 32 * 1024;
/// The field by which archives know a report.
const FIELD: &str = "X-MS-Journal-Report";
/// The longest subject, in characters; those of transcripts end before.
const SUBJECT: usize = 500;

/// Puts every mail of another converter, unaltered, into a journal report of Exchange 2007 and later ([MS-XJRNL]), which archives of mail take in.
///
/// # The report
///
/// The first part says in text/plain, one field a line, who the mail is from (`Sender`), its `Subject` and `Message-ID`, and `To` whom it went: to
/// everybody [for whom it is](MailItem::people), however many the mail's own header names; the sender only where the mail's own `To` names them.
/// A mailbox that is none of theirs and stands in the mail's `To`, such as [`catch_all`](crate::TranscriptSettings::catch_all), comes first.
/// In a room each member is `To: member, Expanded: room`.
/// The second part, message/rfc822, is the mail, byte for byte: [`journaled_mail`] gives it back.
///
/// The report is from `archive@` to `journal@` the archive's Message-ID domain, has the mail's date and subject and a Message-ID of its own, made
/// from the mail's id, and the empty field `X-MS-Journal-Report` by which archives know it.
///
/// # Several reports of one mail
///
/// Recipients that take more than 32 KiB, some 400 in a room, are told in several reports around the same mail, as Exchange does where it delivers one
/// mail in several copies: each has an id of its own and a share of the recipients, and every recipient stands in exactly one. Of a report's
/// [`people`](MailItem::people) are those of its share, and in the first also a sender who is no recipient. The first report lists the mail's
/// messages, so that each is counted once; all name its [`objects`](MailItem::objects), whose content comes with the first.
///
/// # Size
///
/// The envelope takes at most 64 KiB: give the converter a limit that leaves room, as
/// [`TranscriptSettings::journaled`](crate::TranscriptSettings::journaled) does.
///
/// [MS-XJRNL]: https://learn.microsoft.com/en-us/openspecs/exchange_server_protocols/ms-xjrnl/
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
/// let per_message = PerMessage::new(&facts, TranscriptSettings::default().journaled()?)?;
/// let mail = per_message.mails(&conversation, Issue::FIRST)?.remove(0);
/// let report = Journal::new(&facts, per_message)?.mails(&conversation, Issue::FIRST)?.remove(0);
/// assert_eq!(journaled_mail(&report.content)?, mail.content);
///
/// let text = String::from_utf8_lossy(&report.content);
/// assert!(text.contains("Sender: alice@example.com\r\nSubject: Jabber: alice, bob\r\n"));
/// assert!(text.contains("\r\nTo: bob@example.com\r\n"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Journal<C> {
    facts: ArchiveFacts,
    inner: C,
}

impl<C: Converter> Journal<C> {
    /// Raised whenever the bytes of an envelope change.
    const VERSION: u32 = 2;

    /// Reports of the mails of this converter.
    ///
    /// # Errors
    ///
    /// If the archive's Message-ID domain cannot stand in a Message-ID.
    pub fn new(facts: &ArchiveFacts, inner: C) -> Result<Self> {
        check_domain(facts, "set up journal")?;
        Ok(Self { facts: facts.clone(), inner })
    }

    fn reports(&self, conversation: &Conversation, mut mail: MailItem, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        let refuse = |what: &str| Error::new(ErrorKind::Conversion, ErrorClass::Item, "journal", what).about(&mail.key.id);
        let encoding = transfer_encoding(&mail.content).ok_or_else(|| refuse("the mail has lines that no mail may have"))?;
        let header = MessageParser::default().parse_headers(&mail.content[..]).ok_or_else(|| refuse("this is no mail"))?;
        let about = About::new(&header, &mail, &self.facts);
        let shares = shares(&header, conversation, &mail, &about);
        for (number, share) in (1..).zip(shares) {
            let id = ItemId::of_report(&mail.key.id, number);
            let fields = Leaf::text(&about.fields(&share));
            let envelope = self.envelope(&about, &id, &fields, &mail, encoding);
            let content = write(envelope, mail.content.len() + fields.len() + HEADER_BYTES);
            if content.len() > mail.content.len() + ENVELOPE_BYTES {
                return Err(refuse("the envelope takes more than 64 KiB"));
            }
            let mut report = MailItem::new(ItemKey::new(mail.key.window, id), mail.conversation, mail.issue, mail.part, content.into());
            report.people = share.people;
            report.objects.clone_from(&mail.objects);
            report.messages = std::mem::take(&mut mail.messages);
            for object in &mut mail.objects {
                object.content = None;
            }
            emit(report)?;
        }
        Ok(())
    }

    fn envelope<'a>(&self, about: &'a About, id: &ItemId, fields: &'a Leaf, mail: &'a MailItem, encoding: &'a str) -> MessageBuilder<'a> {
        let domain = &self.facts.message_id_domain;
        let parts = vec![
            fields.part(ContentType::new("text/plain").attribute("charset", "utf-8")),
            MimePart::new(ContentType::new("message/rfc822"), &mail.content[..]).transfer_encoding(encoding),
        ];
        MessageBuilder::new()
            .from(Mailbox::new_address(None::<&str>, format!("archive@{domain}")))
            .to(Mailbox::new_address(None::<&str>, format!("journal@{domain}")))
            .date(about.date)
            .header("Subject", text_field(&about.subject))
            .message_id(format!("{id}@{domain}"))
            .header("Auto-Submitted", Raw::new("auto-generated"))
            .header(FIELD, Raw::new(""))
            .body(MimePart::new(ContentType::new("multipart/mixed").attribute("boundary", format!("=_{id}_journal")), parts))
    }
}

impl<C: Converter> Converter for Journal<C> {
    fn recipe(&self) -> Recipe {
        let inner = self.inner.recipe();
        let settings = FieldHasher::new().field("v1").field(&inner.name).integer(inner.version.into()).field(&inner.settings.to_string());
        Recipe::new(format!("journal-{}", inner.name), Self::VERSION, settings.finish())
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        self.inner.convert(conversation, issue, &mut |mail| self.reports(conversation, mail, emit))
    }
}

/// The mail in a report that a [`Journal`] made, byte for byte.
///
/// # Errors
///
/// Of class [`Item`](ErrorClass::Item), if it is no such report.
pub fn journaled_mail(report: &[u8]) -> Result<&[u8]> {
    let refuse = || Error::new(ErrorKind::Conversion, ErrorClass::Item, "read journal report", "this is no journal report of ours");
    let parsed = MessageParser::default().parse(report).ok_or_else(refuse)?;
    parsed.header_raw(FIELD).ok_or_else(refuse)?;
    let boundary = parsed.root_part().content_type().and_then(|kind| kind.attribute("boundary")).ok_or_else(refuse)?;
    let mail = parsed.parts.iter().find(|part| part.is_message()).ok_or_else(refuse)?;
    // RFC 2046, section 5.1.1: the line's end before a boundary belongs to the boundary.
    let tail = format!("\r\n--{boundary}--\r\n");
    let end = report.len().checked_sub(tail.len()).filter(|end| report.get(*end..) == Some(tail.as_bytes())).ok_or_else(refuse)?;
    report.get(mail.raw_body_offset() as usize..end).ok_or_else(refuse)
}

/// Whether a mail says of itself that it is a journal report.
pub(crate) fn is_report(mail: &[u8]) -> bool {
    MessageParser::default().parse_headers(mail).is_some_and(|header| header.header_raw(FIELD).is_some())
}

/// What every report of a mail says of it.
#[derive(Debug)]
struct About {
    sender: String,
    subject: HeaderText,
    message_id: String,
    date: i64,
    /// Whom it is for where nobody is named.
    archive: String,
}

impl About {
    fn new(header: &Message<'_>, mail: &MailItem, facts: &ArchiveFacts) -> Self {
        let archive = format!("archive@{}", facts.message_id_domain);
        Self {
            sender: header.from().and_then(|from| from.first()?.address()).map_or(archive.clone(), plain),
            subject: HeaderText::shortened(header.subject().unwrap_or_default().trim(), SUBJECT),
            message_id: HeaderText::shortened(header.message_id().unwrap_or(mail.key.id.as_str()), SUBJECT).as_str().to_owned(),
            date: header.date().map_or(mail.key.window.start().millis().div_euclid(1_000), mail_parser::DateTime::to_timestamp),
            archive,
        }
    }

    /// The fields in their order: `Journal-report-body` of MS-XJRNL.
    fn fields(&self, share: &Share) -> String {
        format!("Sender: {}\r\nSubject: {}\r\nMessage-ID: <{}>\r\n{}", self.sender, self.subject, self.message_id, share.lines)
    }
}

/// The recipients that one report tells.
#[derive(Debug, Default, PartialEq, Eq)]
struct Share {
    /// A line for each, ending in CRLF.
    lines: String,
    people: BTreeSet<Party>,
}

/// Everybody whom a mail is for, each in one share; there is always one.
fn shares(header: &Message<'_>, conversation: &Conversation, mail: &MailItem, about: &About) -> Vec<Share> {
    let named = header.to().into_iter().flat_map(mail_parser::Address::iter);
    let named: BTreeSet<String> = named.filter_map(|to| to.address().map(plain)).collect();
    let room = match &conversation.key {
        ConversationKey::Pair(..) => None,
        ConversationKey::Room(room) => Some(plain(room.as_str())),
    };
    // Several may have one address.
    let mut people: BTreeMap<String, BTreeSet<Party>> = BTreeMap::new();
    for party in &mail.people {
        people.entry(address(conversation, party)).or_default().insert(party.clone());
    }
    let is_other = |to: &&String| !people.contains_key(*to) && (people.is_empty() || room.as_ref() != Some(*to));
    let others: Vec<String> = named.iter().filter(is_other).map(|to| format!("To: {to}\r\n")).collect();
    let sender = if named.contains(&about.sender) { None } else { people.remove(&about.sender) };
    let members = people.into_iter().map(|(address, people)| match &room {
        Some(room) if address != *room => (format!("To: {address}, Expanded: {room}\r\n"), people),
        _ => (format!("To: {address}\r\n"), people),
    });

    let mut shares = Vec::new();
    let mut share = Share { lines: String::new(), people: sender.unwrap_or_default() };
    for (line, people) in others.into_iter().map(|line| (line, BTreeSet::new())).chain(members) {
        if share.lines.len() + line.len() > RECIPIENTS_BYTES {
            shares.push(std::mem::take(&mut share));
        }
        share.lines.push_str(&line);
        share.people.extend(people);
    }
    if share.lines.is_empty() {
        share.lines = format!("To: {}\r\n", room.as_ref().unwrap_or(&about.archive));
    }
    shares.push(share);
    shares
}

fn address(conversation: &Conversation, party: &Party) -> String {
    match conversation.participant(party) {
        Some(person) => header_address(&person.address).into_owned(),
        None => plain(&party.to_string()),
    }
}

/// What is no `addr-spec` gets one that reaches nobody.
fn plain(address: &str) -> String {
    header_address(&Address::Foreign(address.to_owned())).into_owned()
}

/// `7bit` or `8bit` (RFC 2045, section 2.7 and 2.8); none where lines are too long or end in anything but CRLF.
fn transfer_encoding(content: &[u8]) -> Option<&'static str> {
    let mut start = 0;
    for end in memchr_iter(b'\n', content) {
        let line = content[start..end].strip_suffix(b"\r")?;
        if line.len() > 998 {
            return None;
        }
        start = end + 1;
    }
    // Every line ends in CRLF, so that any more CR would stand within one.
    let lines_are_whole = start == content.len() && start > 0 && memchr_iter(b'\r', content).count() == memchr_iter(b'\n', content).count();
    if !lines_are_whole || memchr(0, content).is_some() {
        return None;
    }
    Some(if content.is_ascii() { "7bit" } else { "8bit" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_whose_lines_no_mail_may_have_is_not_passed_on() {
        assert_eq!(transfer_encoding(b"A: b\r\n\r\nHello\r\n"), Some("7bit"));
        assert_eq!(transfer_encoding("A: b\r\n\r\nGrüße\r\n".as_bytes()), Some("8bit"));
        for content in ["A: b\n\nHello\r\n", "A: b\r\n\r\nHello", "A: b\r\n\r\na\rb\r\n", "A: b\r\n\r\n\0\r\n", ""] {
            assert_eq!(transfer_encoding(content.as_bytes()), None, "{content:?}");
        }
        let line = |length| format!("{}\r\n", "x".repeat(length));
        assert_eq!(transfer_encoding(line(998).as_bytes()), Some("7bit"));
        assert_eq!(transfer_encoding(line(999).as_bytes()), None);
    }
}
