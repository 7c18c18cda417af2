//! Texts as mails show them, and what of them every rendition keeps.

/// The text of a message as the transcript promises to show it.
pub(crate) fn shown(text: &str) -> String {
    let show = |char: char| match char {
        '\n' | '\t' => char,
        '\u{0}'..='\u{1f}' => char::from_u32(u32::from(char) + 0x2400).unwrap(),
        '\u{7f}' => '\u{2421}',
        '\u{85}' | '\u{2028}' | '\u{2029}' => '\u{2424}',
        '\u{80}'..='\u{9f}' => '\u{fffd}',
        _ => char,
    };
    text.chars().map(show).collect()
}

/// The words of a text; what separates them is what no rendition needs to keep as it is.
pub(crate) fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// What is left of a text when everything that a line of ours may show otherwise is taken away.
pub(crate) fn letters(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).collect()
}
