//! Reads the text/html body with a tokenizer of its own that knows the few tags we write and panics at everything else.
//!
//! Whatever it reads holds no script, no image and nothing to be fetched, since no tag or attribute that could is known to it.

use std::collections::BTreeMap;

const TAGS: &[&str] = &[
    "!DOCTYPE html",
    "html lang=\"en\"",
    "/html",
    "head",
    "/head",
    "meta charset=\"utf-8\"",
    "meta name=\"viewport\" content=\"width=device-width\"",
    "meta name=\"color-scheme\" content=\"light dark\"",
    "title",
    "/title",
    "style",
    "/style",
    "body",
    "/body",
    "h1 dir=\"auto\"",
    "/h1",
    "h2",
    "/h2",
    "h3",
    "/h3",
    "h4",
    "/h4",
    "p class=\"n\"",
    "p dir=\"auto\"",
    "/p",
    "br",
    "bdi",
    "/bdi",
    "small",
    "/small",
    "details",
    "details open",
    "/details",
    "summary",
    "/summary",
    "table",
    "/table",
    "thead",
    "/thead",
    "tr",
    "/tr",
    "th",
    "th width=\"20%\"",
    "th width=\"35%\"",
    "th width=\"45%\"",
    FACT,
    "/th",
    "td",
    "/td",
    "ul",
    "/ul",
    "li",
    "/li",
];

/// What opens the name of a fact at the foot.
const FACT: &str = "th width=\"20%\" scope=\"row\"";

/// What opens a message: its text alone, or formatted text.
const PLAIN: &str = "p dir=\"auto\"";
const FORMATTED: &str = "div dir=\"auto\"";

/// Elements of formatted text that begin and end a line, and those that do not.
const BLOCKS: &[&str] = &["blockquote", "div", "li", "ol", "pre", "ul"];
const INLINE: &[&str] = &["a", "b", "cite", "code", "em", "i", "s", "span", "strong", "u"];

/// Panics unless this is a start tag that formatted text may have.
fn check_formatting(tag: &str) {
    let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(BLOCKS.contains(&name) || INLINE.contains(&name), "<{tag}> is no element of formatted text");
    if name == "a" {
        let target = attributes.strip_prefix("href=\"").and_then(|rest| rest.strip_suffix("\" rel=\"noopener noreferrer\"")).unwrap();
        assert!(["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)), "{target} is no target");
        assert!(target.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>`\\".contains(&byte)), "{target} is no target");
    } else if !attributes.is_empty() {
        let style = attributes.strip_prefix("style=\"").and_then(|rest| rest.strip_suffix('"')).unwrap();
        for declaration in style.split(';') {
            let (property, value) = declaration.split_once(':').unwrap();
            let known = match property {
                "color" | "background-color" => {
                    value.len() == 7 && value.starts_with('#') && value[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
                }
                "font-weight" => ["bold", "normal"].contains(&value),
                "font-style" => ["italic", "normal"].contains(&value),
                "text-decoration" => ["underline", "line-through", "underline line-through"].contains(&value),
                _ => false,
            };
            assert!(known, "{declaration} is no style of formatted text");
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The text of every element that holds text itself, in order, with the tag that opened it.
    pub(crate) elements: Vec<(String, String)>,
}

impl Page {
    pub(crate) fn read(html: &str) -> Self {
        let mut page = Self::default();
        let mut open: Vec<String> = Vec::new();
        // Where formatted text began.
        let mut formatted: Option<usize> = None;
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            page.text(&rest[..at]);
            let end = rest[at..].find('>').expect("a tag is closed") + at;
            let tag = match &rest[at + 1..end] {
                "p dir=\"rtl\"" => PLAIN,
                "div dir=\"rtl\"" => FORMATTED,
                tag => tag,
            };
            rest = &rest[end + 1..];
            if let Some(depth) = formatted {
                if tag == "br" {
                    page.text("\n");
                } else if let Some(name) = tag.strip_prefix('/') {
                    assert_eq!(open.pop().unwrap().split(' ').next().unwrap(), name, "elements nest");
                    if BLOCKS.contains(&name) {
                        page.text("\n");
                    }
                    formatted = Some(depth).filter(|depth| open.len() > *depth);
                } else {
                    check_formatting(tag);
                    open.push(tag.to_owned());
                    if BLOCKS.contains(&tag.split(' ').next().unwrap()) {
                        page.text("\n");
                    }
                }
                continue;
            }
            if tag == FORMATTED {
                formatted = Some(open.len());
                open.push(tag.to_owned());
                page.elements.push((tag.to_owned(), String::new()));
                continue;
            }
            assert!(TAGS.contains(&tag), "<{tag}> is none of our tags");
            match tag {
                "br" => page.text("\n"),
                "!DOCTYPE html" | "bdi" | "/bdi" => {}
                tag if tag.starts_with("meta ") => {}
                "style" => rest = rest.split_once("</style>").unwrap().1,
                _ => {
                    if let Some(name) = tag.strip_prefix('/') {
                        assert_eq!(open.pop().unwrap().split(' ').next().unwrap(), name, "elements nest");
                    } else {
                        open.push(tag.to_owned());
                        page.elements.push((tag.to_owned(), String::new()));
                    }
                }
            }
        }
        page.text(rest);
        assert!(open.is_empty(), "{open:?} stay open");
        page
    }

    fn text(&mut self, text: &str) {
        let decoded = decode(text);
        match self.elements.last_mut() {
            Some((_, element)) => element.push_str(&decoded),
            None => assert!(decoded.trim().is_empty()),
        }
    }

    /// The texts of all elements that this tag opened, without blanks around them.
    pub(crate) fn all(&self, tag: &str) -> Vec<&str> {
        self.elements.iter().filter(|(opened, _)| opened == tag).map(|(_, text)| text.trim()).collect()
    }

    /// The texts of all messages.
    pub(crate) fn messages(&self) -> Vec<&str> {
        self.elements.iter().filter(|(opened, _)| [PLAIN, FORMATTED].contains(&opened.as_str())).map(|(_, text)| text.as_str()).collect()
    }

    /// The facts at the foot.
    pub(crate) fn facts(&self) -> Vec<(String, String)> {
        let pairs = self.elements.windows(2).filter(|pair| pair[0].0 == FACT);
        pairs.map(|pair| (pair[0].1.clone(), pair[1].1.trim().to_owned())).collect()
    }
}

/// Decodes the entities that we write; any other `&` is a fault.
fn decode(text: &str) -> String {
    let entities: BTreeMap<&str, char> = [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("#39", '\'')].into();
    let mut pieces = text.split('&');
    let mut decoded = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (entity, rest) = piece.split_once(';').unwrap();
        decoded.push(*entities.get(entity).unwrap());
        decoded.push_str(rest);
    }
    decoded
}
