//! Texts in the code page of a collation.

use tds_protocol::token::Collation;

/// `SQL_Latin1_General_CP1_CI_AS`, of the code page 1252; so are the others that are not UTF-8.
const LATIN: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

/// The bytes of a text; a question mark for what the code page does not have.
pub(in super::super) fn bytes(text: &str, utf8: bool) -> Vec<u8> {
    let encoding = Collation::from_bytes(&LATIN).encoding().filter(|_| !utf8);
    let Some(encoding) = encoding else { return text.bytes().collect() };
    let mut bytes = Vec::with_capacity(text.len());
    for char in text.chars() {
        let mut buffer = [0; 4];
        match encoding.encode(char.encode_utf8(&mut buffer)) {
            (encoded, _, false) => bytes.extend_from_slice(&encoded),
            _ => bytes.push(b'?'),
        }
    }
    bytes
}

/// The text as a column of the code page 1252 holds it.
pub(in super::super) fn as_stored(text: &str) -> String {
    match Collation::from_bytes(&LATIN).encoding() {
        Some(encoding) => encoding.decode_without_bom_handling(&bytes(text, false)).0.into_owned(),
        None => text.to_owned(),
    }
}
