//! Writes raw stanzas as clients do, and as bad as they are found.

/// How much of a stanza was kept, and how good it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Whole,
    /// Ends somewhere behind its first tag.
    CutOff,
    /// Ends within its first tag, before the id is complete.
    CutInTag,
    /// Uses prefixes that it does not declare.
    WithoutNamespaces,
    /// NULL.
    Missing,
}

/// What a stanza says.
#[derive(Debug)]
pub(super) struct Stanza<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) kind: char,
    pub(super) id: Option<&'a str>,
    pub(super) subject: Option<&'a str>,
    pub(super) thread: Option<&'a str>,
    pub(super) body: Option<&'a str>,
    /// Further children, as XML.
    pub(super) children: &'a str,
    pub(super) shape: Shape,
}

impl Stanza<'_> {
    /// The stanza as it stands in the table.
    pub(super) fn write(&self) -> Option<String> {
        let kind = match self.kind {
            'n' => "normal",
            'g' => "groupchat",
            'h' => "headline",
            'e' => "error",
            _ => "chat",
        };
        let mut tag = format!("<message from='{}' to='{}' type='{kind}'", escape(self.from), escape(self.to));
        if let Some(id) = self.id {
            tag = format!("{tag} id='{}'", escape(id));
        }
        if self.shape == Shape::CutInTag {
            tag.truncate(tag.len() - 3);
            return Some(tag);
        }
        let mut rest = String::new();
        for (name, text) in [("subject", self.subject), ("body", self.body), ("thread", self.thread)] {
            if let Some(text) = text {
                rest = format!("{rest}<{name}>{}</{name}>", escape(text));
            }
        }
        rest.push_str(self.children);
        match self.shape {
            Shape::Missing => None,
            Shape::Whole | Shape::CutInTag => Some(format!("{tag} xml:lang='en'>{rest}</message>")),
            Shape::WithoutNamespaces => {
                Some(format!("{tag}><cisco:meta cisco:x=1>{rest}<html><body><p>&nbsp;{rest}</p></body></html></message>"))
            }
            Shape::CutOff => {
                let keep = rest.chars().count() / 2;
                Some(format!("{tag}>{}", rest.chars().take(keep).collect::<String>()))
            }
        }
    }
}

/// An XHTML-IM child (XEP-0071) with this content.
pub(super) fn xhtml(content: &str) -> String {
    format!("<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>{content}</body></html>")
}

/// Cisco's announcement of a file, with what was typed beside it.
pub(super) fn file(name: &str, resource: &str, typed: &str) -> String {
    let (name, typed) = (escape(name), escape(typed));
    format!(
        "<advanced-file-transfer xmlns='http://protocols.cisco.com/advanced-file-transfer'><filename>{name}</filename>\
         <url>https://imp1.example.com:7336/files/im/20261121/10/{resource}</url><size>48213</size>\
         <aft-html><p>{typed}</p></aft-html></advanced-file-transfer>"
    )
}

/// Text as XML holds it; control characters stay.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&apos;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#13;"),
            char => escaped.push(char),
        }
    }
    escaped
}
