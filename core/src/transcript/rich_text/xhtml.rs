use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;
use quick_xml::{
    Reader,
    escape::unescape,
    events::{BytesRef, BytesStart, Event},
};

use super::{
    element::Form,
    writer::{Attributes, Writer},
};

/// The namespace of the element around the body (XEP-0071, section 4).
const XHTML_IM: &str = "http://jabber.org/protocol/xhtml-im";
/// The namespace of the body and of what stands in it.
const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// Whether a stanza names XHTML-IM anywhere.
pub(super) fn may_stand_in(stanza: &str) -> bool {
    static NAME: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(XHTML_IM));
    NAME.find(stanza.as_bytes()).is_some()
}

/// Writes the first XHTML-IM body of a stanza; none if there is none, or if the stanza is no XML up to the end of it, or has a document
/// type or entities that are not predefined, which XMPP does not allow (RFC 6120, section 11.1).
///
/// Namespaces are those that elements without a prefix have. Clients use no others, and what has a prefix is not formatted.
pub(super) fn read(stanza: &str, writer: &mut Writer<'_>) -> Option<()> {
    let mut reader = Reader::from_str(stanza);
    reader.config_mut().expand_empty_elements = true;
    open_body(&mut reader, writer)?;
    read_content(&mut reader, writer)?;
    writer.close();
    Some(())
}

/// Reads up to the body, and opens it.
fn open_body(reader: &mut Reader<&[u8]>, writer: &mut Writer<'_>) -> Option<()> {
    // Whether each open element is the one around the body.
    let mut open = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let (namespace, attributes) = attributes(&start)?;
                let namespace = namespace.as_deref();
                if start.name().as_ref() == "body" && namespace == Some(XHTML) && open.last() == Some(&true) {
                    return writer.open(Form::Styled("div"), &attributes);
                }
                open.push(start.name().as_ref() == "html" && namespace == Some(XHTML_IM));
            }
            Event::End(_) => {
                open.pop();
            }
            Event::GeneralRef(reference) => {
                character(&reference)?;
            }
            Event::DocType(_) | Event::Eof => return None,
            Event::Empty(_) | Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// Writes up to the end of the body.
fn read_content(reader: &mut Reader<&[u8]>, writer: &mut Writer<'_>) -> Option<()> {
    // Whether each open element, the body first, is of XHTML.
    let mut open = vec![true];
    // How many open elements are, or stand in, one that is dropped.
    let mut dropped = 0_usize;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let (namespace, attributes) = attributes(&start)?;
                let xhtml = namespace.map_or(open.last() == Some(&true), |namespace| namespace == XHTML);
                open.push(xhtml);
                let form = Form::of(start.name().as_ref(), xhtml);
                if dropped > 0 || form == Form::Dropped {
                    dropped += 1;
                } else {
                    writer.open(form, &attributes)?;
                }
            }
            Event::End(_) => {
                open.pop();
                if open.is_empty() {
                    return Some(());
                }
                if dropped > 0 {
                    dropped -= 1;
                } else {
                    writer.close();
                }
            }
            Event::Text(text) if dropped == 0 => writer.push(&text),
            Event::CData(text) if dropped == 0 => writer.push(&text),
            Event::GeneralRef(reference) => {
                let character = character(&reference)?;
                if dropped == 0 {
                    writer.push(character.encode_utf8(&mut [0; 4]));
                }
            }
            Event::DocType(_) | Event::Eof => return None,
            Event::Empty(_) | Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// The namespace that an element declares, and the attributes that matter; none if it could not stand in XML.
fn attributes<'s>(start: &'s BytesStart<'_>) -> Option<(Option<Cow<'s, str>>, Attributes<'s>)> {
    let (mut namespace, mut href, mut style, mut color, mut alt) = (None, None, None, None, None);
    // Looking for doubles among all attributes takes time in proportion to the square of their number.
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.ok()?;
        let value = match attribute.value {
            Cow::Borrowed(value) => unescape(value).ok()?,
            Cow::Owned(value) => Cow::Owned(unescape(&value).ok()?.into_owned()),
        };
        let kept = match attribute.key.as_ref() {
            "xmlns" => &mut namespace,
            "href" => &mut href,
            "style" => &mut style,
            "color" => &mut color,
            "alt" => &mut alt,
            _ => continue,
        };
        if kept.replace(value).is_some() {
            return None;
        }
    }
    let [href, style, color, alt] = [href, style, color, alt].map(Option::unwrap_or_default);
    Some((namespace, Attributes { href, style, color, alt }))
}

fn character(reference: &BytesRef<'_>) -> Option<char> {
    match reference.resolve_char_ref().ok()? {
        Some(char) => Some(char),
        None => quick_xml::escape::resolve_predefined_entity(reference)?.chars().next(),
    }
}
