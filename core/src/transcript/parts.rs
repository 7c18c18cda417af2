use std::collections::BTreeSet;

use super::{
    Placed, TranscriptSettings, View,
    cut::{Cut, Said},
    frame::Frame,
    plan::{Plan, plan},
    rendered::Rendered,
};
use crate::{FileContent, MailItem, Message, Part, Party, Result};

/// Makes one mail of a conversation, or several that name each other where it does not fit.
pub(super) fn convert(
    view: &View<'_>,
    placed: &Placed<'_>,
    settings: &TranscriptSettings,
    emit: &mut dyn FnMut(MailItem) -> Result<()>,
) -> Result<()> {
    let conversation = view.conversation;
    let people: BTreeSet<Party> = conversation.participants.iter().map(|person| person.party.clone()).collect();

    if conversation.messages.iter().map(least).sum::<usize>() <= settings.max_item_bytes {
        let all = Cut { rows: 0..view.rows.len(), said: Said::Messages(0..conversation.messages.len()) };
        let frame = Frame::new(view, Part::new(1, 1), &all, true);
        let rendered = Rendered::new(&frame, settings);
        if rendered.fits() {
            return emit(rendered.item(placed, people)?);
        }
    }

    let Plan { cuts, everybody } = plan(view, settings)?;
    let of = u32::try_from(cuts.len()).unwrap_or(u32::MAX);
    for (number, cut) in (1..).zip(&cuts) {
        let frame = Frame::new(view, Part::new(number, of), cut, everybody);
        emit(Rendered::new(&frame, settings).item(placed, people.clone())?)?;
    }
    Ok(())
}

/// What a message takes at least: both bodies hold its text, and its files are attached.
pub(super) fn least(message: &Message) -> usize {
    let read = |file: &crate::FileRef| if let FileContent::Read(bytes) = file.content() { bytes.len() } else { 0 };
    2 * message.body.len() + message.files.iter().map(read).sum::<usize>()
}
