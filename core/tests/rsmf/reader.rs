//! An RSMF file as mail-parser and the crate `zip` read it; what the documentation of the format refuses is refused.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
};

use jabber_archive_core::MailItem;
use mail_parser::{Encoding, HeaderForm, MessageParser, MimeHeaders, PartType};
use serde_json::Value;
use zip::{CompressionMethod, DateTime, ZipArchive};

use super::schema;

/// What an RSMF file holds.
pub(crate) struct Rsmf {
    /// The `X-RSMF-` fields, without that prefix.
    pub(crate) fields: BTreeMap<String, String>,
    /// The `X-Jabber-Archive-` fields, without that prefix.
    pub(crate) facts: BTreeMap<String, String>,
    pub(crate) subject: String,
    /// The text body.
    pub(crate) text: String,
    pub(crate) manifest: Value,
    /// The files of the zip file beside the manifest, by name.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Rsmf {
    /// Reads a file and checks it: its bytes, header, structure, zip file, manifest and what they say of each other.
    pub(crate) fn read(item: &MailItem) -> Self {
        check_bytes(&item.content);
        let mail = MessageParser::default().parse(&item.content[..]).unwrap();
        let starting = |prefix: &str| -> BTreeMap<String, String> {
            let fields = mail.headers().iter().filter_map(|header| {
                let name = header.name().strip_prefix(prefix)?;
                let values = mail.header_as(header.name(), HeaderForm::Text);
                assert_eq!(values.len(), 1, "{} stands there once", header.name());
                Some((name.to_owned(), values[0].as_text().unwrap_or_default().trim_end().to_owned()))
            });
            fields.collect()
        };
        let PartType::Multipart(parts) = &mail.root_part().body else { panic!("not multipart") };
        let [text, attachment] = parts.as_slice() else { panic!("{} parts", parts.len()) };
        assert_eq!((mail.parts.len(), mail.attachment_count()), (3, 1), "exactly one attachment");
        assert!(mail.parts.iter().all(|part| !part.is_encoding_problem));
        let (text, attachment) = (mail.part(*text).unwrap(), mail.part(*attachment).unwrap());
        assert!(text.is_content_type("text", "plain"));
        assert!(attachment.content_disposition().unwrap().is_attachment());
        assert_eq!((attachment.attachment_name(), attachment.encoding), (Some("rsmf.zip"), Encoding::Base64));

        let mut files = unzip(attachment.contents());
        let manifest = files.remove("rsmf_manifest.json").unwrap();
        let rsmf = Self {
            fields: starting("X-RSMF-"),
            facts: starting("X-Jabber-Archive-"),
            subject: mail.subject().unwrap().trim_end().to_owned(),
            text: text.text_contents().unwrap().to_owned(),
            manifest: serde_json::from_slice(&manifest).unwrap(),
            files,
        };
        schema::check(&rsmf);
        rsmf
    }

    pub(crate) fn events(&self) -> &[Value] {
        self.manifest["events"].as_array().unwrap()
    }

    /// The events of this type.
    pub(crate) fn events_of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.events().iter().filter(move |event| event["type"] == kind)
    }

    pub(crate) fn participants(&self) -> &[Value] {
        self.manifest["participants"].as_array().unwrap()
    }

    pub(crate) fn conversation(&self) -> &Value {
        &self.manifest["conversations"][0]
    }
}

/// The value of a custom property that stands there once.
pub(crate) fn custom<'v>(of: &'v Value, name: &str) -> Option<&'v str> {
    let mut values =
        of["custom"].as_array()?.iter().filter(|property| property["name"] == name).map(|property| property["value"].as_str().unwrap());
    let value = values.next()?;
    assert!(values.next().is_none(), "{name} stands there once");
    Some(value)
}

fn unzip(content: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut zip = ZipArchive::new(Cursor::new(content)).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        assert_eq!(name == "rsmf_manifest.json", index == 0, "the manifest comes first");
        assert_eq!((entry.compression(), entry.last_modified()), (CompressionMethod::Stored, Some(DateTime::DEFAULT)));
        assert!(entry.extra_data().is_none_or(|data| data.is_empty()) && entry.comment().is_empty());
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)), "{name}");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        assert_eq!(files.insert(name, bytes), None, "each name once");
    }
    files
}

/// RFC 5322, section 2.1: ASCII without NUL, lines of at most 998 bytes that end in CRLF. Relativity asks for the version in the first line.
fn check_bytes(content: &[u8]) {
    assert!(content.starts_with(b"X-RSMF-Version: 2.0.0\r\n"));
    let lines: Vec<_> = content.split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.last(), Some(&&b""[..]));
    for line in &lines[..lines.len() - 1] {
        let line = line.strip_suffix(b"\r").expect("a line feed follows a carriage return");
        assert!(line.len() <= 998, "a line of {} bytes", line.len());
        assert!(line.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == b'\t'), "{}", String::from_utf8_lossy(line));
    }
}
