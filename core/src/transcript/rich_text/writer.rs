use std::borrow::Cow;

use super::{super::escape::push_markup, element::Form, link::Target, style::Style};

/// How many elements stand within each other at most; of what is deeper, the text is shown.
pub(super) const MOST_DEPTH: usize = 24;

/// What HTML shows as one space, however many there are.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// Writes the elements that are allowed, and knows what the result says.
#[derive(Debug)]
pub(super) struct Writer<'o> {
    /// Where the elements are appended.
    markup: &'o mut String,
    /// What the markup says, with a line feed wherever a block begins or ends.
    text: String,
    /// How many bytes of tags may still be written.
    most: usize,
    /// How everything that is open was written.
    open: Vec<Written>,
    /// The elements that are written and not closed, at most [`MOST_DEPTH`].
    written: Vec<&'static str>,
    link: Option<Link>,
}

/// What the attributes that matter say; empty where there is none.
#[derive(Debug, Default)]
pub(super) struct Attributes<'s> {
    pub(super) href: Cow<'s, str>,
    pub(super) style: Cow<'s, str>,
    pub(super) color: Cow<'s, str>,
    pub(super) alt: Cow<'s, str>,
}

/// How an element was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Not,
    Inline,
    Block,
    Link,
}

/// A link that is open.
#[derive(Debug)]
struct Link {
    target: Target,
    /// Where its tag stands.
    tag: std::ops::Range<usize>,
    /// Where its text begins.
    text: usize,
}

impl<'o> Writer<'o> {
    /// A writer of a text of about this length, and at most so many bytes of tags.
    pub(super) fn new(markup: &'o mut String, text: usize, most: usize) -> Self {
        Self {
            markup,
            text: String::with_capacity(text + 16),
            most,
            open: Vec::with_capacity(8),
            written: Vec::with_capacity(8),
            link: None,
        }
    }

    /// Opens an element; none if there is no room left for its tags.
    pub(super) fn open(&mut self, form: Form, attributes: &Attributes<'_>) -> Option<()> {
        let style = Style::of(&attributes.style, &attributes.color);
        let written = match form {
            Form::Inline(name) => self.start(name, &style, Written::Inline)?,
            Form::Block(name) => self.start(name, &style, Written::Block)?,
            Form::Styled(name) if style != Style::default() => {
                self.start(name, &style, if name == "div" { Written::Block } else { Written::Inline })?
            }
            // The HTML standard ends an open item where the next begins, unless a list stands between them.
            Form::Item if self.written.last().is_some_and(|parent| matches!(*parent, "ul" | "ol")) => {
                self.start("li", &style, Written::Block)?
            }
            Form::Item => self.start("div", &style, Written::Block)?,
            Form::Link => self.start_link(&attributes.href)?,
            Form::Break => {
                self.break_line()?;
                Written::Not
            }
            Form::Picture => {
                self.push(&attributes.alt);
                Written::Not
            }
            Form::Styled(_) | Form::Text | Form::Dropped => Written::Not,
        };
        self.open.push(written);
        Some(())
    }

    /// Closes what was opened last.
    pub(super) fn close(&mut self) {
        let written = self.open.pop().unwrap_or(Written::Not);
        if written == Written::Not {
            return;
        }
        let Some(name) = self.written.pop() else { return };
        match written {
            Written::Not | Written::Inline => {}
            Written::Block => self.end_line(),
            Written::Link => {
                if let Some(Link { target, tag, text }) = self.link.take() {
                    let text = &self.text[text..];
                    if text.trim().is_empty() || target.is_belied_by(text) {
                        self.markup.replace_range(tag, "");
                        return;
                    }
                }
            }
        }
        self.markup.push_str("</");
        self.markup.push_str(name);
        self.markup.push('>');
    }

    /// Text; where it is not preformatted, a run of blanks is one, as HTML shows it.
    pub(super) fn push(&mut self, text: &str) {
        if self.written.contains(&"pre") {
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            push_markup(&text, "<br>", self.markup);
            self.text.push_str(&text);
            return;
        }
        if !self.has_run(text) {
            push_markup(text, " ", self.markup);
            self.text.push_str(text);
            return;
        }
        for (index, word) in text.split(BLANKS).enumerate() {
            if index > 0 && !self.is_behind_blank() {
                self.markup.push(' ');
                self.text.push(' ');
            }
            push_markup(word, " ", self.markup);
            self.text.push_str(word);
        }
    }

    /// Whether a text has blanks of which HTML would show fewer, or others.
    #[expect(clippy::needless_bitwise_bool, reason = "without a branch for each byte, many are compared at once")]
    fn has_run(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let pairs = bytes.iter().zip(bytes.iter().skip(1));
        // Without a branch for each byte, since most texts have none.
        let runs = pairs.fold(false, |found, (before, byte)| found | ((*before == b' ') & (*byte == b' ')));
        let others = bytes.iter().fold(false, |found, byte| found | (*byte == b'\t') | (*byte == b'\n') | (*byte == b'\r'));
        runs | others || text.starts_with(' ') && self.is_behind_blank()
    }

    fn is_behind_blank(&self) -> bool {
        self.text.is_empty() || self.text.ends_with([' ', '\n'])
    }

    /// What the markup says.
    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    fn start(&mut self, name: &'static str, style: &Style, written: Written) -> Option<Written> {
        if self.written.len() == MOST_DEPTH {
            return Some(Written::Not);
        }
        self.spend(2 * name.len() + "<></>".len())?;
        self.markup.push('<');
        self.markup.push_str(name);
        if *style != Style::default() {
            let start = self.markup.len();
            self.markup.push_str(" style=\"");
            style.push(self.markup);
            self.markup.push('"');
            self.spend(self.markup.len() - start)?;
        }
        self.markup.push('>');
        self.written.push(name);
        if written == Written::Block {
            self.end_line();
        }
        Some(written)
    }

    /// A link to where it may go, unless it is inside another, which the HTML standard would end there.
    fn start_link(&mut self, href: &str) -> Option<Written> {
        let Some(target) = Target::of(href).filter(|_| self.link.is_none() && self.written.len() < MOST_DEPTH) else {
            return Some(Written::Not);
        };
        let start = self.markup.len();
        self.markup.push_str("<a href=\"");
        push_markup(target.href(), "", self.markup);
        self.markup.push_str("\" rel=\"noopener noreferrer\">");
        self.spend(self.markup.len() - start + "</a>".len())?;
        self.link = Some(Link { target, tag: start..self.markup.len(), text: self.text.len() });
        self.written.push("a");
        Some(Written::Link)
    }

    fn break_line(&mut self) -> Option<()> {
        let tag = if self.written.contains(&"pre") { "<br>" } else { "<br>\r\n" };
        self.spend(tag.len())?;
        self.markup.push_str(tag);
        self.text.push('\n');
        Some(())
    }

    fn end_line(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.most = self.most.checked_sub(bytes)?;
        Some(())
    }
}
