//! What a mail holds according to mail-parser, and what must hold for the bytes of any mail.

use jabber_archive_core::MailItem;
use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders, PartType};

/// A mail as mail-parser reads it.
pub(crate) struct Mail {
    /// Fields of the root in order, as they stand there.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) subject: String,
    pub(crate) from: Vec<(String, String)>,
    pub(crate) to: Vec<(String, String)>,
    pub(crate) message_id: String,
    pub(crate) in_reply_to: String,
    pub(crate) references: String,
    /// Seconds since 1970.
    pub(crate) date: i64,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) json: Option<Vec<u8>>,
    pub(crate) stanzas: Option<Vec<u8>>,
    /// Name and content of every file.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    facts: Vec<(String, String)>,
}

impl Mail {
    /// Reads a mail and checks its bytes, its fields' names and its MIME structure.
    pub(crate) fn read(item: &MailItem) -> Self {
        check_bytes(&item.content);
        let message = MessageParser::default().parse(&item.content[..]).unwrap();
        assert!(message.parts.iter().all(|part| !part.is_encoding_problem));
        let (alternative, attachments) = structure(&message);
        let ours = |name: &str, kind: &str| {
            let mut found = attachments.iter().filter(|part| content_type(part) == kind);
            let part = found.next()?;
            assert!(found.next().is_none(), "{name} is there once");
            assert_eq!(part.attachment_name(), Some(name));
            Some(part.contents().to_vec())
        };
        let (json, stanzas) = (ours("conversation.json", "application/json"), ours("stanzas.jsonl", "application/jsonl"));
        let files = attachments.iter().filter(|part| content_type(part) == "application/octet-stream");
        let files: Vec<_> = files.map(|part| (part.attachment_name().unwrap().to_owned(), part.contents().to_vec())).collect();
        assert_eq!(attachments.len(), files.len() + usize::from(json.is_some()) + usize::from(stanzas.is_some()));
        let PartType::Multipart(bodies) = &alternative.body else { panic!("not multipart") };
        assert_eq!(content_type(alternative), "multipart/alternative");
        let [text, html] = bodies.as_slice() else { panic!("{} alternatives", bodies.len()) };
        let (text, html) = (message.part(*text).unwrap(), message.part(*html).unwrap());
        assert_eq!((content_type(text).as_str(), content_type(html).as_str()), ("text/plain", "text/html"));
        for leaf in [text, html] {
            assert_eq!(leaf.content_type().unwrap().attribute("charset"), Some("utf-8"));
            assert!(matches!(leaf.encoding, Encoding::QuotedPrintable | Encoding::Base64));
        }
        let facts = message.headers().iter().filter_map(|header| {
            let name = header.name().strip_prefix("X-Jabber-Archive-")?;
            let value = message.header_as(header.name(), mail_parser::HeaderForm::Text);
            assert_eq!(value.len(), 1, "{} stands there once", header.name());
            Some((name.to_owned(), value[0].as_text().unwrap_or_default().trim_end().to_owned()))
        });
        Self {
            fields: message.headers_raw().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            subject: message.subject().unwrap().trim_end().to_owned(),
            from: mailboxes(message.from().unwrap()),
            to: mailboxes(message.to().unwrap()),
            message_id: message.message_id().unwrap().to_owned(),
            in_reply_to: message.in_reply_to().as_text().unwrap().to_owned(),
            references: message.references().as_text().unwrap().to_owned(),
            date: message.date().unwrap().to_timestamp(),
            text: text.text_contents().unwrap().to_owned(),
            html: html.text_contents().unwrap().to_owned(),
            json,
            stanzas,
            files,
            facts: facts.collect(),
        }
    }

    /// The decoded `X-Jabber-Archive-` fields, without that prefix.
    pub(crate) fn facts(&self) -> &[(String, String)] {
        &self.facts
    }

    pub(crate) fn fact(&self, name: &str) -> &str {
        &self.facts.iter().find(|(known, _)| known == name).unwrap().1
    }
}

/// The alternative, and the attachments; every part of the mail is one of these or holds them.
fn structure<'m>(message: &'m Message<'m>) -> (&'m MessagePart<'m>, Vec<&'m MessagePart<'m>>) {
    let root = message.root_part();
    if content_type(root) == "multipart/alternative" {
        assert_eq!(message.parts.len(), 3);
        return (root, Vec::new());
    }
    assert_eq!(content_type(root), "multipart/mixed");
    let PartType::Multipart(parts) = &root.body else { panic!("not multipart") };
    assert_eq!(message.parts.len(), parts.len() + 3);
    let (alternative, attachments) = parts.split_first().unwrap();
    let attachments: Vec<_> = attachments.iter().map(|part| message.part(*part).unwrap()).collect();
    assert!(!attachments.is_empty());
    for attachment in &attachments {
        assert_eq!(attachment.encoding, Encoding::Base64);
        assert!(attachment.content_disposition().unwrap().is_attachment());
    }
    (message.part(*alternative).unwrap(), attachments)
}

fn content_type(part: &MessagePart<'_>) -> String {
    let content_type = part.content_type().unwrap();
    format!("{}/{}", content_type.ctype(), content_type.subtype().unwrap())
}

fn mailboxes(address: &mail_parser::Address<'_>) -> Vec<(String, String)> {
    assert!(!matches!(address, mail_parser::Address::Group(_)), "an address list, not a group");
    address
        .iter()
        .map(|mailbox| (mailbox.name().unwrap_or_default().trim_end().to_owned(), mailbox.address().unwrap_or_default().to_owned()))
        .collect()
}

/// RFC 5322, section 2.1, and RFC 2045: ASCII without NUL, lines of at most 998 bytes that end in CRLF.
fn check_bytes(content: &[u8]) {
    assert!(content.ends_with(b"\r\n"));
    let lines: Vec<_> = content.split(|byte| *byte == b'\n').collect();
    for line in &lines[..lines.len() - 1] {
        let line = line.strip_suffix(b"\r").expect("a line feed follows a carriage return");
        assert!(line.len() <= 998, "a line of {} bytes", line.len());
        assert!(line.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == b'\t'), "{}", String::from_utf8_lossy(line));
    }
}
