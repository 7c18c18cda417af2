/// What an element of XHTML-IM becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// An element within a line.
    Inline(&'static str),
    /// An element that begins and ends a line.
    Block(&'static str),
    /// `<li>`, which stands in a list alone.
    Item,
    /// An element that is nothing but its style: on a line, or a line of its own.
    Styled(&'static str),
    /// `<a>`.
    Link,
    /// `<br>`.
    Break,
    /// `<img>`: the text in place of the picture.
    Picture,
    /// Its text and what stands in it.
    Text,
    /// Nothing.
    Dropped,
}

impl Form {
    /// The form of an element with this name; `xhtml` says whether names without a prefix are of XHTML there.
    ///
    /// A paragraph becomes a `<div>`, because the HTML standard ends a `<p>` where a block begins in it.
    pub(super) fn of(name: &str, xhtml: bool) -> Self {
        let local = name.rsplit(':').next().unwrap_or(name);
        if ["script", "style", "head"].iter().any(|dropped| local.eq_ignore_ascii_case(dropped)) {
            return Self::Dropped;
        }
        if !xhtml {
            return Self::Text;
        }
        match name {
            "b" => Self::Inline("b"),
            "cite" => Self::Inline("cite"),
            "code" => Self::Inline("code"),
            "em" => Self::Inline("em"),
            "i" => Self::Inline("i"),
            "s" => Self::Inline("s"),
            "strong" => Self::Inline("strong"),
            "u" => Self::Inline("u"),
            "span" | "font" => Self::Styled("span"),
            "blockquote" => Self::Block("blockquote"),
            "div" | "p" => Self::Block("div"),
            "ol" => Self::Block("ol"),
            "pre" => Self::Block("pre"),
            "ul" => Self::Block("ul"),
            "li" => Self::Item,
            "a" => Self::Link,
            "br" => Self::Break,
            "img" => Self::Picture,
            _ => Self::Text,
        }
    }
}
