use mail_parser::{MessageParser, MimeHeaders};

use super::json::{FILE_NAME, Head};
use crate::{Conversation, Error, ErrorClass, ErrorKind, Participant, Result};

impl Conversation {
    /// Rebuilds a conversation from its mails, exactly as it was converted. They are all the parts of one edition, in any order, made by a
    /// [`Transcript`](crate::Transcript) with [`conversation_json`](crate::TranscriptSettings::conversation_json).
    ///
    /// # Errors
    ///
    /// Of class [`Item`](ErrorClass::Item), if a mail has no such attachment or another layout, if a part is missing or there twice, or if the
    /// mails are not of one conversation, window and edition.
    pub fn from_mails(parts: &[impl AsRef<[u8]>]) -> Result<Self> {
        let mut parts = parts.iter().map(|mail| Attachment::read(mail.as_ref())).collect::<Result<Vec<_>>>()?;
        parts.sort_by_key(|part| part.head.part.number);
        let complete = |(part, number): (&Attachment, u32)| part.head.part.number == number && part.head.part.of as usize == parts.len();
        if parts.is_empty() || !parts.iter().zip(1..).all(complete) {
            let numbers: Vec<_> = parts.iter().map(|part| format!("{}/{}", part.head.part.number, part.head.part.of)).collect();
            return Err(refused(format!("the parts are not complete: {}", numbers.join(", "))));
        }
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else { return Err(refused("there are no mails")) };
        let mut whole = first.conversation;
        for part in parts {
            let Conversation { key, window, kind, title, participants, messages } = part.conversation;
            let same = key == whole.key && window == whole.window && kind == whole.kind && title == whole.title;
            if !same || part.head.edition != first.head.edition {
                return Err(refused("the mails are not of one conversation, window and edition").about(part.head.item));
            }
            whole.participants.extend(participants);
            whole.messages.extend(messages);
        }
        whole.participants = joined(whole.participants);
        Ok(whole)
    }
}

struct Attachment {
    head: Head,
    conversation: Conversation,
}

impl Attachment {
    fn read(mail: &[u8]) -> Result<Self> {
        let mail = MessageParser::default().parse(mail).ok_or_else(|| refused("this is no mail"))?;
        let about = mail.message_id().unwrap_or("a mail without Message-ID");
        let attachment = mail
            .attachments()
            .find(|part| part.attachment_name() == Some(FILE_NAME))
            .ok_or_else(|| refused(format!("the mail has no attachment {FILE_NAME}")).about(about))?;
        let unreadable = |error: serde_json::Error| {
            // The cause may quote the text of a message.
            refused(format!("{FILE_NAME} cannot be read at line {}, column {}", error.line(), error.column())).about(about)
        };
        let head: Head = serde_json::from_slice(attachment.contents()).map_err(unreadable)?;
        if head.format != Head::FORMAT {
            return Err(refused(format!("{FILE_NAME} has format {}, this version reads {}", head.format, Head::FORMAT)).about(about));
        }
        let conversation = serde_json::from_slice(attachment.contents()).map_err(unreadable)?;
        Ok(Self { head, conversation })
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
