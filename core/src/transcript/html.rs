use std::borrow::Cow;

use super::{
    Rendition,
    escape::push_markup,
    rich_text,
    view::{Frame, Row, Turn, View},
};
use crate::Message;

/// text/html that needs nothing from outside: no script, no image, no style sheet; links where a message has some.
///
/// Elements are one line or more each, so that a message takes the same room wherever a part is cut.
#[derive(Debug)]
pub(super) struct Html;

const STYLE: &str = "body{font:14px/1.4 'Segoe UI',Arial,sans-serif;color:#222;max-width:60em}\
table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:2px 8px;text-align:left;vertical-align:top}\
h2{font-size:1.2em}h3{font-size:1em;border-bottom:1px solid #ccc}h4{font-size:1em;margin:.8em 0 0}h4 small{color:#666;font-weight:normal}\
p,ul,ol,div{margin:0 0 .2em 1.2em}div div{margin:0}dl{color:#666;font-size:.85em}dt{float:left;clear:left;margin-right:.5em}dd{margin:0}";

impl Rendition for Html {
    fn open(&self, frame: &Frame<'_>, out: &mut String) {
        out.push_str("<!DOCTYPE html>\r\n<html><head><meta charset=\"utf-8\">\r\n<title>");
        push_markup(frame.subject.as_str(), " ", out);
        out.push_str("</title>\r\n<style>");
        out.push_str(STYLE);
        out.push_str("</style></head><body>\r\n<h2 dir=\"auto\">");
        push_markup(frame.subject.as_str(), " ", out);
        out.push_str("</h2>\r\n");
        let window = frame.view.conversation.window;
        let clock = &frame.view.clock;
        paragraph(out, &format!("From {} to {}", clock.at(window.start()).instant(), clock.at(window.end()).instant()));
        paragraph(
            out,
            &if clock.zone.is_utc() {
                "All times are UTC".to_owned()
            } else {
                format!("Times are those of {}, with UTC beside them", clock.zone)
            },
        );
        if let Some(title) = frame.view.title() {
            paragraph(out, &format!("Title: {title}"));
        }
        for note in frame.notes() {
            paragraph(out, &note);
        }
        out.push_str("<h3>");
        push_markup(&frame.people_heading(), " ", out);
        out.push_str("</h3>\r\n<table><tr><th>Name</th><th>Address</th><th>JID</th><th>Known by</th></tr>\r\n");
    }

    fn row(&self, view: &View<'_>, row: &Row<'_>, _: bool, out: &mut String) {
        let name = view.names.at(row.index);
        out.push_str("<tr><td><bdi>");
        push_markup(name, " ", out);
        out.push_str("</bdi>");
        if let Some(full) = row.full_name(name).filter(|_| !row.continued) {
            out.push_str("<br>\r\n<bdi>");
            push_markup(&full, " ", out);
            out.push_str("</bdi>");
        }
        out.push_str("</td><td>");
        if row.continued {
            out.push_str("</td><td></td><td>continued");
        } else {
            push_markup(row.person.address.as_str(), " ", out);
            out.push_str("<br>\r\n(");
            out.push_str(row.address_source());
            out.push_str(")</td><td><bdi>");
            push_markup(&row.person.party.to_string(), " ", out);
            out.push_str("</bdi></td><td>");
            out.push_str(&row.known_by());
        }
        if !row.movements.is_empty() {
            out.push_str("<br>\r\n");
            out.push_str(&row.moves(|time| view.clock.at(time).instant()));
        }
        out.push_str("</td></tr>\r\n");
    }

    fn between(&self, frame: &Frame<'_>, out: &mut String) {
        out.push_str("</table>\r\n<h3>Messages: ");
        out.push_str(&frame.messages().len().to_string());
        out.push_str("</h3>\r\n");
    }

    fn message(&self, turn: Turn<'_>, before: Option<Turn<'_>>, out: &mut String) {
        let message = turn.message;
        if before.is_none_or(|before| !before.sent.same_day(&turn.sent)) {
            out.push_str("<h3>");
            out.push_str(&turn.sent.day());
            out.push_str(" <small>");
            out.push_str(&turn.sent.offset());
            out.push_str("</small></h3>\r\n");
        }
        if before.is_none_or(|before| before.sender != turn.sender || !before.sent.same_minute(&turn.sent)) {
            out.push_str("<h4><bdi>");
            push_markup(turn.name, " ", out);
            out.push_str("</bdi> <small>");
            turn.sent.push_minute(out);
            out.push_str("</small></h4>\r\n");
        }
        push_body(message, out);
        if message.subject.is_none() && message.files.is_empty() {
            return;
        }
        out.push_str("<ul>");
        if let Some(subject) = &message.subject {
            out.push_str("<li>Subject: <bdi>");
            push_markup(subject, " ", out);
            out.push_str("</bdi></li>");
        }
        for file in &message.files {
            out.push_str("<li>File (");
            out.push_str(&super::file_facts(file));
            out.push_str("): <bdi>");
            push_markup(&file.name, " ", out);
            out.push_str("</bdi></li>");
        }
        out.push_str("</ul>\r\n");
    }

    fn close(&self, frame: &Frame<'_>, out: &mut String) {
        out.push_str("<h3>");
        out.push_str(super::FOOTER);
        out.push_str("</h3>\r\n<dl>\r\n");
        for (name, value) in &frame.facts {
            out.push_str("<dt>");
            out.push_str(name);
            out.push_str(":</dt><dd>");
            push_markup(value.as_str(), " ", out);
            out.push_str("</dd>\r\n");
        }
        out.push_str("</dl></body></html>\r\n");
    }
}

/// What a message says, as HTML: the one place where the text of a message becomes markup. Formatted text stands in a `<div>`, since it may
/// hold blocks, which end a paragraph.
fn push_body(message: &Message, out: &mut String) {
    if let Some(markup) = message.stanza.as_deref().and_then(|stanza| rich_text::markup(stanza, &message.body)) {
        out.push_str("<div dir=\"auto\">");
        out.push_str(&markup);
        out.push_str("</div>\r\n");
    } else {
        out.push_str("<p dir=\"auto\">");
        push_markup(&spaced(&message.body), "<br>\r\n", out);
        out.push_str("</p>\r\n");
    }
}

/// Blanks that HTML would swallow as no-break spaces; not every mail program heeds `white-space`.
fn spaced(text: &str) -> Cow<'_, str> {
    if !text.starts_with(' ') && !text.contains("  ") && !text.contains("\n ") {
        return Cow::Borrowed(text);
    }
    let mut spaced = String::with_capacity(text.len() + 16);
    let mut swallowed = true;
    for char in text.chars() {
        spaced.push(if char == ' ' && swallowed { '\u{a0}' } else { char });
        swallowed = matches!(char, ' ' | '\n');
    }
    Cow::Owned(spaced)
}

fn paragraph(out: &mut String, text: &str) {
    out.push_str("<p>");
    push_markup(text, " ", out);
    out.push_str("</p>\r\n");
}
