//! Opens the values that the message archiver encrypted: a pure function of a row and the keys.
//!
//! It encrypts `to_jid`, `from_jid`, body and stanza of a row of `jm`, in any of their columns, as base64 text. Rows that were written before it was switched on are plain,
//! and keys change, so that each value is decided for itself, and nothing is guessed:
//!
//! 1. What cannot be ciphertext is plain: anything but canonical base64 of one or more blocks of 16 bytes, maybe in lines of 64 or 76 as encoders make them. Hexadecimal digits
//!    of one case are plain too: no ciphertext has 64 of them (the chance is 2^-128), a SHA-256 has.
//! 2. A body is plain where its row says so: both JIDs are plain, and the row's own stanza is plain and holds that very text.
//! 3. Everything else is tried under every key. A key opens it if the padding is right, it is UTF-8, a JID is one, and a stanza begins as one. Where a text holds characters
//!    that XML cannot, or another key opens it to another text, chance must be ruled out by 2^-64: by padding and length of all values of the row that this key opens.
//! 4. A value that no key opens, or that keys open to different texts of which chance is ruled out for none or for several, makes a dead letter of its row, which keeps what
//!    the table has. So does a row whose JIDs are not those of its stanza in the way that a wrong initialization vector brings about.
//!
//! Without keys nothing is tried: all is plain.

mod vector;

use std::{borrow::Cow, collections::BTreeSet};

use data_encoding::BASE64;
use jabber_archive_core::Jid;

use crate::{connection::Value, encryption_key::EncryptionKey, schema::JM};

/// The length of a block of AES in bytes.
const BLOCK: usize = 16;
/// What rules out chance, as a power of two.
const CERTAIN: usize = 64;

/// What a column holds that may be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Jid,
    Body,
    Stanza,
}

const ENCRYPTED: [(&str, Role); 6] = [
    ("to_jid", Role::Jid),
    ("from_jid", Role::Jid),
    ("body_string", Role::Body),
    ("body_text", Role::Body),
    ("message_string", Role::Stanza),
    ("message_text", Role::Stanza),
];

/// The keys that are tried, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keyring(Vec<EncryptionKey>);

/// What one key makes of one value.
#[derive(Debug)]
struct Opening<'a> {
    key: &'a EncryptionKey,
    text: String,
    /// The chance that another key gives as good a text is 2 to the power of minus this.
    certainty: usize,
    /// Whether it holds characters that XML cannot.
    odd: bool,
}

impl Keyring {
    pub(crate) fn new(keys: impl IntoIterator<Item = EncryptionKey>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// A row of [`JM`] as it was before it was encrypted, or why that cannot be told: columns and keys, never a value.
    pub(crate) fn open<'a>(&self, row: &'a [Value]) -> Result<Cow<'a, [Value]>, String> {
        if self.0.is_empty() {
            return Ok(Cow::Borrowed(row));
        }
        let sealed = sealed(row);
        if sealed.is_empty() {
            return Ok(Cow::Borrowed(row));
        }
        let openings: Vec<(&Sealed, Vec<Opening<'_>>)> = sealed.iter().map(|sealed| (sealed, self.openings(sealed))).collect();
        let certainty = |key: &EncryptionKey| -> usize {
            let of_key = openings.iter().flat_map(|(_, openings)| openings).filter(|opening| opening.key.id() == key.id());
            of_key.map(|opening| opening.certainty).sum()
        };
        let (mut opened, mut shut, mut torn) = (row.to_vec(), Vec::new(), Vec::new());
        for (sealed, openings) in &openings {
            let is_certain = |opening: &&Opening<'_>| certainty(opening.key) >= CERTAIN;
            let mut texts: Vec<&Opening<'_>> = openings.iter().filter(|opening| !opening.odd || is_certain(opening)).collect();
            if texts.iter().any(|opening| opening.text != texts[0].text) && texts.iter().any(is_certain) {
                texts.retain(is_certain);
            }
            texts.dedup_by(|one, other| one.text == other.text);
            match texts[..] {
                [] => shut.push(sealed.column),
                [opening] => opened[sealed.place] = Value::Text(opening.text.clone()),
                _ => {
                    let keys: Vec<&str> = texts.iter().map(|opening| opening.key.id()).collect();
                    torn.push(format!("{} is opened to different texts by the keys {}", sealed.column, keys.join(" and ")));
                }
            }
        }
        if let Some(torn) = torn.into_iter().next() {
            return Err(torn);
        }
        if !shut.is_empty() {
            let keys: Vec<&str> = self.0.iter().map(EncryptionKey::id).collect();
            return Err(format!("{} looks encrypted and is not opened by any of the keys {}", shut.join(" and "), keys.join(", ")));
        }
        let of_role = |role| sealed.iter().find(|sealed| sealed.role == role);
        let stanza = of_role(Role::Stanza).and_then(|sealed| as_text(&opened[sealed.place]));
        if let (2, Some(stanza)) = (sealed.iter().filter(|sealed| sealed.role == Role::Jid).count(), stanza)
            && let (Some(to), Some(from)) = (text(&opened, "to_jid"), text(&opened, "from_jid"))
            && vector::is_wrong(to, from, stanza)
        {
            let keys: BTreeSet<&str> = openings.iter().flat_map(|(_, openings)| openings).map(|opening| opening.key.id()).collect();
            let keys: Vec<&str> = keys.into_iter().collect();
            return Err(format!(
                "to_jid and from_jid differ from those of the stanza as under a wrong iv of the key {}",
                keys.join(" or ")
            ));
        }
        Ok(Cow::Owned(opened))
    }

    /// Whether a row looks encrypted and there is no key to try.
    pub(crate) fn lacks_key(&self, row: &[Value]) -> bool {
        let sealed_jid = |column| text(row, column).is_some_and(|text| ciphertext(text).is_some());
        self.0.is_empty() && sealed_jid("to_jid") && sealed_jid("from_jid")
    }

    fn openings(&self, sealed: &Sealed) -> Vec<Opening<'_>> {
        self.0.iter().filter_map(|key| Opening::of(key, sealed)).collect()
    }
}

impl<'a> Opening<'a> {
    fn of(key: &'a EncryptionKey, sealed: &Sealed) -> Option<Self> {
        let (bytes, padding) = key.open(&sealed.ciphertext)?;
        let text = String::from_utf8(bytes).ok()?;
        let fits = match sealed.role {
            Role::Jid => is_jid(&text),
            Role::Body => true,
            Role::Stanza => is_stanza(&text),
        };
        // Every byte of padding is right by a chance of 1 in 256; of random bytes little more than half go on as UTF-8.
        let certainty = 8 * padding + text.len() * 4 / 5;
        let odd =
            text.chars().any(|char| matches!(char, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'));
        fits.then_some(Self { key, text, certainty, odd })
    }
}

/// A value that has to be opened.
#[derive(Debug)]
struct Sealed {
    column: &'static str,
    role: Role,
    place: usize,
    ciphertext: Vec<u8>,
}

/// The values of a row that may be ciphertext, save bodies of which the row itself says that they are not.
fn sealed(row: &[Value]) -> Vec<Sealed> {
    let found = ENCRYPTED.into_iter().filter_map(|(column, role)| {
        let place = place(column)?;
        let ciphertext = ciphertext(as_text(row.get(place)?)?)?;
        Some(Sealed { column, role, place, ciphertext })
    });
    let found: Vec<Sealed> = found.collect();
    let plain_jids = ["to_jid", "from_jid"].iter().all(|column| text(row, column).is_some_and(|jid| jid.contains('@')));
    let stanza = ["message_string", "message_text"].iter().filter_map(|column| text(row, column)).find(|text| !text.is_empty());
    let says_so = |sealed: &Sealed| {
        sealed.role == Role::Body
            && plain_jids
            && stanza.zip(text(row, sealed.column)).is_some_and(|(stanza, body)| is_stanza(stanza) && stanza.contains(body))
    };
    found.into_iter().filter(|sealed| !says_so(sealed)).collect()
}

/// The bytes of a text that may be ciphertext.
fn ciphertext(text: &str) -> Option<Vec<u8>> {
    // Of long texts that are none most show it here, and nothing is copied.
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(&byte);
    if text.len() < 24 || !text.bytes().take(BLOCK).all(is_base64) || is_hex(text) {
        return None;
    }
    let bytes = match unwrapped(text)? {
        Cow::Borrowed(text) => BASE64.decode(text.as_bytes()),
        Cow::Owned(text) => BASE64.decode(text.as_bytes()),
    };
    bytes.ok().filter(|bytes| !bytes.is_empty() && bytes.len().is_multiple_of(BLOCK))
}

/// Whether a text is nothing but hexadecimal digits, with letters of one case.
fn is_hex(text: &str) -> bool {
    let all = |letters: std::ops::RangeInclusive<u8>| text.bytes().all(|byte| byte.is_ascii_digit() || letters.contains(&byte));
    all(b'a'..=b'f') || all(b'A'..=b'F')
}

/// Base64 without the ends of lines that an encoder puts in (RFC 2045: 76 characters, RFC 7468: 64); none where lines are of other lengths.
fn unwrapped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['\r', '\n']) {
        return Some(Cow::Borrowed(text));
    }
    let lines: Vec<&str> =
        text.strip_suffix('\n').unwrap_or(text).split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let (last, full) = lines.split_last()?;
    let width = full.first().map_or(last.len(), |line| line.len());
    let wrapped = full.iter().all(|line| line.len() == width) && (1..=width).contains(&last.len());
    let fits = full.is_empty() && width <= 76 || width == 64 || width == 76;
    (wrapped && fits).then(|| Cow::Owned(lines.concat()))
}

fn is_jid(text: &str) -> bool {
    let odd = |char: char| char.is_control() || char == '\u{fffe}' || char == '\u{ffff}';
    let bare = text.split('/').next().unwrap_or_default();
    !text.contains(odd) && bare.contains(['@', '.']) && !bare.contains(char::is_whitespace) && Jid::parse(text).is_some()
}

/// Whether a text begins as a message stanza does, maybe behind an XML declaration.
fn is_stanza(text: &str) -> bool {
    let text = text.trim_start();
    let text = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map_or(text, |(_, rest)| rest.trim_start());
    text.starts_with("<message")
}

fn place(column: &str) -> Option<usize> {
    JM.columns.iter().position(|known| known.name == column)
}

fn text<'a>(row: &'a [Value], column: &str) -> Option<&'a str> {
    as_text(row.get(place(column)?)?)
}

fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests;
