use std::collections::BTreeSet;

use super::{
    Html, Json, Text,
    envelope::{Envelope, Leaves},
    rendition::render,
    view::Frame,
};
use crate::{
    Conversation, Error, ErrorClass, ErrorKind, ItemKey, MailItem, MessageLine, Party, Result,
    mail::{Leaf, size, write},
};

/// A mail whose size is known, before it is written.
#[derive(Debug)]
pub(super) struct Rendered<'f> {
    frame: &'f Frame<'f>,
    envelope: Envelope<'f>,
    leaves: Leaves,
    pub(super) size: usize,
}

impl<'f> Rendered<'f> {
    pub(super) fn new(frame: &'f Frame<'f>, json: bool) -> Self {
        let text = render(&Text, frame, frame.rows);
        let html = render(&Html, frame, frame.rows);
        let json = json.then(|| render(&Json, frame, frame.own_rows));
        let leaves = Leaves { text: Leaf::text(&text), html: Leaf::text(&html), json: json.map(|json| Leaf::binary(json.as_bytes())) };
        let envelope = Envelope::new(frame);
        Self { frame, size: size(envelope.mail(&leaves)), envelope, leaves }
    }

    /// The mail for these people, if it fits.
    pub(super) fn item(&self, limit: usize, people: BTreeSet<Party>) -> Result<MailItem> {
        let frame = self.frame;
        let Conversation { key, window, .. } = frame.view.conversation;
        if self.size > limit {
            let what = format!("a part takes {} bytes, more than the limit of {limit}", self.size);
            return Err(Error::new(ErrorKind::Conversion, ErrorClass::Item, "convert", what).about(&frame.id));
        }
        let content = write(self.envelope.mail(&self.leaves), self.size);
        let item_key = ItemKey::new(*window, frame.id.clone());
        let mut item = MailItem::new(item_key, key.digest(), frame.view.issue, frame.part, content.into());
        item.people = people;
        item.messages = frame.messages().iter().map(MessageLine::of).collect();
        Ok(item)
    }
}
