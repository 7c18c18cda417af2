use jabber_archive_core::MailItem;
use mail_builder::{
    MessageBuilder,
    headers::{content_type::ContentType, raw::Raw},
    mime::MimePart,
};
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};
use serde::{Serialize, Serializer};

/// What is in a mail once everything is rendered: all that is left is to encode and to write it.
#[derive(Debug, Serialize)]
pub struct Finished {
    fields: Vec<(String, String)>,
    body: Part,
}

#[derive(Debug, Serialize)]
struct Part {
    /// `text/plain` and the like.
    kind: String,
    /// The name of an attachment.
    name: Option<String>,
    content: Content,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Content {
    Text(String),
    /// A mail in the mail.
    Mail(Box<Finished>),
    #[serde(serialize_with = "as_base64")]
    Bytes(Vec<u8>),
    Parts(Vec<Part>),
}

fn as_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&data_encoding::BASE64.encode(bytes))
}

impl Finished {
    /// Takes a mail apart.
    ///
    /// # Panics
    ///
    /// Never: it is a mail.
    pub fn of(item: &MailItem) -> Self {
        Self::of_mail(&item.content)
    }

    fn of_mail(content: &[u8]) -> Self {
        let mail = MessageParser::default().parse(content).expect("a mail");
        let fields = mail
            .headers_raw()
            .filter(|(name, _)| !matches!(*name, "Content-Type" | "MIME-Version"))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Self { fields: fields.collect(), body: Part::of(&mail, mail.root_part(), content) }
    }

    /// Writes it with mail-builder alone, which chooses encodings and boundaries itself; header fields are written as they are.
    ///
    /// # Panics
    ///
    /// Never: memory is written to.
    pub fn write(&self) -> Vec<u8> {
        let mut mail = MessageBuilder::new();
        for (name, value) in &self.fields {
            mail = mail.header(name.as_str(), Raw::new(value.as_str()));
        }
        mail.body(self.body.build()).write_to_vec().expect("memory is written to")
    }
}

impl Part {
    fn of(mail: &Message<'_>, part: &MessagePart<'_>, whole: &[u8]) -> Self {
        let kind = part.content_type().expect("every part says what it is");
        let content = match &part.body {
            PartType::Multipart(parts) => {
                Content::Parts(parts.iter().map(|index| Self::of(mail, mail.part(*index).expect("a part"), whole)).collect())
            }
            PartType::Message(_) => {
                let mail = jabber_archive_core::journaled_mail(whole).expect("a journal report");
                Content::Mail(Box::new(Finished::of_mail(mail)))
            }
            PartType::Text(text) | PartType::Html(text) => Content::Text(text.to_string()),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => Content::Bytes(bytes.to_vec()),
        };
        Self {
            kind: format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()),
            name: part.attachment_name().map(str::to_owned),
            content,
        }
    }

    fn build(&self) -> MimePart<'_> {
        let kind = ContentType::new(self.kind.as_str());
        let part = match &self.content {
            Content::Text(text) => MimePart::new(kind.attribute("charset", "utf-8"), text.as_str()),
            // What it chooses, base64, is none that a mail in a mail may have (RFC 2046, section 5.2.1).
            Content::Mail(mail) => MimePart::new(kind, mail.write()).transfer_encoding("7bit"),
            Content::Bytes(bytes) => MimePart::new(kind, &bytes[..]),
            Content::Parts(parts) => MimePart::new(kind, parts.iter().map(Self::build).collect::<Vec<_>>()),
        };
        match &self.name {
            Some(name) => part.attachment(name.as_str()),
            None => part,
        }
    }
}
