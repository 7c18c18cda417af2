//! Text of others inside our lines.

use crate::header::picture;

/// How many bytes are looked at together.
const BLOCK: usize = 16;

/// Where copying stops: at controls, and at the first bytes of U+0080 to U+009F and of U+2028 and U+2029.
const PLAIN: Stops = Stops::new(false);
/// There, and at what HTML gives a meaning to.
const MARKUP: Stops = Stops::new(true);

/// Bytes at which copying stops.
struct Stops {
    markup: bool,
    table: [bool; 256],
}

impl Stops {
    const fn new(markup: bool) -> Self {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < table.len() {
            table[byte] = is_stop(byte as u8, markup);
            byte += 1;
        }
        Self { markup, table }
    }

    /// Where the first of them is.
    fn first(&self, bytes: &[u8]) -> Option<usize> {
        let (blocks, _) = bytes.as_chunks::<BLOCK>();
        // Without a branch for each byte, so that processors compare all of a block at once.
        let free = |block: &&[u8; BLOCK]| !block.iter().fold(false, |found, byte| found | is_stop(*byte, self.markup));
        let from = blocks.iter().take_while(free).count() * BLOCK;
        bytes[from..].iter().position(|byte| self.table[usize::from(*byte)]).map(|at| from + at)
    }
}

#[expect(clippy::needless_bitwise_bool, reason = "without a branch for each byte, many are compared at once")]
const fn is_stop(byte: u8, markup: bool) -> bool {
    let control = (byte < 0x20) & (byte != b'\t') | (byte == 0x7f) | (byte == 0xc2) | (byte == 0xe2);
    let meaning = (byte == b'&') | (byte == b'<') | (byte == b'>') | (byte == b'"') | (byte == b'\'');
    control | markup & meaning
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

fn push(text: &str, stops: &Stops, line_break: &str, replace: impl Fn(char, &mut String), out: &mut String) {
    let mut rest = text;
    while let Some(at) = stops.first(rest.as_bytes()) {
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
