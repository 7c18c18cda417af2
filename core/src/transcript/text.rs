use super::{
    Rendition, clock,
    escape::push_plain,
    files,
    frame::Frame,
    names::one_line,
    row::Row,
    view::{Turn, View},
};

/// text/plain, in the grammar that [`Transcript`](super::Transcript) documents.
#[derive(Debug)]
pub(super) struct Text;

impl Rendition for Text {
    fn open(&self, frame: &Frame<'_>, out: &mut String) {
        line(out, &[frame.subject.as_str()]);
        let window = frame.view.conversation.window;
        line(out, &["From ", &clock::instant(window.start()), " to ", &clock::instant(window.end()), ", all times UTC"]);
        let zone = frame.view.clock.zone;
        if !zone.is_utc() {
            line(out, &["Local times: those of ", zone.name(), ", in the HTML part of this mail"]);
        }
        if let Some(title) = frame.view.title() {
            line(out, &["Title: ", &title]);
        }
        for note in frame.notes() {
            line(out, &[&note]);
        }
        line(out, &[]);
        line(out, &[&frame.people_heading()]);
    }

    fn row(&self, view: &View<'_>, row: &Row<'_>, _: bool, out: &mut String) {
        let name = view.names.at(row.index);
        if row.continued {
            line(out, &["- ", name, " (continued)"]);
        } else {
            line(out, &["- ", name]);
            if let Some(full) = row.full_name(name) {
                line(out, &["    Name: ", &full]);
            }
            line(out, &["    Address: ", &one_line(row.person.address.as_str()), " (", row.address_source(), ")"]);
            line(out, &["    JID: ", &one_line(&row.person.party.to_string())]);
            line(out, &["    Known by: ", &row.known_by()]);
        }
        if !row.movements.is_empty() {
            line(out, &["    Moves: ", &row.moves(", ", clock::instant)]);
        }
    }

    fn between(&self, frame: &Frame<'_>, out: &mut String) {
        line(out, &[]);
        line(out, &["Messages: ", &frame.messages().to_string()]);
    }

    fn message(&self, turn: Turn<'_>, before: Option<Turn<'_>>, out: &mut String) {
        let message = turn.message;
        if before.is_none_or(|before| !clock::same_day(before.message.sent(), message.sent())) {
            line(out, &[]);
            line(out, &[&clock::day(message.sent())]);
        }
        out.push('[');
        clock::push_second(message.sent(), out);
        out.push_str("Z] ");
        out.push_str(turn.name);
        out.push_str(": ");
        push_plain(&message.body, "\r\n    ", out);
        out.push_str("\r\n");
        if let Some(subject) = &message.subject {
            line(out, &["  + Subject: ", &one_line(subject)]);
        }
        for file in &message.files {
            line(out, &["  + File (", &files::facts(file), "): ", &one_line(&file.name)]);
        }
        for note in turn.extent.notes() {
            line(out, &["  + ", note]);
        }
    }

    fn close(&self, frame: &Frame<'_>, out: &mut String) {
        line(out, &[]);
        line(out, &[super::FOOTER]);
        for fact in &frame.facts {
            line(out, &[fact.name(), ": ", fact.1.as_str()]);
        }
    }
}

fn line(out: &mut String, pieces: &[&str]) {
    for piece in pieces {
        out.push_str(piece);
    }
    out.push_str("\r\n");
}
