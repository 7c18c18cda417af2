//! Formatted text: XHTML-IM (XEP-0071) as HTML that is safe to show, if it says what the body says.

mod color;
mod element;
mod link;
mod style;
mod words;
mod writer;
mod xhtml;

use self::writer::Writer;

/// The longest text that is shown formatted, in bytes; people type less. With [`MARKUP_FACTOR`] it bounds what formatting adds to a mail:
/// less than the smallest limit of a mail leaves.
const LONGEST_TEXT: usize = 16 * 1024;
/// How many bytes of markup there may be for every byte of text.
const MARKUP_FACTOR: usize = 8;
/// How many bytes of markup there may be beside that.
const MARKUP_BASE: usize = 1024;

/// Appends the formatted form of a body, out of the stanza that it came with: elements that nest, without a block inside a paragraph, so that no
/// parser puts them together in another way.
///
/// None, and nothing is appended, if there is no such form, if it cannot be read to its end, if it says other words than the body, or if it is out of
/// proportion to the text. Nor if it is shorter than the text, which has more blanks then than HTML would show.
pub(super) fn push(stanza: &str, body: &str, out: &mut String) -> Option<()> {
    // Without this name nothing is XHTML-IM, and most stanzas need not be read again.
    if body.is_empty() || body.len() > LONGEST_TEXT || !xhtml::may_stand_in(stanza) {
        return None;
    }
    let start = out.len();
    let mut writer = Writer::new(out, body.len(), body.len() * MARKUP_FACTOR + MARKUP_BASE);
    let text = xhtml::read(stanza, &mut writer).map(|()| writer.finish());
    let shown = text.filter(|text| out.len() - start >= body.len() && words::same(text, body));
    if shown.is_none() {
        out.truncate(start);
    }
    shown.map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn stanza(content: &str) -> String {
        format!(
            "<message id='x'><body>…</body><html xmlns='http://jabber.org/protocol/xhtml-im'>\
             <body xmlns='http://www.w3.org/1999/xhtml'>{content}</body></html></message>"
        )
    }

    fn shown(content: &str, body: &str) -> Option<String> {
        markup(&stanza(content), body)
    }

    fn markup(stanza: &str, body: &str) -> Option<String> {
        let mut out = "before".to_owned();
        let shown = push(stanza, body, &mut out);
        let markup = out.strip_prefix("before").expect("what stands there stays").to_owned();
        assert!(shown.is_some() || markup.is_empty(), "what is not shown leaves nothing behind");
        shown.map(|()| markup)
    }

    #[track_caller]
    fn check(content: &str, body: &str, expected: &str) {
        assert_eq!(shown(content, body).as_deref(), Some(expected), "{content}");
    }

    #[test]
    fn what_a_client_formats_is_shown_formatted() {
        check(
            "<p>Please <b>read</b> <span style='color:red; font-family:Wingdings'>this</span></p><p>today<br/>&amp; &#x41;</p>",
            "Please read this\ntoday\n& A",
            "<div>Please <b>read</b> <span style=\"color:#dd0000\">this</span></div><div>today<br>\r\n&amp; A</div>",
        );
        check(
            "<ol><li>one</li><li><em>two</em></li></ol><blockquote>three</blockquote>",
            "one two three",
            "<ol><li>one</li><li><em>two</em></li></ol><blockquote>three</blockquote>",
        );
        check("<pre>a\n  b</pre>", "a\n  b", "<pre>a<br>  b</pre>");
        check("<font color='#008000' face='x'>ok</font> <u>now</u>", "ok now", "<span style=\"color:#007800\">ok</span> <u>now</u>");
    }

    #[test]
    fn other_words_than_those_of_the_body_are_not_shown() {
        for (content, body) in [
            ("<p>I agree</p>", "I do not agree"),
            ("<p>I do not agree</p>", "I agree"),
            ("one<b>two</b>", "one two"),
            ("<p>one</p><p>two</p>", "onetwo"),
            ("<p></p>", "text"),
            ("<p>a b</p>", "a     b       c"),
            ("a\u{2028}b", "a b"),
            ("<script>one</script> two", "one two"),
        ] {
            assert_eq!(shown(content, body), None, "{content}");
        }
    }

    #[test]
    fn blanks_do_not_tell_words_apart() {
        check("\n  <p>one\n  two</p>\n<p>&#160;three</p>", "one two\nthree", "<div>one two</div><div>\u{a0}three</div>");
    }

    #[test]
    fn a_text_that_has_more_blanks_than_html_would_show_stays_plain() {
        assert_eq!(shown("a b", "a              b"), None);
    }

    #[test]
    fn nothing_active_is_passed_on() {
        let expected = "one";
        for content in [
            "one<script>alert(1)</script>",
            "<head><title>x</title></head>one<style>*{display:none}</style>",
            "one<SCRIPT>alert(1)</SCRIPT>",
            "one<x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
            "one<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
            "one<script><b>two</b><script/></script>",
            "<h1 onclick='alert(1)'>one</h1>",
            "<a href='javascript:alert(1)'>one</a>",
            "<img src='https://example.com/x.png' onerror='alert(1)' alt='one'/>",
            "<iframe src='https://example.com'>one</iframe>",
            "<span style='background:url(https://example.com/x);width:expression(alert(1))' class='x' id='y'>one</span>",
            "<math xmlns='http://www.w3.org/1998/Math/MathML'><b>one</b></math>",
            "<!-- two -->one<?php two ?>",
        ] {
            check(content, "one", expected);
        }
        check("<![CDATA[<script>alert(1)</script>]]>", "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;");
        check("<b onclick='alert(1)' title=\"'&gt;\">one</b>", "one", "<b>one</b>");
    }

    #[test]
    fn what_is_broken_or_cut_off_is_not_shown() {
        for content in [
            "one<b>",
            "one</b>",
            "<b><i>one</b></i>",
            "one &nbsp;",
            "one & two",
            "one &lol;",
            "<b title=x>one</b>",
            "<a href='https://example.com' href='https://example.org'>one</a>",
            "one<",
            "one<!--",
            "one<![CDATA[",
            "one&#0;",
            "one<b title='&unknown;'></b>",
        ] {
            assert_eq!(shown(content, "one"), None, "{content}");
        }
        let whole = stanza("<p>one <b>two</b></p>");
        let end = whole.find("</body></html>").unwrap() + "</body>".len();
        for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
            assert_eq!(markup(&whole[..cut], "one two").is_some(), cut >= end, "{}", &whole[..cut]);
        }
        let entity = format!("<!DOCTYPE x [<!ENTITY lol 'one'>]>{}", stanza("one"));
        assert_eq!(markup(&entity, "one"), None);
    }

    #[test]
    fn what_is_not_declared_as_xhtml_im_is_not_shown() {
        for stanza in [
            "<message><html><body>one</body></html></message>",
            "<message><html xmlns='http://jabber.org/protocol/xhtml-im'><body><b>one</b></body></html></message>",
            "<html xmlns='http://www.w3.org/1999/xhtml' id='http://jabber.org/protocol/xhtml-im'><body>one</body></html>",
            "<message><x xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>one</body></x></message>",
            "http://jabber.org/protocol/xhtml-im",
        ] {
            assert_eq!(markup(stanza, "one"), None, "{stanza}");
        }
    }

    #[test]
    fn elements_are_nested_as_every_parser_nests_them() {
        check("<p>a<p>b</p></p>", "a b", "<div>a<div>b</div></div>");
        check("<li>a<li>b</li></li>", "a b", "<div>a<div>b</div></div>");
        check("<ul><b><li>a</li></b></ul>", "a", "<ul><b><div>a</div></b></ul>");
        check("<ul><li>a<span><li>b</li></span></li></ul>", "a b", "<ul><li>a<div>b</div></li></ul>");
        check(
            "<a href='https://example.com'>a<a href='https://example.org'>b</a></a>",
            "ab",
            "<a href=\"https://example.com\" rel=\"noopener noreferrer\">ab</a>",
        );
        check("<br>a</br>", "a", "<br>\r\na");
    }

    #[test]
    fn elements_beyond_a_depth_are_their_text() {
        let deep = |levels: usize| format!("{}one{}", "<b>".repeat(levels), "</b>".repeat(levels));
        assert_eq!(shown(&deep(100), "one").unwrap(), deep(writer::MOST_DEPTH));
    }

    #[test]
    fn hostile_stanzas_take_time_in_proportion_to_their_length() {
        let start = Instant::now();
        let levels = 100_000;
        let deep = |open: &str, close: &str| format!("{}one{}", open.repeat(levels), close.repeat(levels));
        for content in [
            deep("<b>", "</b>"),
            deep("<div><script>", "</script></div>"),
            deep("<a href='https://example.com'>", "</a>"),
            deep("<ul><li>", "</li></ul>"),
            format!("<b{}>one</b>", " x='' xmlns:y='z'".repeat(levels)),
            format!("<b style='{}'>one</b>", "color:red;".repeat(levels)),
            format!("<a href='https://example.com/{}'>one</a>", "x".repeat(1_000_000)),
            "<a href='https://example.com'>one.two</a>".repeat(levels),
            format!("one{}", "<br/>".repeat(levels)),
            "<b>".repeat(levels),
        ] {
            // What it gives is told by other tests.
            let _ = shown(&content, "one");
        }
        assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
    }

    #[test]
    fn markup_out_of_proportion_to_the_text_is_not_shown() {
        let content = "<b>a</b> ".repeat(500);
        assert!(shown(&content, &"a ".repeat(500)).is_some());
        let content = "<span style='color:red;font-weight:bold'>a</span> ".repeat(500);
        assert_eq!(shown(&content, &"a ".repeat(500)), None);
        assert_eq!(shown(&format!("one{}", "<br/>".repeat(1_000)), "one"), None);
        let long = "x".repeat(LONGEST_TEXT + 1);
        assert_eq!(shown(&long, &long), None);
    }
}
