use std::borrow::Cow;

use crate::{Address, FieldHasher, people::is_addr_spec};

/// The address as it may stand in a header field.
///
/// A directory may hold anything; what is no plain `addr-spec` (RFC 5322, without quoting, ASCII) is replaced by an address below
/// `.invalid` that is its own for every such text. The body shows what the directory said.
pub(crate) fn header_address(address: &Address) -> Cow<'_, str> {
    let text = address.as_str();
    if is_addr_spec(text) {
        return Cow::Borrowed(text);
    }
    let digest = FieldHasher::new().field("v1").field("address").field(text).finish().short();
    let readable: String = text.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    Cow::Owned(format!("{readable}%{digest}@unusable.jid.invalid"))
}
