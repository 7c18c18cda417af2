//! Text of others inside our lines.

use crate::header::picture;

const LINE_BREAK: u8 = 1;
const OTHER: u8 = 2;

/// Bytes at which copying stops: controls, and the first bytes of U+0080 to U+009F and of U+2028 and U+2029.
const PLAIN: [u8; 256] = stops(b"");
/// The same and what HTML gives a meaning to.
const MARKUP: [u8; 256] = stops(b"&<>\"'");

const fn stops(more: &[u8]) -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = OTHER;
        byte += 1;
    }
    table[b'\t' as usize] = 0;
    table[b'\n' as usize] = LINE_BREAK;
    table[0x7f] = OTHER;
    table[0xc2] = OTHER;
    table[0xe2] = OTHER;
    let mut index = 0;
    while index < more.len() {
        table[more[index] as usize] = OTHER;
        index += 1;
    }
    table
}

/// Appends text for text/plain: `line_break` for every line feed, pictures for other controls; tabs stay.
pub(super) fn push_plain(text: &str, line_break: &str, out: &mut String) {
    push(text, &PLAIN, line_break, |char, out| out.push(picture(char)), out);
}

/// Appends text for text/html, which cannot become markup: entities, `line_break` for every line feed, pictures for other controls.
pub(super) fn push_markup(text: &str, line_break: &str, out: &mut String) {
    let entity = |char, out: &mut String| match char {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        char => out.push(picture(char)),
    };
    push(text, &MARKUP, line_break, entity, out);
}

fn push(text: &str, stops: &[u8; 256], line_break: &str, replace: impl Fn(char, &mut String), out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| stops[usize::from(byte)] != 0) {
        // No stop is a continuation byte, so the text can be split here.
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        let mut chars = tail.chars();
        match chars.next() {
            Some('\n') => out.push_str(line_break),
            Some(char) => replace(char, out),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn copying_runs_gives_what_replacing_each_character_gives(text in "[ -~\n\t\u{0}\u{7f}\u{80}-\u{a0}\u{2027}-\u{202a}é中😀]{0,60}") {
            let mut plain = String::new();
            push_plain(&text, "<br>", &mut plain);
            let slow: String = text.chars().map(|char| match char {
                '\n' => "<br>".to_owned(),
                '\t' => "\t".to_owned(),
                char => picture(char).to_string(),
            }).collect();
            prop_assert_eq!(plain, slow);
        }
    }

    #[test]
    fn markup_stays_text() {
        let mut html = String::new();
        push_markup("</body><script a='&\"'>\r\n\u{2028}", "<br>", &mut html);
        assert_eq!(html, "&lt;/body&gt;&lt;script a=&#39;&amp;&quot;&#39;&gt;␍<br>␤");
    }
}
