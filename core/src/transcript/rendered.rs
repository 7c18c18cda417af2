use std::collections::BTreeSet;

use super::{
    Html, Json, Placed, Stanzas, Text, TranscriptSettings,
    envelope::{Envelope, Leaves},
    files::Attached,
    frame::Frame,
    rendition::render,
};
use crate::{
    Conversation, Error, ErrorClass, ErrorKind, ItemKey, MailItem, Party, Result,
    mail::{Leaf, write},
};

/// What the header of most mails takes, in bytes; others take more.
const HEADER_BYTES: usize = 3_072;

/// A mail that may be larger than a mail may be.
#[derive(Debug)]
pub(super) struct Rendered<'f> {
    frame: &'f Frame<'f>,
    /// Nothing where its bodies and attachments alone are too large.
    content: Vec<u8>,
    bytes: usize,
    limit: usize,
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
        let (bytes, limit) = (leaves.bytes(), settings.max_item_bytes);
        let fits = bytes <= limit;
        let content = if fits { write(Envelope::new(frame).mail(&leaves), bytes + HEADER_BYTES) } else { Vec::new() };
        Self { frame, bytes: if fits { content.len() } else { bytes }, content, limit }
    }

    /// Whether it is no larger than a mail may be.
    pub(super) fn fits(&self) -> bool {
        self.bytes <= self.limit
    }

    /// The mail for these people, if it fits.
    pub(super) fn item(self, placed: &Placed<'_>, people: BTreeSet<Party>) -> Result<MailItem> {
        let frame = self.frame;
        let Conversation { key, window, .. } = frame.view.conversation;
        if !self.fits() {
            let what = format!("a part takes {} bytes, more than the limit of {}", self.bytes, self.limit);
            return Err(Error::new(ErrorKind::Conversion, ErrorClass::Item, "convert", what).about(&frame.id));
        }
        let item_key = ItemKey::new(*window, frame.id.clone());
        let mut item = MailItem::new(item_key, key.digest(), frame.view.issue, frame.part, self.content.into());
        item.people = people;
        item.messages = frame.lines();
        item.objects = placed.objects(frame.turns().map(|turn| turn.message));
        Ok(item)
    }
}
