use std::collections::BTreeSet;

use super::{
    Html, Json, Placed, Stanzas, Text, TranscriptSettings,
    envelope::{Envelope, Leaves},
    files::Attached,
    rendition::render,
    view::Frame,
};
use crate::{
    Conversation, Error, ErrorClass, ErrorKind, ItemKey, MailItem, Party, Result,
    mail::{Leaf, size, write},
};

/// A mail whose size is known, before it is written.
#[derive(Debug)]
pub(super) struct Rendered<'f> {
    frame: &'f Frame<'f>,
    envelope: Envelope<'f>,
    leaves: Leaves,
    limit: usize,
    pub(super) size: usize,
}

impl<'f> Rendered<'f> {
    pub(super) fn new(frame: &'f Frame<'f>, settings: &TranscriptSettings) -> Self {
        let text = render(&Text, frame, frame.rows);
        let html = render(&Html, frame, frame.rows);
        let leaves = Leaves {
            text: Leaf::text(&text),
            html: Leaf::text(&html),
            json: settings.conversation_json.then(|| Leaf::binary(render(&Json, frame, frame.own_rows).as_bytes())),
            stanzas: settings.raw_stanzas.then(|| Leaf::binary(render(&Stanzas, frame, &[]).as_bytes())),
            files: frame.turns().flat_map(|turn| Attached::of(turn.message)).collect(),
        };
        let envelope = Envelope::new(frame);
        Self { frame, size: size(envelope.mail(&leaves)), envelope, leaves, limit: settings.max_item_bytes }
    }

    /// Whether it is no larger than a mail may be.
    pub(super) fn fits(&self) -> bool {
        self.size <= self.limit
    }

    /// The mail for these people, if it fits.
    pub(super) fn item(&self, placed: &Placed<'_>, people: BTreeSet<Party>) -> Result<MailItem> {
        let frame = self.frame;
        let Conversation { key, window, .. } = frame.view.conversation;
        if !self.fits() {
            let what = format!("a part takes {} bytes, more than the limit of {}", self.size, self.limit);
            return Err(Error::new(ErrorKind::Conversion, ErrorClass::Item, "convert", what).about(&frame.id));
        }
        let content = write(self.envelope.mail(&self.leaves), self.size);
        let item_key = ItemKey::new(*window, frame.id.clone());
        let mut item = MailItem::new(item_key, key.digest(), frame.view.issue, frame.part, content.into());
        item.people = people;
        item.messages = frame.lines();
        item.objects = placed.objects(frame.turns().map(|turn| turn.message));
        Ok(item)
    }
}
