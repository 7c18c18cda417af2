use super::{
    frame::Frame,
    row::Row,
    view::{Turn, View},
};

/// One of the forms in which a mail holds a conversation. What each method appends is whole lines in the forms for people.
pub(super) trait Rendition {
    /// What stands before the participants.
    fn open(&self, frame: &Frame<'_>, out: &mut String);

    /// A participant; `first` if it is the first of this part.
    fn row(&self, view: &View<'_>, row: &Row<'_>, first: bool, out: &mut String);

    /// What stands between participants and messages.
    fn between(&self, frame: &Frame<'_>, out: &mut String);

    /// A message; `before` is the one before it in this part.
    fn message(&self, turn: Turn<'_>, before: Option<Turn<'_>>, out: &mut String);

    /// What stands behind the messages.
    fn close(&self, frame: &Frame<'_>, out: &mut String);
}

/// A whole mail in one form, with these of its participants.
pub(super) fn render(rendition: &impl Rendition, frame: &Frame<'_>, rows: &[Row<'_>]) -> String {
    let bodies: usize = frame.turns().map(|turn| turn.message.body.len() + 120).sum();
    let mut out = String::with_capacity(bodies + bodies / 8 + rows.len() * 300 + 4_096);
    rendition.open(frame, &mut out);
    for (index, row) in rows.iter().enumerate() {
        rendition.row(frame.view, row, index == 0, &mut out);
    }
    rendition.between(frame, &mut out);
    let mut before = None;
    for turn in frame.turns() {
        rendition.message(turn, before, &mut out);
        before = Some(turn);
    }
    rendition.close(frame, &mut out);
    out
}
