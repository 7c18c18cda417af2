use std::collections::BTreeSet;

use super::{
    Cut, TranscriptSettings, View,
    plan::{Plan, plan},
    rendered::Rendered,
    view::Frame,
};
use crate::{MailItem, Part, Party, Result};

/// Makes one mail of a conversation, or several that name each other where it does not fit.
pub(super) fn convert(view: &View<'_>, settings: &TranscriptSettings, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
    let (limit, json) = (settings.max_item_bytes, settings.conversation_json);
    let conversation = view.conversation;
    let people: BTreeSet<Party> = conversation.participants.iter().map(|person| person.party.clone()).collect();

    // Both bodies hold every text, so what is longer cannot fit.
    if conversation.messages.iter().map(|message| 2 * message.body.len()).sum::<usize>() <= limit {
        let all = Cut { rows: 0..view.rows.len(), messages: 0..conversation.messages.len() };
        let frame = Frame::new(view, Part::new(1, 1), &all, true);
        let rendered = Rendered::new(&frame, json);
        if rendered.size <= limit {
            return emit(rendered.item(limit, people)?);
        }
    }

    let Plan { cuts, everybody } = plan(view, limit, json)?;
    let of = u32::try_from(cuts.len()).unwrap_or(u32::MAX);
    for (number, cut) in (1..).zip(&cuts) {
        let frame = Frame::new(view, Part::new(number, of), cut, everybody);
        emit(Rendered::new(&frame, json).item(limit, people.clone())?)?;
    }
    Ok(())
}
