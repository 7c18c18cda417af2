use std::ops::AddAssign;

use encodify::{base64, qp};
use mail_builder::{headers::content_type::ContentType, mime::MimePart};

/// What a leaf made of these lines takes in a mail, for either transfer encoding.
///
/// A line's end resets both encodings' state, so that the weight of a leaf is the sum of the weights of its lines. That is what
/// lets a conversation be cut in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Weight {
    plain: usize,
    quoted: usize,
}

impl Weight {
    /// The weight of whole lines, each ending in CRLF.
    pub(crate) fn of(lines: &str) -> Self {
        debug_assert!(lines.is_empty() || lines.ends_with("\r\n"), "weights are of whole lines");
        Self { plain: lines.len(), quoted: qp::BODY.encoded_len(lines) }
    }

    /// How many bytes the leaf takes in the smaller encoding, which is the one that [`Leaf::text`] chooses.
    pub(crate) fn encoded(self) -> usize {
        self.quoted.min(base64::MIME.encoded_len(self.plain))
    }
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Self) {
        self.plain += other.plain;
        self.quoted += other.quoted;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    QuotedPrintable,
    Base64,
}

/// The encoded content of one MIME part: quoted-printable or base64, whichever is smaller, and the readable one where both are equal.
///
/// Neither encoding can hold `=_`, with which every boundary begins (RFC 2045, section 6.7), nor a line over 76 characters.
#[derive(Debug)]
pub(crate) struct Leaf {
    encoding: Encoding,
    content: String,
}

impl Leaf {
    /// A leaf of text, lines ending in CRLF.
    pub(crate) fn text(lines: &str) -> Self {
        let most = base64::MIME.encoded_len(lines.len());
        // Which tells most text beyond Latin letters, and is faster found than by trying.
        if least_quoted(lines) <= most {
            let mut content = String::new();
            qp::BODY.encode_append(lines, &mut content);
            if content.len() <= most {
                return Self { encoding: Encoding::QuotedPrintable, content };
            }
        }
        Self::binary(lines.as_bytes())
    }

    /// A leaf in base64.
    pub(crate) fn binary(content: &[u8]) -> Self {
        Self { encoding: Encoding::Base64, content: base64::MIME.encode(content) }
    }

    /// How many bytes [`Leaf::binary`] takes for so many bytes of content.
    pub(crate) fn binary_len(content: usize) -> usize {
        base64::MIME.encoded_len(content)
    }

    /// How many bytes it takes.
    pub(crate) fn len(&self) -> usize {
        self.content.len()
    }

    /// The MIME part of it.
    pub(crate) fn part<'a>(&'a self, content_type: ContentType<'a>) -> MimePart<'a> {
        let encoding = match self.encoding {
            Encoding::QuotedPrintable => "quoted-printable",
            Encoding::Base64 => "base64",
        };
        MimePart::new(content_type, self.content.as_bytes()).transfer_encoding(encoding)
    }
}

/// What quoted-printable takes at least: three bytes for each that cannot stand for itself.
fn least_quoted(text: &str) -> usize {
    let is_escaped = |byte: &u8| u8::from((*byte == b'=') | !byte.is_ascii());
    // As many as one byte can count, so that processors count many at once.
    let escaped = text.as_bytes().chunks(255).map(|bytes| usize::from(bytes.iter().map(is_escaped).sum::<u8>())).sum::<usize>();
    text.len() + 2 * escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_weight_of_a_leaf_is_the_sum_of_the_weights_of_its_lines(
            lines in prop::collection::vec(prop_oneof![".*", "[ -~]{0,200}", "[ \t=.-]{70,80}", "[é中]{0,50}"], 0..20)
        ) {
            let lines: Vec<String> = lines.into_iter().map(|line| line.replace(['\r', '\n'], " ") + "\r\n").collect();
            let mut sum = Weight::default();
            for line in &lines {
                sum += Weight::of(line);
            }
            let whole = lines.concat();
            prop_assert_eq!(sum, Weight::of(&whole));
            prop_assert_eq!(sum.encoded(), Leaf::text(&whole).content.len());
        }
    }

    #[test]
    fn text_is_readable_and_what_is_not_latin_is_base64() {
        assert_eq!(Leaf::text("Viele Grüße aus dem Archiv\r\n").content, "Viele Gr=C3=BC=C3=9Fe aus dem Archiv\r\n");
        assert_eq!(Leaf::text("你好你好你好\r\n").encoding, Encoding::Base64);
    }
}
