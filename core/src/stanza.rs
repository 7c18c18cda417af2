//! Reads what a fold needs from a raw stanza, leniently: stanzas can be cut off, lack namespace declarations and hold control characters.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use crate::{BareJid, FileRef, Jid, Timestamp};

/// What a stanza holds besides its addresses.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    /// The text of `<body>`.
    pub(crate) body: String,
    /// The text of the XHTML-IM body (XEP-0071).
    pub(crate) xhtml: String,
    /// The files of Cisco's `<advanced-file-transfer>`.
    pub(crate) files: Vec<FileRef>,
    /// What was typed beside a file: the text of `<aft-html>`.
    pub(crate) typed: String,
}

impl Payload {
    /// The text that an element within this path belongs to, if its markup is read as text.
    fn markup(&mut self, path: &Path) -> Option<&mut String> {
        if path.typed > 0 {
            Some(&mut self.typed)
        } else if path.html > 0 && path.file == 0 {
            Some(&mut self.xhtml)
        } else {
            None
        }
    }
}

/// The names of the elements that are open, and how many there are of those that matter, so that no element is searched for in a stanza of
/// many levels.
#[derive(Debug, Default)]
struct Path {
    names: Vec<String>,
    html: usize,
    file: usize,
    typed: usize,
}

impl Path {
    fn enter(&mut self, name: String) {
        if let Some(count) = self.count(&name) {
            *count += 1;
        }
        self.names.push(name);
    }

    fn leave(&mut self) -> Option<String> {
        let name = self.names.pop()?;
        if let Some(count) = self.count(&name) {
            *count -= 1;
        }
        Some(name)
    }

    fn count(&mut self, name: &str) -> Option<&mut usize> {
        match name {
            "html" => Some(&mut self.html),
            "advanced-file-transfer" => Some(&mut self.file),
            "aft-html" => Some(&mut self.typed),
            _ => None,
        }
    }
}

/// The `id` of the stanza's first element, if it has one that is not empty.
pub(crate) fn id(stanza: &str) -> Option<String> {
    let mut reader = lenient(stanza);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) | Event::Empty(start) => return attribute(&start, "id").filter(|id| !id.is_empty()),
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// When a message that is delivered again was said, by the stanza's child `<delay>` (XEP-0203) or `<x xmlns='jabber:x:delay'>` (XEP-0091): that of the room, else the last,
/// because what a client has put in stands before what a server adds.
pub(crate) fn said(stanza: &str, room: &BareJid) -> Option<Timestamp> {
    let mut reader = lenient(stanza);
    let (mut level, mut last) = (0_usize, None);
    while let Ok(event) = reader.read_event() {
        let child = match &event {
            Event::Start(start) => {
                level += 1;
                Some(start).filter(|_| level == 2)
            }
            Event::Empty(start) => Some(start).filter(|_| level == 1),
            Event::End(_) => {
                level = level.saturating_sub(1);
                None
            }
            Event::Eof => break,
            _ => None,
        };
        if let Some((is_of_room, said)) = child.and_then(|child| stamp(child, room))
            && (is_of_room || !last.is_some_and(|(is_of_room, _)| is_of_room))
        {
            last = Some((is_of_room, said));
        }
    }
    last.map(|(_, said)| said)
}

/// Whether a stamp is the room's, and its time.
fn stamp(start: &BytesStart<'_>, room: &BareJid) -> Option<(bool, Timestamp)> {
    let is_delay = match local_name(start).as_str() {
        "delay" => true,
        "x" => attribute(start, "xmlns").as_deref() == Some("jabber:x:delay"),
        _ => false,
    };
    let stamp = attribute(start, "stamp").filter(|_| is_delay)?;
    // 20020910T23:08:25, without a zone, is the older form.
    let said = stamp.parse().or_else(|_| format!("{}Z", stamp.trim_end_matches('Z')).parse()).ok()?;
    let is_of_room = attribute(start, "from").and_then(|from| Jid::parse(&from)).is_some_and(|from| from.bare() == room);
    Some((is_of_room, said))
}

/// Whether the stanza may announce a file or hold text typed beside one, without reading it as XML.
pub(crate) fn may_hold_file(stanza: &str) -> bool {
    static NAMES: LazyLock<[Finder<'_>; 2]> = LazyLock::new(|| ["file-transfer", "aft-html"].map(Finder::new));
    NAMES.iter().any(|name| name.find(stanza.as_bytes()).is_some())
}

/// Everything that can be read up to the first place that is no XML.
pub(crate) fn payload(stanza: &str) -> Payload {
    let mut payload = Payload::default();
    let mut file: Option<FileRef> = None;
    let mut path = Path::default();
    let mut reader = lenient(stanza);
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(start) => {
                let name = local_name(&start);
                break_line(&path, &name, &mut payload);
                if name == "advanced-file-transfer" {
                    file = Some(FileRef::named(""));
                }
                path.enter(name);
            }
            Event::Empty(start) => break_line(&path, &local_name(&start), &mut payload),
            Event::End(_) => {
                let closed = path.leave();
                if closed.as_deref() == Some("advanced-file-transfer") {
                    payload.files.extend(file.take());
                }
            }
            Event::Text(text) => place(&path, &text, &mut payload, file.as_mut()),
            Event::CData(text) => place(&path, &text, &mut payload, file.as_mut()),
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                let char = match reference.resolve_char_ref() {
                    Ok(Some(char)) => char.to_string(),
                    _ => quick_xml::escape::resolve_predefined_entity(name).map_or_else(|| format!("&{name};"), str::to_owned),
                };
                place(&path, &char, &mut payload, file.as_mut());
            }
            Event::Eof => break,
            _ => {}
        }
    }
    payload.files.extend(file);
    for text in [&mut payload.body, &mut payload.xhtml, &mut payload.typed] {
        if text.contains('\r') {
            *text = text.replace("\r\n", "\n").replace('\r', "\n");
        }
    }
    for text in [&mut payload.xhtml, &mut payload.typed] {
        text.truncate(text.trim_end().len());
    }
    payload
}

fn place(path: &Path, text: &str, payload: &mut Payload, file: Option<&mut FileRef>) {
    if let Some(markup) = payload.markup(path) {
        let at_start = markup.is_empty() || markup.ends_with('\n');
        markup.push_str(if at_start { text.trim_start() } else { text });
        return;
    }
    match path.names.last().map(String::as_str) {
        Some("filename") if path.file > 0 => {
            if let Some(file) = file {
                file.name.push_str(text);
            }
        }
        Some("url") if path.file > 0 => {
            if let Some(file) = file {
                let resource = text.rsplit('/').next().unwrap_or(text);
                file.resource.get_or_insert_default().push_str(resource);
            }
        }
        _ if path.file > 0 => {}
        Some("body") if path.names.len() <= 2 => payload.body.push_str(text),
        _ => {}
    }
}

/// XHTML-IM puts no line feed between its blocks.
fn break_line(path: &Path, name: &str, payload: &mut Payload) {
    if !matches!(name, "p" | "div" | "li" | "br" | "blockquote" | "pre") {
        return;
    }
    if let Some(markup) = payload.markup(path)
        && !markup.is_empty()
        && (name == "br" || !markup.ends_with('\n'))
    {
        markup.push('\n');
    }
}

fn lenient(stanza: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(stanza);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    reader
}

fn local_name(start: &BytesStart<'_>) -> String {
    start.local_name().as_ref().to_owned()
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = start.html_attributes().with_checks(false).filter_map(Result::ok).find(|attribute| attribute.key.as_ref() == name)?;
    Some(quick_xml::escape::unescape(&attribute.value).map_or_else(|_| attribute.value.to_string(), std::borrow::Cow::into_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_read_from_a_stanza_that_is_cut_off() {
        assert_eq!(id("<message from='a@b/c' id='f0734db9:6121&amp;x' to='d@e'><bo").as_deref(), Some("f0734db9:6121&x"));
        assert_eq!(id("<message type=\"chat\" id=\"m1\"/>").as_deref(), Some("m1"));
        assert_eq!(id("<message id=''><body>x</body></message>"), None);
        assert_eq!(id("<message from='a'"), None);
        assert_eq!(id("no xml at all"), None);
    }

    #[test]
    fn when_a_replay_was_said_is_the_word_of_its_room() {
        let room = BareJid::new("q3@conference.example.com").unwrap();
        let said =
            |children: &str| said(&format!("<message id='m1'><body>x</body>{children}</message>"), &room).map(|said| said.to_string());
        let first = Some("2026-11-20T09:14:03.007Z".to_owned());
        let ours = "<delay xmlns='urn:xmpp:delay' from='Q3@conference.example.com' stamp='2026-11-20T09:14:03.007Z'/>";
        let forged = "<delay xmlns='urn:xmpp:delay' stamp='2001-01-01T00:00:00Z'/>";
        assert_eq!(said(ours), first);
        assert_eq!(said(&format!("{forged}{ours}")), first);
        assert_eq!(said(&format!("{ours}{forged}")), first);
        assert_eq!(said(&format!("<x>{ours}</x>")), None, "not the stanza's own");
        let older = "<x xmlns='jabber:x:delay' stamp='20261120T09:14:03'>Offline</x>";
        assert_eq!(said(older), Some("2026-11-20T09:14:03.000Z".to_owned()));
        assert_eq!(said(&format!("{forged}{older}")), Some("2026-11-20T09:14:03.000Z".to_owned()));
        for none in ["", "<x stamp='2026-11-20T09:14:03Z'/>", "<delay stamp='yesterday'/>", "<delay stam"] {
            assert_eq!(said(none), None, "{none}");
        }
    }

    #[test]
    fn body_and_xhtml_are_told_apart() {
        let payload = payload(
            "<message><body>1 &lt; 2 &#x41;</body><html xmlns='http://jabber.org/protocol/xhtml-im'>\
             <body xmlns='http://www.w3.org/1999/xhtml'><p>one <b>two</b></p><p>three<br/>four</p></body></html></message>",
        );
        assert_eq!(payload.body, "1 < 2 A");
        assert_eq!(payload.xhtml, "one two\nthree\nfour");
        assert!(payload.files.is_empty());
    }

    #[test]
    fn a_file_is_known_by_name_and_by_the_last_part_of_its_url() {
        let stanza = "<message><body>Your chat application does not support downloading this file</body>\
             <advanced-file-transfer><filename>Plan &amp; costs.pdf</filename><url>https://imp:7336/files/im/x_plan.pdf</url>\
             </advanced-file-transfer></message>";
        assert!(may_hold_file(stanza));
        let files = payload(stanza).files;
        assert_eq!((files[0].name.as_str(), files[0].resource.as_deref()), ("Plan & costs.pdf", Some("x_plan.pdf")));
    }

    #[test]
    fn text_typed_beside_a_file_is_kept_wherever_it_stands() {
        let typed = "<aft-html><p>as <b>promised</b> &amp; signed</p><p>page 2<br/>first</p></aft-html>";
        let file = "<filename>a.pdf</filename>";
        for stanza in [
            format!("<message><body>file</body><advanced-file-transfer>{typed}{file}</advanced-file-transfer></message>"),
            format!("<message><advanced-file-transfer>{file}</advanced-file-transfer><body>file</body>{typed}</message>"),
            format!("<message><body>file</body><advanced-file-transfer>{file}<x><html>{typed}</html></x>"),
        ] {
            let payload = payload(&stanza);
            assert_eq!((payload.body.as_str(), payload.xhtml.as_str()), ("file", ""), "{stanza}");
            assert_eq!(payload.typed, "as promised & signed\npage 2\nfirst", "{stanza}");
            assert_eq!(payload.files[0].name, "a.pdf", "{stanza}");
        }
        assert!(may_hold_file("<message><aft-html>as promised</aft-html></message>"));
    }

    #[test]
    fn a_stanza_of_many_levels_takes_time_in_proportion_to_its_length() {
        let start = std::time::Instant::now();
        let levels = 300_000;
        let payload = payload(&format!("<message>{}x{}<body>kept</body>", "<b>x".repeat(levels), "</b>".repeat(levels)));
        assert_eq!(payload.body, "kept");
        assert!(start.elapsed() < std::time::Duration::from_mins(1), "{:?}", start.elapsed());
    }

    #[test]
    fn what_stands_before_the_broken_place_is_kept() {
        assert_eq!(payload("<message><body>kept</body><x><<<").body, "kept");
        assert_eq!(payload("<message><body>cut o").body, "cut o");
    }
}
