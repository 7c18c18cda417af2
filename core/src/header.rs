use std::fmt;

/// Text that may stand in a header field: without CR, LF, NUL and other control characters, and without words too long to fold.
///
/// What is not allowed becomes a visible picture of it (U+2400 and following), so that nothing is lost and nothing can become a header of its own.
///
/// ```
/// use jabber_archive_core::HeaderText;
///
/// let subject = HeaderText::new("Q3\r\nBcc: eve@example.com");
/// assert_eq!(subject.as_str(), "Q3␍␊Bcc: eve@example.com");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderText(String);

/// The longest run without a space: an RFC 5322 line ends at 998 bytes, and UTF-8 characters have up to 4.
const LONGEST_WORD: usize = 200;

impl HeaderText {
    /// Makes any text fit for a header field.
    pub fn new(text: &str) -> Self {
        let mut clean = String::with_capacity(text.len());
        let mut word = 0;
        for char in text.chars() {
            if char == ' ' {
                word = 0;
            } else {
                word += 1;
                if word > LONGEST_WORD {
                    clean.push(' ');
                    word = 1;
                }
            }
            clean.push(picture(char));
        }
        Self(clean.trim().to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The visible picture of a control character (Unicode block Control Pictures), any other character itself.
pub(crate) fn picture(char: char) -> char {
    match char {
        '\0'..='\x1f' => char::from_u32(0x2400 + char as u32).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => '\u{fffd}',
        _ => char,
    }
}

impl fmt::Display for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
