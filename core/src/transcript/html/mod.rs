mod message;
mod people;
mod style;

use super::{
    Rendition,
    escape::push_markup,
    frame::Frame,
    row::Row,
    view::{Turn, View},
};

/// text/html that needs nothing from outside: no script, no image, no style sheet; links where a message has some.
///
/// Elements are one line or more each, so that a message takes the same room wherever a part is cut.
#[derive(Debug)]
pub(super) struct Html;

impl Rendition for Html {
    fn open(&self, frame: &Frame<'_>, out: &mut String) {
        out.push_str("<!DOCTYPE html>\r\n<html lang=\"en\"><head><meta charset=\"utf-8\">\r\n");
        out.push_str(
            "<meta name=\"viewport\" content=\"width=device-width\">\r\n<meta name=\"color-scheme\" content=\"light dark\">\r\n<title>",
        );
        push_markup(frame.subject.as_str(), " ", out);
        out.push_str("</title>\r\n<style>");
        out.push_str(style::STYLE);
        out.push_str("</style></head><body>\r\n<h1 dir=\"auto\">");
        push_markup(frame.subject.as_str(), " ", out);
        out.push_str("</h1>\r\n");
        let (window, clock) = (frame.view.conversation.window, &frame.view.clock);
        line(out, &format!("From {} to {}", clock.at(window.start()).instant(), clock.at(window.end()).instant()));
        if !clock.zone.is_utc() {
            line(out, &format!("Times are those of {}, with UTC beside them", clock.zone));
        }
        if let Some(title) = frame.view.title() {
            line(out, &format!("Title: {title}"));
        }
        for note in frame.notes() {
            line(out, &note);
        }
        people::open(frame, out);
    }

    fn row(&self, view: &View<'_>, row: &Row<'_>, _: bool, out: &mut String) {
        people::row(view, row, out);
    }

    fn between(&self, frame: &Frame<'_>, out: &mut String) {
        people::close(out);
        out.push_str("<h2>Messages: ");
        out.push_str(&frame.messages().to_string());
        out.push_str("</h2>\r\n");
    }

    fn message(&self, turn: Turn<'_>, before: Option<Turn<'_>>, out: &mut String) {
        message::message(turn, before, out);
    }

    fn close(&self, frame: &Frame<'_>, out: &mut String) {
        out.push_str("<h2>");
        out.push_str(super::FOOTER);
        out.push_str("</h2>\r\n<table>\r\n");
        for fact in &frame.facts {
            out.push_str("<tr><th width=\"20%\" scope=\"row\">");
            out.push_str(fact.name());
            out.push_str("</th><td>");
            push_markup(fact.1.as_str(), " ", out);
            out.push_str("</td></tr>\r\n");
        }
        out.push_str("</table></body></html>\r\n");
    }
}

/// A line of ours at the head of the page.
fn line(out: &mut String, text: &str) {
    out.push_str("<p class=\"n\">");
    push_markup(text, " ", out);
    out.push_str("</p>\r\n");
}
