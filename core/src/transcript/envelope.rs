use std::borrow::Cow;

use mail_builder::{
    MessageBuilder,
    headers::{address::Address, content_type::ContentType, message_id::MessageId, raw::Raw},
    mime::MimePart,
};

use super::{
    files::Attached,
    frame::{Fact, Frame},
    json, stanzas,
    view::{Addressing, CATCH_ALL_NAME, MOST_ADDRESSES},
};
use crate::{
    ConversationKey, HeaderText, ItemId,
    mail::{Leaf, name_field, text_field},
};

/// The encoded bodies and attachments of a mail.
#[derive(Debug)]
pub(super) struct Leaves {
    pub(super) text: Leaf,
    pub(super) html: Leaf,
    pub(super) json: Option<Leaf>,
    pub(super) stanzas: Option<Leaf>,
    pub(super) files: Vec<Attached>,
}

impl Leaves {
    /// How many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        let Self { text, html, json, stanzas, files } = self;
        let optional = [json, stanzas].into_iter().flatten().map(Leaf::len).sum::<usize>();
        text.len() + html.len() + optional + files.iter().map(Attached::len).sum::<usize>()
    }
}

/// What stands between two parts of a mail with attachments: the boundary, and the ends of its line and of the one before.
pub(super) const BOUNDARY_BYTES: usize = "\r\n--=_abcdefghijklmnopqrstuvwxyz_mail\r\n".len();

/// All that goes into the header of a mail.
#[derive(Debug)]
pub(super) struct Envelope<'v> {
    from: Mailbox<'v>,
    to: Vec<Mailbox<'v>>,
    date: i64,
    subject: &'v HeaderText,
    message_id: String,
    root: String,
    facts: &'v [Fact],
    id: &'v ItemId,
}

type Mailbox<'v> = (HeaderText, Cow<'v, str>);

impl<'v> Envelope<'v> {
    pub(super) fn new(frame: &'v Frame<'v>) -> Self {
        let facts = frame.view.facts;
        let domain = &facts.message_id_domain;
        let nobody = || (HeaderText::shortened(&facts.name, 64), Cow::Owned(format!("archive@{domain}")));
        let mut to = recipients(frame);
        if to.is_empty() {
            to.push(nobody());
        }
        Self {
            from: frame.from().and_then(|index| frame.mailbox(index)).unwrap_or_else(nobody),
            to,
            date: frame.date().millis().div_euclid(1_000),
            subject: &frame.subject,
            message_id: format!("{}@{domain}", frame.id),
            root: format!("{}@{domain}", ItemId::root(&facts.name, &frame.view.conversation.key)),
            facts: &frame.facts,
            id: &frame.id,
        }
    }

    /// The mail of these leaves.
    pub(super) fn mail<'a>(&'a self, leaves: &'a Leaves) -> MessageBuilder<'a> {
        self.behind(MessageBuilder::new()).body(self.body(leaves))
    }

    /// The fields of the header, behind those that are there.
    pub(super) fn behind<'a>(&'a self, mail: MessageBuilder<'a>) -> MessageBuilder<'a> {
        let mut mail = mail
            .from(address(&self.from))
            .to(Address::new_list(self.to.iter().map(address).collect()))
            .date(self.date)
            .header("Subject", text_field(self.subject))
            .message_id(self.message_id.as_str())
            .in_reply_to(MessageId::new(self.root.as_str()))
            .references(MessageId::new(self.root.as_str()))
            .header("Auto-Submitted", Raw::new("auto-generated"));
        for Fact(field, value) in self.facts {
            mail = mail.header(*field, text_field(value));
        }
        mail
    }

    fn body<'a>(&self, leaves: &'a Leaves) -> MimePart<'a> {
        let utf8 = |kind| ContentType::new(kind).attribute("charset", "utf-8");
        let alternative = MimePart::new(
            multipart("multipart/alternative", self.id, "body"),
            vec![leaves.text.part(utf8("text/plain")), leaves.html.part(utf8("text/html"))],
        );
        let json = leaves.json.iter().map(|leaf| leaf.part(ContentType::new("application/json")).attachment(json::FILE_NAME));
        let stanzas = leaves.stanzas.iter().map(|leaf| leaf.part(ContentType::new("application/jsonl")).attachment(stanzas::FILE_NAME));
        let mut attachments = json.chain(stanzas).chain(leaves.files.iter().map(Attached::part)).peekable();
        if attachments.peek().is_none() {
            return alternative;
        }
        MimePart::new(multipart("multipart/mixed", self.id, "mail"), [alternative].into_iter().chain(attachments).collect::<Vec<_>>())
    }
}

pub(super) fn multipart<'a>(kind: &'a str, id: &ItemId, level: &str) -> ContentType<'a> {
    ContentType::new(kind).attribute("boundary", format!("=_{id}_{level}"))
}

fn address<'a>((name, address): &'a Mailbox<'_>) -> Address<'a> {
    let name = (!name.as_str().is_empty()).then(|| name_field(name));
    Address::new_address(name, address.as_ref())
}

fn recipients<'v>(frame: &Frame<'v>) -> Vec<Mailbox<'v>> {
    let mut recipients = addressed(frame);
    if let Some(address) = frame.catch_all
        && !recipients.iter().any(|(_, known)| known.eq_ignore_ascii_case(address))
    {
        recipients.push((HeaderText::new(CATCH_ALL_NAME), Cow::Borrowed(address)));
    }
    recipients
}

fn addressed<'v>(frame: &Frame<'v>) -> Vec<Mailbox<'v>> {
    let conversation = frame.view.conversation;
    let most = match &frame.addressing {
        Addressing::Everyone => return (0..conversation.participants.len()).filter_map(|index| frame.mailbox(index)).collect(),
        Addressing::People(people) => return people.iter().filter_map(|index| frame.mailbox(*index)).collect(),
        Addressing::Senders { most } => *most,
    };
    let mut recipients = Vec::new();
    let mut bytes = 0;
    if let ConversationKey::Room(room) = &conversation.key {
        let address = crate::Address::Foreign(room.as_str().to_owned());
        recipients.push((frame.room_name(), Cow::Owned(crate::mail::header_address(&address).into_owned())));
    }
    for mailbox in frame.senders().filter_map(|index| frame.mailbox(index)).take(MOST_ADDRESSES) {
        bytes += field_bytes(mailbox.0.as_str(), &mailbox.1);
        if bytes > most {
            break;
        }
        recipients.push(mailbox);
    }
    recipients
}

/// No fewer bytes than a name and an address take in a header field: encoded words take less than twice the name.
pub(super) fn field_bytes(name: &str, address: &str) -> usize {
    name.len() * 2 + address.len() + 48
}
