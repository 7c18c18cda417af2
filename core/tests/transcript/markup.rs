//! Reads the text/html body with a tokenizer of its own that knows the few tags we write and panics at everything else.

use std::collections::BTreeMap;

const TAGS: &[&str] = &[
    "!DOCTYPE html",
    "html",
    "/html",
    "head",
    "/head",
    "meta charset=\"utf-8\"",
    "title",
    "/title",
    "style",
    "/style",
    "body",
    "/body",
    "h2 dir=\"auto\"",
    "/h2",
    "h3",
    "/h3",
    "h4",
    "/h4",
    "p",
    "p dir=\"auto\"",
    "/p",
    "br",
    "bdi",
    "/bdi",
    "small",
    "/small",
    "table",
    "/table",
    "tr",
    "/tr",
    "th",
    "/th",
    "td",
    "/td",
    "ul",
    "/ul",
    "li",
    "/li",
    "dl",
    "/dl",
    "dt",
    "/dt",
    "dd",
    "/dd",
];

#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The text of every element that holds text itself, in order, with the tag that opened it.
    pub(crate) elements: Vec<(String, String)>,
}

impl Page {
    pub(crate) fn read(html: &str) -> Self {
        let mut page = Self::default();
        let mut open: Vec<String> = Vec::new();
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            page.text(&rest[..at]);
            let end = rest[at..].find('>').expect("a tag is closed") + at;
            let tag = &rest[at + 1..end];
            assert!(TAGS.contains(&tag), "<{tag}> is none of our tags");
            rest = &rest[end + 1..];
            match tag {
                "br" => page.text("\n"),
                "!DOCTYPE html" | "meta charset=\"utf-8\"" | "bdi" | "/bdi" | "small" | "/small" => {}
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

    /// The facts at the foot.
    pub(crate) fn facts(&self) -> Vec<(String, String)> {
        let names = self.all("dt").into_iter().map(|name| name.strip_suffix(':').unwrap().to_owned());
        names.zip(self.all("dd").into_iter().map(|value| value.trim().to_owned())).collect()
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
