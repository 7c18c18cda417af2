use std::borrow::Cow;

use mail_builder::headers::{HeaderType, raw::Raw, text::Text};

use crate::HeaderText;

/// A field of unstructured text: as it is where ASCII allows, as encoded words (RFC 2047) where not.
pub(crate) fn text_field(text: &HeaderText) -> HeaderType<'_> {
    if text.as_str().is_ascii() && !looks_encoded(text.as_str()) {
        Raw::new(text.as_str()).into()
    } else {
        Text::new(encodable(text.as_str())).into()
    }
}

/// The display name of an address field.
pub(crate) fn name_field(name: &HeaderText) -> Cow<'_, str> {
    encodable(name.as_str())
}

/// Text that looks like an encoded word would be read as one, even in quotes, unless it is encoded itself; the writer
/// encodes short ASCII only where a space ends it.
fn encodable(text: &str) -> Cow<'_, str> {
    if looks_encoded(text) { Cow::Owned(format!("{text} ")) } else { Cow::Borrowed(text) }
}

fn looks_encoded(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| pair == b"=?")
}
