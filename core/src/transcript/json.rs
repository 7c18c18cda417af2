use serde::{Deserialize, Serialize};

use super::{
    Rendition,
    frame::Frame,
    row::Row,
    view::{Holds, Turn, View},
};
use crate::{ConversationKey, ConversationKind, ItemId, Part, Window};

/// The attachment's name.
pub(super) const FILE_NAME: &str = "conversation.json";

/// A part of the conversation as JSON: the model as it is, with which part it is beside it.
///
/// The people of all parts together are the participants; where one has more movements than fit a row, further entries of the same
/// party continue them.
#[derive(Debug)]
pub(super) struct Json;

/// Which part a JSON attachment is; the conversation's own fields stand beside these.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Head {
    pub(super) format: u32,
    pub(super) item: ItemId,
    pub(super) edition: u32,
    pub(super) part: Part,
    #[serde(default)]
    pub(super) holds: Holds,
}

impl Head {
    /// The layout that this version writes and reads.
    pub(super) const FORMAT: u32 = 1;
}

/// Everything but the people and messages.
#[derive(Serialize)]
struct Opening<'a> {
    format: u32,
    item: &'a ItemId,
    edition: u32,
    addendum: bool,
    part: Part,
    #[serde(skip_serializing_if = "is_part")]
    holds: Holds,
    key: &'a ConversationKey,
    window: &'a Window,
    kind: ConversationKind,
    title: Option<&'a str>,
}

impl Rendition for Json {
    fn open(&self, frame: &Frame<'_>, out: &mut String) {
        let conversation = frame.view.conversation;
        let opening = Opening {
            format: Head::FORMAT,
            item: &frame.id,
            edition: frame.view.issue.edition,
            addendum: frame.view.issue.addendum,
            part: frame.part,
            holds: frame.view.holds,
            key: &conversation.key,
            window: &conversation.window,
            kind: conversation.kind,
            title: conversation.title.as_deref(),
        };
        push(&opening, out);
        // The object is closed behind the last message.
        out.pop();
        out.push_str(",\"participants\":[");
    }

    fn row(&self, _: &View<'_>, row: &Row<'_>, first: bool, out: &mut String) {
        out.push_str(if first { "\n" } else { ",\n" });
        if row.movements.len() == row.person.movements.len() {
            push(row.person, out);
        } else {
            let mut person = row.person.clone();
            person.movements = row.movements.to_vec();
            push(&person, out);
        }
    }

    fn between(&self, _: &Frame<'_>, out: &mut String) {
        out.push_str("],\"messages\":[");
    }

    fn message(&self, turn: Turn<'_>, before: Option<Turn<'_>>, out: &mut String) {
        out.push_str(if before.is_none() { "\n" } else { ",\n" });
        push(turn.message, out);
    }

    fn close(&self, _: &Frame<'_>, out: &mut String) {
        out.push_str("]}\n");
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it may skip by reference")]
fn is_part(holds: &Holds) -> bool {
    *holds == Holds::Part
}

fn push<T: Serialize>(value: &T, out: &mut String) {
    out.push_str(&serde_json::to_string(value).expect("the model is always JSON"));
}
