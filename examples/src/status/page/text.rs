use std::fmt;

use jabber_archive_core::Timestamp;

use crate::command::printable;

/// Text from outside, as content and as a value in quotes. What would move or turn what follows is replaced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in printable(self.0).chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                char => write!(f, "{char}")?,
            }
        }
        Ok(())
    }
}

/// A sentence of ours, in which words from outside may stand: it begins with a capital and has an end; what stands between grave accents is code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sentence<'a>(pub(super) &'a str);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.trim();
        let mut rest = text;
        if let Some(first) = text.chars().next().filter(char::is_ascii_lowercase) {
            write!(f, "{}", first.to_ascii_uppercase())?;
            rest = &text[1..];
        }
        let mut pieces = rest.split('`').peekable();
        let mut code = false;
        while let Some(piece) = pieces.next() {
            match (code, pieces.peek()) {
                (true, Some(_)) => write!(f, "<code>{}</code>", Text(piece))?,
                (true, None) => write!(f, "`{}", Text(piece))?,
                (false, _) => write!(f, "{}", Text(piece))?,
            }
            code = !code;
        }
        if text.ends_with(['.', '?', '!', ':']) { Ok(()) } else { f.write_str(".") }
    }
}

/// An instant to the minute, with the whole of it for machines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time datetime=\"{}\">{}</time>", self.0, minute(self.0))
    }
}

impl Moment {
    /// Its day.
    pub(super) fn day(self) -> impl fmt::Display {
        let text = self.0.to_string();
        format!("<time datetime=\"{text}\">{}</time>", text.get(..10).unwrap_or(&text))
    }
}

/// An instant to the minute: `2026-11-21 09:14`.
fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

/// The time of day.
pub(super) fn time_of_day(time: Timestamp) -> String {
    minute(time).split_off(11)
}

/// A number with a comma between thousands.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number in a table.
pub(super) fn cell(number: &str) -> String {
    format!("<td class=\"number\">{number}</td>")
}

/// So many things: `1 mail`, `2 mails`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// An amount of bytes in the largest unit (SI) of which there is one: `4.7 MB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1_000.0;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if amount < 999.95 {
            break;
        }
        (amount, unit) = (amount / 1_000.0, next);
    }
    format!("{amount:.1} {unit}")
}

/// A length of time in the largest two units: `1 day 3 h`.
pub(super) fn length(minutes: u64) -> String {
    match (minutes / 1_440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => counted(days, "day", "days"),
        (days, hours, _) => format!("{} {hours} h", counted(days, "day", "days")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_in_content_and_in_quotes() {
        assert_eq!(
            Text("<b title='a' class=\"b\">&\u{202e}\n").to_string(),
            "&lt;b title=&#39;a&#39; class=&quot;b&quot;&gt;&amp;\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn a_sentence_has_a_beginning_an_end_and_code_and_no_markup_of_others() {
        let told = |text: &str| Sentence(text).to_string();
        assert_eq!(told("set `a < b` under `x`"), "Set <code>a &lt; b</code> under <code>x</code>.");
        assert_eq!(told("is it `open"), "Is it `open.");
        assert_eq!(told("Why?"), "Why?");
        assert_eq!(told("`run` now."), "<code>run</code> now.");
        assert_eq!(told("</p>`<b>`"), "&lt;/p&gt;<code>&lt;b&gt;</code>.");
        assert_eq!(told("élan"), "élan.");
    }

    #[test]
    fn numbers_sizes_and_lengths_are_written_for_people() {
        let numbers = [0, 999, 1_000, 123_456, 1_234_567, u64::MAX].map(number);
        assert_eq!(numbers, ["0", "999", "1,000", "123,456", "1,234,567", "18,446,744,073,709,551,615"]);
        let sizes = [0, 999, 1_000, 999_949, 999_950, 4_711_000_000, u64::MAX].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "4.7 GB", "18446.7 PB"]);
        let lengths = [0, 59, 60, 90, 1_440, 1_500, 4_320].map(length);
        assert_eq!(lengths, ["0 min", "59 min", "1 h", "1 h 30 min", "1 day", "1 day 1 h", "3 days"]);
        assert_eq!([counted(1, "mail", "mails"), counted(2_000, "mail", "mails")], ["1 mail", "2,000 mails"]);
    }
}
