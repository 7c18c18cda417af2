use std::{borrow::Cow, fmt::Write as _};

use unicode_bidi::{BidiClass, bidi_class};

use super::super::{cut::Extent, escape::push_markup, files, names::one_line, rich_text, view::Turn};
use crate::{FileRef, Message};

/// A message, under a heading where it begins a day, or where somebody else speaks, or in another minute.
pub(super) fn message(turn: Turn<'_>, before: Option<Turn<'_>>, out: &mut String) {
    if before.is_none_or(|before| !before.sent.same_day(&turn.sent)) {
        out.push_str("<h3>");
        out.push_str(&turn.sent.day());
        out.push_str(" <small>");
        out.push_str(&turn.sent.offset());
        out.push_str("</small></h3>\r\n");
    }
    if before.is_none_or(|before| before.sender != turn.sender || !before.sent.same_minute(&turn.sent)) {
        out.push_str("<h4><bdi>");
        push_markup(turn.name, " ", out);
        out.push_str("</bdi> <small>");
        turn.sent.push_minute(out);
        out.push_str("</small></h4>\r\n");
    }
    push_body(turn.message, out);
    push_extras(turn, out);
}

/// What a message says, as HTML: the one place where the text of a message becomes markup. Formatted text stands in a `<div>`, since it may
/// hold blocks, which end a paragraph.
fn push_body(message: &Message, out: &mut String) {
    let (start, direction) = (out.len(), direction(&message.body));
    if let Some(stanza) = &message.stanza {
        open("div", direction, out);
        if rich_text::push(stanza, &message.body, out).is_some() {
            out.push_str("</div>\r\n");
            return;
        }
        out.truncate(start);
    }
    open("p", direction, out);
    push_markup(&spaced(&message.body), "<br>\r\n", out);
    out.push_str("</p>\r\n");
}

/// Opens the element of a message.
fn open(element: &str, direction: &str, out: &mut String) {
    for piece in ["<", element, " dir=\"", direction, "\">"] {
        out.push_str(piece);
    }
}

/// The direction of a text. Browsers find it out by the first letter that has one; Outlook for Windows has to be told.
fn direction(text: &str) -> &'static str {
    let of = |char: char| match bidi_class(char) {
        BidiClass::L => Some("auto"),
        BidiClass::R | BidiClass::AL => Some("rtl"),
        _ => None,
    };
    let first = text.chars().find_map(|char| if char.is_ascii() { char.is_ascii_alphabetic().then_some("auto") } else { of(char) });
    first.unwrap_or("auto")
}

/// What came with a message.
fn push_extras(turn: Turn<'_>, out: &mut String) {
    let message = turn.message;
    if message.subject.is_none() && message.files.is_empty() && turn.extent == Extent::default() {
        return;
    }
    out.push_str("<ul>");
    if let Some(subject) = &message.subject {
        out.push_str("<li>Subject: <bdi>");
        push_markup(&one_line(subject), " ", out);
        out.push_str("</bdi></li>");
    }
    for file in &message.files {
        out.push_str("<li>File: <bdi>");
        push_markup(&one_line(&file.name), " ", out);
        out.push_str("</bdi> <small>");
        push_size(file, out);
        out.push_str(&files::facts(file));
        out.push_str("</small></li>");
    }
    for note in turn.extent.notes() {
        out.push_str("<li>");
        out.push_str(note);
        out.push_str("</li>");
    }
    out.push_str("</ul>\r\n");
}

/// Appends `47.0 KiB, `; nothing of what has less than one.
fn push_size(file: &FileRef, out: &mut String) {
    let size = file.size.unwrap_or_default();
    if let Some((unit, name)) = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")].into_iter().find(|(unit, _)| size >> unit > 0) {
        let tenths = ((size >> (unit - 10)) * 10) >> 10;
        let _ = write!(out, "{}.{} {name}, ", tenths / 10, tenths % 10);
    }
}

/// Blanks that HTML would swallow as no-break spaces, four for a tab; not every mail program heeds `white-space`.
#[expect(clippy::needless_bitwise_bool, reason = "without a branch for each byte, many are compared at once")]
fn spaced(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    // Without a branch for each byte, since most texts have none of these.
    let is_swallowed = |before: u8, byte: u8| (byte == b'\t') | (byte == b' ') & ((before == b' ') | (before == b'\n'));
    let any = bytes.iter().zip(bytes.iter().skip(1)).fold(false, |found, (before, byte)| found | is_swallowed(*before, *byte));
    if !any && !bytes.first().is_some_and(|first| is_swallowed(b'\n', *first)) {
        return Cow::Borrowed(text);
    }
    let mut spaced = String::with_capacity(text.len() + 16);
    let mut swallowed = true;
    for char in text.chars() {
        match char {
            '\t' => spaced.push_str("\u{a0}\u{a0}\u{a0} "),
            ' ' if swallowed => spaced.push('\u{a0}'),
            char => spaced.push(char),
        }
        swallowed = matches!(char, ' ' | '\t' | '\n');
    }
    Cow::Owned(spaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_tabs_that_html_would_swallow_are_kept() {
        let shown = |text| spaced(text).replace('\u{a0}', "_");
        assert_eq!(["a b", " a", "a  b", "a\n b", "\tif", "a\tb\t c"].map(shown), ["a b", "_a", "a _b", "a\n_b", "___ if", "a___ b___ _c"]);
    }

    #[test]
    fn text_from_right_to_left_says_so() {
        for body in ["مرحبا Bob", "12: שלום", "(\u{200f}) ok", "😀 سلام"] {
            assert_eq!(direction(body), "rtl", "{body}");
        }
        for body in ["Bob مرحبا", "你好", "123", ""] {
            assert_eq!(direction(body), "auto", "{body}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_they_have_one_of() {
        let shown = |size: u64| {
            let (mut file, mut out) = (FileRef::named("x"), String::new());
            file.size = Some(size);
            push_size(&file, &mut out);
            out
        };
        assert_eq!([1023, 1024, 48_213].map(shown), ["", "1.0 KiB, ", "47.0 KiB, "]);
        assert_eq!([(1 << 20) - 1, 1 << 20, 3 << 29, u64::MAX].map(shown), ["1023.9 KiB, ", "1.0 MiB, ", "1.5 GiB, ", "16777215.9 TiB, "]);
    }
}
