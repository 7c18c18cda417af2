//! Another sanitizer, with a parser that does what browsers do.

use std::collections::{HashMap, HashSet};

/// Panics unless ammonia finds nothing to remove in an element of a message, and its parser nests elements as they are written.
pub(crate) fn check(element: &str) {
    assert_eq!(ammonia(element), as_html5ever_writes(element));
}

/// What ammonia leaves of HTML if it allows what we allow.
fn ammonia(html: &str) -> String {
    let tags = ["a", "b", "blockquote", "br", "cite", "code", "div", "em", "i", "li", "ol", "p", "pre", "s", "span", "strong", "u", "ul"];
    let attributes = HashMap::from([("a", HashSet::from(["href", "rel"])), ("div", HashSet::from(["dir"])), ("p", HashSet::from(["dir"]))]);
    ammonia::Builder::empty()
        .tags(tags.into())
        .clean_content_tags(["script", "style"].into())
        .generic_attributes(["style"].into())
        .tag_attributes(attributes)
        .url_schemes(["http", "https", "mailto"].into())
        .url_relative(ammonia::UrlRelative::Deny)
        .filter_style_properties(["color", "background-color", "font-weight", "font-style", "text-decoration"].into())
        .link_rel(None)
        .clean(html)
        .to_string()
}

/// HTML as a parser that is not ours writes it again if it has understood it as it was meant.
fn as_html5ever_writes(html: &str) -> String {
    html.replace("\r\n", "\n").replace("&#39;", "'").replace("&quot;", "\"").replace('\u{a0}', "&nbsp;")
}
