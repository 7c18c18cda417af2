use std::{collections::BTreeSet, ops::Range};

use mail_builder::{
    MessageBuilder,
    headers::{content_type::ContentType, raw::Raw},
    mime::MimePart,
};

use super::{
    super::{
        Json, Placed, Stanzas, Text, TranscriptSettings,
        cut::Cut,
        envelope::{Envelope, multipart},
        frame::Frame,
        json,
        rendition::render,
        stanzas,
    },
    GENERATOR, VERSION, ZIP_NAME,
    manifest::{self, Manifest, attached},
    timeline::Event,
    zip::zipped,
};
use crate::{
    Conversation, Error, ErrorClass, ErrorKind, ItemKey, MailItem, Party, Result,
    mail::{Leaf, size, write},
};

/// What a file holds of a conversation.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) cut: Cut,
    /// The events; none where it holds a piece of a message.
    pub(super) events: Range<usize>,
}

/// An RSMF file whose size is known, before it is written.
#[derive(Debug)]
pub(super) struct File<'f> {
    frame: &'f Frame<'f>,
    envelope: Envelope<'f>,
    fields: Vec<(&'static str, String)>,
    text: Leaf,
    zip: Leaf,
    limit: usize,
    zip_bytes: usize,
    pub(super) size: usize,
}

impl<'f> File<'f> {
    /// The file of a part with these events.
    pub(super) fn new(frame: &'f Frame<'f>, events: &[Event], settings: &TranscriptSettings) -> Result<Self> {
        let text = Leaf::text(&render(&Text, frame, frame.rows));
        let json = settings.conversation_json.then(|| (json::FILE_NAME, render(&Json, frame, frame.own_rows)));
        let stanzas = settings.raw_stanzas.then(|| (stanzas::FILE_NAME, render(&Stanzas, frame, &[])));
        let enclosed: Vec<_> = json.into_iter().chain(stanzas).collect();
        let sizes: Vec<_> = enclosed.iter().map(|(name, content)| (*name, content.len())).collect();
        let manifest = Manifest::new(frame, &people(frame, events), events, &sizes);

        let attached: Vec<_> = frame.turns().flat_map(|turn| attached(turn.message)).collect();
        let own = [(manifest::FILE_NAME, manifest.text.as_bytes())].into_iter();
        let enclosed = enclosed.iter().map(|(name, content)| (*name, content.as_bytes()));
        let zip = zipped(own.chain(enclosed).chain(attached.iter().map(|(name, _, bytes)| (name.as_str(), &bytes[..]))))?;
        let mut file = Self {
            frame,
            envelope: Envelope::new(frame),
            fields: fields(frame, &manifest),
            text,
            zip_bytes: zip.len(),
            zip: Leaf::binary(&zip),
            limit: settings.max_item_bytes,
            size: 0,
        };
        file.size = size(file.mail());
        Ok(file)
    }

    /// Whether it is no larger than a file may be.
    pub(super) fn fits(&self) -> bool {
        self.size <= self.limit
    }

    /// What the zip file takes.
    pub(super) fn zip_bytes(&self) -> usize {
        self.zip_bytes
    }

    /// What all but the text and the zip file takes.
    pub(super) fn frame_bytes(&self) -> usize {
        self.size - self.text.len() - self.zip.len()
    }

    /// The file for these people, if it fits.
    pub(super) fn item(&self, placed: &Placed<'_>, people: BTreeSet<Party>) -> Result<MailItem> {
        let frame = self.frame;
        let Conversation { key, window, .. } = frame.view.conversation;
        if !self.fits() {
            let what = format!("a part takes {} bytes, more than the limit of {}", self.size, self.limit);
            return Err(Error::new(ErrorKind::Conversion, ErrorClass::Item, "convert", what).about(&frame.id));
        }
        let content = write(self.mail(), self.size);
        let item_key = ItemKey::new(*window, frame.id.clone());
        let mut item = MailItem::new(item_key, key.digest(), frame.view.issue, frame.part, content.into());
        item.people = people;
        item.messages = frame.lines();
        item.objects = placed.objects(frame.turns().map(|turn| turn.message));
        Ok(item)
    }

    fn mail(&self) -> MessageBuilder<'_> {
        // The version has to be the first line of the file.
        let fields = self.fields.iter().fold(MessageBuilder::new(), |mail, (name, value)| mail.header(*name, Raw::new(value.as_str())));
        let parts = vec![
            self.text.part(ContentType::new("text/plain").attribute("charset", "utf-8")),
            self.zip.part(ContentType::new("application/octet-stream")).attachment(ZIP_NAME),
        ];
        self.envelope.behind(fields).body(MimePart::new(multipart("multipart/mixed", &self.frame.id, "mail"), parts))
    }
}

/// Whom the manifest of a part lists, by place among the participants: whom its text lists, and who does something in it.
fn people(frame: &Frame<'_>, events: &[Event]) -> Vec<usize> {
    let who = |event: &Event| if let Event::Moved { person, .. } = *event { Some(person) } else { None };
    let listed = frame.rows.iter().map(|row| row.index);
    let people: BTreeSet<usize> = listed.chain(frame.turns().map(|turn| turn.sender)).chain(events.iter().filter_map(who)).collect();
    people.into_iter().collect()
}

fn fields(frame: &Frame<'_>, manifest: &Manifest) -> Vec<(&'static str, String)> {
    vec![
        ("X-RSMF-Version", VERSION.to_owned()),
        ("X-RSMF-Generator", GENERATOR.to_owned()),
        ("X-RSMF-BeginDate", manifest.begin.to_string()),
        ("X-RSMF-EndDate", manifest.end.to_string()),
        ("X-RSMF-EventCount", manifest.events.to_string()),
        ("X-RSMF-AttachmentCount", manifest.attachments.to_string()),
        ("X-RSMF-Application", manifest::PLATFORM.to_owned()),
        ("X-RSMF-EventCollectionID", manifest::collection(frame.view).to_string()),
    ]
}
