use std::fmt::Write as _;

use crate::people::is_addr_spec;

/// The longest target, in bytes as it came; what browsers agree on.
const LONGEST: usize = 2_000;
/// What programs take for the dot in a domain (UTS #46), and what looks like it.
const DOTS: [char; 5] = ['.', '。', '．', '｡', '․'];

/// Where a link goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The target as it is written: ASCII without blanks, quotes and brackets.
    href: String,
    /// The host, or all of an e-mail address.
    place: String,
}

impl Target {
    /// The target of an `http`, `https` or `mailto` link, in one way of writing; none of anything else.
    ///
    /// Hosts are letters, digits, dots and hyphens: names in other scripts, numbers of IPv6, and what stands before an `@` are refused,
    /// because it cannot be seen from them where they lead.
    pub(super) fn of(href: &str) -> Option<Self> {
        // The URL standard takes these away from both ends. Inside it takes away some blanks, too; a target that needs that is none.
        let href = href.trim_matches(|char| char <= ' ');
        if href.len() > LONGEST || href.chars().any(|char| char.is_control() || char.is_whitespace()) {
            return None;
        }
        let (scheme, rest) = href.split_once(':')?;
        if scheme.eq_ignore_ascii_case("mailto") {
            // What stands behind it would write a mail for whoever follows the link.
            let address = rest.split('?').next().unwrap_or_default();
            let plain = is_addr_spec(address) && !address.contains(['%', '`', '{', '}', '|', '^', '#', '/']);
            return plain.then(|| Self { href: format!("mailto:{address}"), place: address.to_owned() });
        }
        let scheme = ["https", "http"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))?;
        let rest = rest.strip_prefix("//")?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let named = host.bytes().any(|byte| byte.is_ascii_alphanumeric())
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if !named || port.is_some_and(|port| port.parse::<u16>().is_err() || !port.bytes().all(|byte| byte.is_ascii_digit())) {
            return None;
        }
        let mut target = Self { href: format!("{scheme}://"), place: host.to_ascii_lowercase() };
        target.href.push_str(&target.place);
        if let Some(port) = port {
            target.href.push(':');
            target.href.push_str(port);
        }
        push_encoded(rest, &mut target.href);
        Some(target)
    }

    /// The target as it is written.
    pub(super) fn href(&self) -> &str {
        &self.href
    }

    /// Whether a text names another place than this, or shows characters in another order than they stand there.
    pub(super) fn is_belied_by(&self, text: &str) -> bool {
        text.contains(['\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}'])
            || text.split_whitespace().map(bare).any(|word| looks_like_a_place(word) && !self.is_named_by(word))
    }

    fn is_named_by(&self, word: &str) -> bool {
        if self.place.contains('@') {
            return without_prefix(word, "mailto:").eq_ignore_ascii_case(&self.place);
        }
        let word = without_prefix(without_prefix(word, "https://"), "http://");
        let host = word.split(['/', '?', '#', ':']).next().unwrap_or_default();
        without_prefix(host, "www.").eq_ignore_ascii_case(without_prefix(&self.place, "www."))
    }
}

fn bare(word: &str) -> &str {
    word.trim_matches(|char: char| !char.is_alphanumeric())
}

fn looks_like_a_place(word: &str) -> bool {
    word.contains(DOTS) || word.contains('@') || word.contains("://")
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> &'a str {
    match text.split_at_checked(prefix.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(prefix) => rest,
        _ => text,
    }
}

/// Appends path, query and fragment, with what no URL may hold encoded (RFC 3986, section 2.1).
fn push_encoded(rest: &str, out: &mut String) {
    for byte in rest.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?#[]%".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn href(href: &str) -> Option<String> {
        Target::of(href).map(|target| target.href)
    }

    #[test]
    fn targets_on_the_web_and_of_mail_are_written_in_one_way() {
        for (target, written) in [
            ("https://example.com", "https://example.com"),
            ("  HTTP://WWW.Example.COM:8080/A?b=c&d=é#\"<> ", "http://www.example.com:8080/A?b=c&d=%C3%A9#%22%3C%3E"),
            ("http://10.0.0.1/a\\b", "http://10.0.0.1/a%5Cb"),
            ("https://example.com/\u{202e}\u{200b}", "https://example.com/%E2%80%AE%E2%80%8B"),
            ("MailTo:alice@example.com?subject=x&body=y", "mailto:alice@example.com"),
        ] {
            assert_eq!(href(target).as_deref(), Some(written.trim_end()), "{target}");
        }
    }

    #[test]
    fn no_other_target_is_a_link() {
        for target in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " \u{1}javascript:alert(1)",
            "java\tscript:alert(1)",
            "java\nscript:alert(1)",
            "javascript\u{0}:alert(1)",
            "\u{a0}javascript:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "vbscript:x",
            "file:///etc/passwd",
            "ftp://example.com",
            "xmpp:alice@example.com",
            "//example.com",
            "/path",
            "path",
            "#fragment",
            "",
            "https:",
            "https://",
            "https:///path",
            "https:example.com",
            "https:\\\\example.com",
            "https://bank.example@evil.example/",
            "https://user:secret@example.com/",
            "https://bänk.example/",
            "https://exa mple.com",
            "https://exa\nmple.com",
            "https://example.com:x/",
            "https://example.com:99999/",
            "https://example.com:+80/",
            "https://[::1]/",
            "https://%65xample.com/",
            "https://example.com\\@evil.example",
            "https://...",
            "mailto:",
            "mailto:alice",
            "mailto:alice@example.com,bob@example.com",
            "mailto:%61lice@example.com",
        ] {
            assert_eq!(href(target), None, "{target}");
        }
        assert_eq!(href(&format!("https://example.com/{}", "x".repeat(LONGEST))), None);
    }

    #[test]
    fn a_text_that_names_another_place_belies_a_link() {
        let evil = Target::of("https://evil.example/bank.example").unwrap();
        for text in [
            "bank.example",
            "https://bank.example",
            "http://bank.example/evil.example",
            "go to bank.example now",
            "(bank.example)",
            "bank。example",
            "bank.example@evil.example",
            "alice@evil.example",
            "bank.exam\u{200b}ple",
            "\u{202e}elpmaxe.live",
            "ftp://evil.example",
        ] {
            assert!(evil.is_belied_by(text), "{text}");
        }
        for text in ["here", "evil.example", "see: EVIL.example/a/b?c.", "https://www.evil.example", "e", "wait..."] {
            assert!(!evil.is_belied_by(text), "{text}");
        }
        let alice = Target::of("mailto:alice@example.com").unwrap();
        for text in ["bob@example.com", "example.com", "https://alice@example.com"] {
            assert!(alice.is_belied_by(text), "{text}");
        }
        for text in ["Alice", "alice@example.com", "<mailto:Alice@example.com>"] {
            assert!(!alice.is_belied_by(text), "{text}");
        }
    }
}
