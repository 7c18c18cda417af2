use data_encoding::BASE64_NOPAD;

/// A folder below the inbox, as a person writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder(Vec<String>);

impl Folder {
    /// `/` parts the names of folders within each other.
    pub(crate) fn new(name: &str) -> Result<Self, String> {
        let parts: Vec<String> = name.split('/').map(|part| part.trim().to_owned()).collect();
        if parts.iter().any(|part| part.is_empty() || part.contains(char::is_control) || part.contains(['*', '%'])) {
            return Err(format!("`{}` is no name for a folder", name.escape_debug()));
        }
        Ok(Self(parts))
    }

    /// What a server calls it that parts names by this character; where it has none, folders do not lie in each other.
    pub(crate) fn on_server(&self, delimiter: Option<char>) -> Result<String, String> {
        let Some(delimiter) = delimiter else {
            return match self.0.as_slice() {
                [name] => Ok(modified_utf7(name)),
                _ => Err("the server has no folders within folders".to_owned()),
            };
        };
        let mut name = "INBOX".to_owned();
        for part in &self.0 {
            if part.contains(delimiter) {
                return Err(format!("the server parts the names of folders by `{delimiter}`, so that `{part}` is none"));
            }
            name.push(delimiter);
            name.push_str(&modified_utf7(part));
        }
        Ok(name)
    }
}

/// How names of folders are written (RFC 3501, section 5.1.3), which servers take whether or not they know UTF-8 too.
fn modified_utf7(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut shifted: Vec<u8> = Vec::new();
    let unshift = |shifted: &mut Vec<u8>, written: &mut String| {
        if !shifted.is_empty() {
            written.push('&');
            written.push_str(&BASE64_NOPAD.encode(shifted).replace('/', ","));
            written.push('-');
            shifted.clear();
        }
    };
    for char in text.chars() {
        if matches!(char, ' '..='~') {
            unshift(&mut shifted, &mut written);
            written.push(char);
            if char == '&' {
                written.push('-');
            }
        } else {
            shifted.extend(char.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    unshift(&mut shifted, &mut written);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_in_rfc_3501() {
        for (name, written) in [
            ("Cisco Jabber on MS SQL", "Cisco Jabber on MS SQL"),
            // The example of section 5.1.3, without its path.
            ("台北", "&U,BTFw-"),
            ("日本語", "&ZeVnLIqe-"),
            ("R&D", "R&-D"),
            ("Jabber – Gespräche 💬", "Jabber &IBM- Gespr&AOQ-che &2D3crA-"),
        ] {
            assert_eq!(modified_utf7(name), written);
        }
    }

    #[test]
    fn a_folder_lies_below_the_inbox_by_the_rules_of_the_server() {
        let folder = Folder::new("Archive/Jabber v1.2").unwrap();
        assert_eq!(folder.on_server(Some('/')).unwrap(), "INBOX/Archive/Jabber v1.2");
        assert!(folder.on_server(Some('.')).unwrap_err().contains('.'));
        assert!(folder.on_server(None).is_err());
        assert_eq!(Folder::new("Jabber").unwrap().on_server(None).unwrap(), "Jabber");
        for none in ["", "a//b", "a\r\nb", "*", " "] {
            assert!(Folder::new(none).is_err(), "{none:?}");
        }
    }
}
