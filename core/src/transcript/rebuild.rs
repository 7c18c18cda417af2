use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
};

use bytes::Bytes;
use mail_parser::{MessageParser, MimeHeaders};

use super::{
    cut,
    json::{FILE_NAME, Head},
    view::Holds,
};
use crate::{
    Conversation, Digest, Error, ErrorClass, ErrorKind, FileContent, MessageKey, Participant, Result, journal::is_report, journaled_mail,
};

impl Conversation {
    /// Rebuilds a conversation from its mails, exactly as it was converted. They are all its mails of one edition, in any order, made by a
    /// [`Transcript`](crate::Transcript), a [`PerMessage`](crate::PerMessage) or an `Rsmf` with
    /// [`conversation_json`](crate::TranscriptSettings::conversation_json); or the reports of a [`Journal`](crate::Journal) around them, of which
    /// several of one mail count once.
    ///
    /// A file that is an object of its own comes back as [`Stored`](FileContent::Stored); its content is in the store. Of mails that are a message
    /// each, nothing here tells whether all are there: the list of their window does.
    ///
    /// # Errors
    ///
    /// Of class [`Item`](ErrorClass::Item), if a mail has no such attachment or another layout, if a journal report is none of ours, if a part is missing or there twice, or if the
    /// mails are not of one conversation, window and edition.
    pub fn from_mails(parts: &[impl AsRef<[u8]>]) -> Result<Self> {
        let parts = unreported(parts)?.into_iter().map(Attachment::read).collect::<Result<Vec<_>>>()?;
        let (messages, parts): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.head.holds == Holds::Message);
        let messages = by_message(messages).into_values().map(from_parts).collect::<Result<Vec<_>>>()?;
        let Some(first) = messages.first() else { return Ok(from_parts(parts)?.conversation) };
        let whole = if parts.is_empty() { first.people() } else { from_parts(parts)? };
        with_messages(whole, messages)
    }
}

/// The mails themselves where some are in journal reports.
fn unreported(parts: &[impl AsRef<[u8]>]) -> Result<Vec<&[u8]>> {
    let mut reported = HashSet::new();
    let mut mails = Vec::with_capacity(parts.len());
    for part in parts.iter().map(AsRef::as_ref) {
        let is_report = is_report(part);
        let mail = if is_report { journaled_mail(part)? } else { part };
        if !is_report || reported.insert(mail) {
            mails.push(mail);
        }
    }
    Ok(mails)
}

/// The mails of each message: more than one where it is cut.
fn by_message(mails: Vec<Attachment>) -> BTreeMap<Option<MessageKey>, Vec<Attachment>> {
    let mut messages: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for mail in mails {
        messages.entry(mail.conversation.messages.first().map(|message| message.key)).or_default().push(mail);
    }
    messages
}

/// Joins parts, which have to be complete.
fn from_parts(mut parts: Vec<Attachment>) -> Result<Attachment> {
    parts.sort_by_key(|part| part.head.part.number);
    let complete = |(part, number): (&Attachment, u32)| part.head.part.number == number && part.head.part.of as usize == parts.len();
    if parts.is_empty() || !parts.iter().zip(1..).all(complete) {
        let numbers: Vec<_> = parts.iter().map(|part| format!("{}/{}", part.head.part.number, part.head.part.of)).collect();
        return Err(refused(format!("the parts are not complete: {}", numbers.join(", "))));
    }
    let mut parts = parts.into_iter();
    let Some(mut whole) = parts.next() else { return Err(refused("there are no mails")) };
    for part in parts {
        whole.check_same(&part)?;
        if part.head.holds != whole.head.holds {
            return Err(refused("the mails are of two converters").about(part.head.item));
        }
        whole.conversation.participants.extend(part.conversation.participants);
        whole.conversation.messages.extend(part.conversation.messages);
    }
    whole.conversation.participants = joined(whole.conversation.participants);
    whole.conversation.messages = cut::joined(whole.conversation.messages);
    Ok(whole)
}

/// Joins mails of one message each with the mail or mails that list the participants.
fn with_messages(mut whole: Attachment, mails: Vec<Attachment>) -> Result<Conversation> {
    if !matches!(whole.head.holds, Holds::Message | Holds::People) {
        return Err(refused("the mails are of two converters").about(whole.head.item));
    }
    for mail in mails {
        whole.check_same(&mail)?;
        let people = joined(mail.conversation.participants);
        if !people.is_empty() && people != whole.conversation.participants {
            return Err(refused("the mails differ in who took part").about(mail.head.item));
        }
        if mail.conversation.messages.iter().any(|message| whole.conversation.participant(&message.sender).is_none()) {
            return Err(refused("the mail that lists the participants is missing").about(mail.head.item));
        }
        whole.conversation.messages.extend(mail.conversation.messages);
    }
    whole.conversation.messages.sort_by_key(|message| message.key);
    Ok(whole.conversation)
}

struct Attachment {
    head: Head,
    conversation: Conversation,
}

impl Attachment {
    fn read(mail: &[u8]) -> Result<Self> {
        let mail = MessageParser::default().parse(mail).ok_or_else(|| refused("this is no mail"))?;
        let about = mail.message_id().unwrap_or("a mail without Message-ID");
        let Enclosed { json, files } =
            Enclosed::in_mail(&mail).ok_or_else(|| refused(format!("the mail has no attachment {FILE_NAME}")).about(about))?;
        let unreadable = |error: serde_json::Error| {
            // The cause may quote the text of a message.
            refused(format!("{FILE_NAME} cannot be read at line {}, column {}", error.line(), error.column())).about(about)
        };
        let head: Head = serde_json::from_slice(&json).map_err(unreadable)?;
        if head.format != Head::FORMAT {
            return Err(refused(format!("{FILE_NAME} has format {}, this version reads {}", head.format, Head::FORMAT)).about(about));
        }
        let mut conversation: Conversation = serde_json::from_slice(&json).map_err(unreadable)?;
        for file in conversation.messages.iter_mut().flat_map(|message| &mut message.files) {
            if let FileContent::Read(_) = file.content() {
                let content = file.digest.and_then(|digest| files.get(&digest)).ok_or_else(|| refused("a file is missing").about(about))?;
                *file = file.clone().with_content(Bytes::copy_from_slice(content));
            }
        }
        Ok(Self { head, conversation })
    }

    /// The same without messages.
    fn people(&self) -> Self {
        let Conversation { key, window, kind, title, participants, .. } = &self.conversation;
        let people = joined(participants.clone());
        let conversation = Conversation::new(key.clone(), *window, *kind, title.clone(), people, Vec::new());
        Self { head: self.head.clone(), conversation }
    }

    fn check_same(&self, other: &Self) -> Result<()> {
        let of = |mail: &Self| {
            let Conversation { key, window, kind, title, .. } = &mail.conversation;
            (mail.head.edition, key.clone(), *window, *kind, title.clone())
        };
        if of(self) == of(other) {
            Ok(())
        } else {
            Err(refused("the mails are not of one conversation, window and edition").about(&other.head.item))
        }
    }
}

/// The JSON in a mail, and the files beside it.
struct Enclosed<'m> {
    json: Cow<'m, [u8]>,
    files: HashMap<Digest, Cow<'m, [u8]>>,
}

impl<'m> Enclosed<'m> {
    fn in_mail(mail: &'m mail_parser::Message<'_>) -> Option<Self> {
        #[cfg(feature = "rsmf")]
        if let Some(zip) = super::rsmf::zip_in(mail) {
            let mut files = super::rsmf::files(zip)?;
            let json = files.iter().position(|(name, _)| *name == FILE_NAME)?;
            return Some(Self::new(files.swap_remove(json).1.into(), files.into_iter().map(|(_, content)| content.into())));
        }
        let is_json =
            |part: &&mail_parser::MessagePart<'_>| part.attachment_name() == Some(FILE_NAME) && part.is_content_type("application", "json");
        let files = mail.attachments().filter(|part| part.is_content_type("application", "octet-stream"));
        Some(Self::new(mail.attachments().find(is_json)?.contents().into(), files.map(|file| file.contents().into())))
    }

    fn new(json: Cow<'m, [u8]>, files: impl Iterator<Item = Cow<'m, [u8]>>) -> Self {
        Self { json, files: files.map(|content| (Digest::of(&content), content)).collect() }
    }
}

/// Joins the entries of one party that follow each other: the later ones continue its movements.
fn joined(entries: Vec<Participant>) -> Vec<Participant> {
    let mut people: Vec<Participant> = Vec::with_capacity(entries.len());
    for entry in entries {
        match people.last_mut().filter(|last| last.party == entry.party) {
            Some(last) => last.movements.extend(entry.movements),
            None => people.push(entry),
        }
    }
    people
}

fn refused(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Conversion, ErrorClass::Item, "rebuild conversation", what)
}
