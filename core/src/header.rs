use std::{borrow::Cow, fmt};

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
        if text.len() <= LONGEST_WORD && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Self(text.trim().to_owned());
        }
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

    /// The same, of at most so many characters; where more were, `…` is the last.
    pub fn shortened(text: &str, characters: usize) -> Self {
        Self::new(&shortened(text, characters))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The visible picture of a control character (Unicode block Control Pictures), any other character itself.
///
/// What some programs take for a line's end (U+0085, U+2028, U+2029) becomes `␤`; the other controls of U+0080 to U+009F have no picture.
pub(crate) fn picture(char: char) -> char {
    match char {
        '\0'..='\x1f' => char::from_u32(0x2400 + char as u32).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{85}' | '\u{2028}' | '\u{2029}' => '\u{2424}',
        '\u{80}'..='\u{9f}' => '\u{fffd}',
        _ => char,
    }
}

/// The first so many characters, the last of them `…` where more were.
pub(crate) fn shortened(text: &str, characters: usize) -> Cow<'_, str> {
    // No shorter text can have more characters than bytes.
    if text.len() <= characters || text.chars().nth(characters).is_none() {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(characters.saturating_sub(1)).collect();
    short.push('…');
    Cow::Owned(short)
}

impl fmt::Display for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
