use serde::Serialize;

use super::{
    Rendition,
    frame::Frame,
    row::Row,
    view::{Turn, View},
};
use crate::{MessageKey, Timestamp};

/// The attachment's name.
pub(super) const FILE_NAME: &str = "stanzas.jsonl";

/// The stanzas as the copies that count had them: one JSON object a line, since a stanza that is cut off or broken is no XML.
#[derive(Debug)]
pub(super) struct Stanzas;

#[derive(Serialize)]
struct Line<'a> {
    sent: Timestamp,
    message: &'a MessageKey,
    stanza: &'a str,
}

impl Rendition for Stanzas {
    fn open(&self, _: &Frame<'_>, _: &mut String) {}

    fn row(&self, _: &View<'_>, _: &Row<'_>, _: bool, _: &mut String) {}

    fn between(&self, _: &Frame<'_>, _: &mut String) {}

    fn message(&self, turn: Turn<'_>, _: Option<Turn<'_>>, out: &mut String) {
        if let Some(stanza) = &turn.message.stanza {
            let line = Line { sent: turn.message.sent(), message: &turn.message.key, stanza };
            out.push_str(&serde_json::to_string(&line).expect("strings and numbers are JSON"));
            out.push('\n');
        }
    }

    fn close(&self, _: &Frame<'_>, _: &mut String) {}
}
