//! Files in mails: attached where they fit, else stored beside the mail.

use std::{borrow::Cow, collections::HashMap};

use bytes::Bytes;
use mail_builder::{headers::content_type::ContentType, mime::MimePart};

use super::names::one_line;
use crate::{
    Conversation, Digest, FileContent, FileRef, ItemObject, Message, ObjectKey,
    header::shortened,
    mail::{Leaf, part_size},
};

/// The longest name of an attachment, in characters; the bodies show names in full.
const LONGEST_NAME: usize = 120;

/// A conversation whose mails can hold every file that was read, and the files that they cannot.
#[derive(Debug)]
pub(super) struct Placed<'c> {
    pub(super) conversation: Cow<'c, Conversation>,
    objects: HashMap<Digest, Bytes>,
}

impl<'c> Placed<'c> {
    /// A file that takes more than half of a mail is stored as an object of its own.
    pub(super) fn new(conversation: &'c Conversation, limit: usize) -> Self {
        let is_large = |file: &FileRef| matches!(file.content(), FileContent::Read(bytes) if Leaf::binary_len(bytes.len()) > limit / 2);
        let mut placed = Self { conversation: Cow::Borrowed(conversation), objects: HashMap::new() };
        if !conversation.messages.iter().flat_map(|message| &message.files).any(is_large) {
            return placed;
        }
        for file in placed.conversation.to_mut().messages.iter_mut().flat_map(|message| &mut message.files).filter(|file| is_large(file)) {
            if let FileContent::Read(bytes) = file.content() {
                let (bytes, digest) = (bytes.clone(), Digest::of(bytes));
                *file = file.clone().stored(bytes.len() as u64, digest);
                placed.objects.insert(digest, bytes);
            }
        }
        placed
    }

    /// The objects that a mail of these messages names, each once.
    pub(super) fn objects<'m>(&self, messages: impl Iterator<Item = &'m Message>) -> Vec<ItemObject> {
        let mut digests: Vec<Digest> = messages
            .flat_map(|message| &message.files)
            .filter(|file| file.content() == FileContent::Stored)
            .filter_map(|file| file.digest)
            .collect();
        digests.sort_unstable();
        digests.dedup();
        digests.into_iter().map(|digest| ItemObject::new(ObjectKey::new(digest), self.objects.get(&digest).cloned())).collect()
    }
}

/// A file as an attachment.
#[derive(Debug)]
pub(super) struct Attached {
    name: String,
    leaf: Leaf,
}

impl Attached {
    /// The attachments of a message.
    pub(super) fn of(message: &Message) -> impl Iterator<Item = Self> {
        message.files.iter().filter_map(|file| match file.content() {
            FileContent::Read(bytes) => Some(Self { name: name(file), leaf: Leaf::binary(bytes) }),
            _ => None,
        })
    }

    /// The MIME part: bytes that nothing opens by itself, whatever the sender called them.
    pub(super) fn part(&self) -> MimePart<'_> {
        self.leaf.part(ContentType::new("application/octet-stream")).attachment(self.name.as_str())
    }

    /// How many bytes the content takes.
    pub(super) fn len(&self) -> usize {
        self.leaf.len()
    }

    /// What the attachments of a message take in a mail, without the boundaries before them.
    pub(super) fn bytes(message: &Message) -> (usize, usize) {
        Self::of(message).fold((0, 0), |(parts, bytes), attached| (parts + 1, bytes + part_size(attached.part())))
    }
}

/// The name that the sender gave, as one under which every system can save it: it names no folder and no drive.
fn name(file: &FileRef) -> String {
    let name = one_line(&file.name).replace(['/', '\\', ':', '<', '>', '"', '|', '?', '*'], "_");
    let name = name.trim_matches('.').trim();
    if name.is_empty() {
        return "file".to_owned();
    }
    // What a name ends with says what the file is.
    match name.rsplit_once('.') {
        Some((stem, suffix)) if suffix.len() <= 16 => format!("{}.{suffix}", shortened(stem, LONGEST_NAME)),
        _ => shortened(name, LONGEST_NAME).into_owned(),
    }
}

/// Size, digest and whereabouts of a file, for people to read.
pub(super) fn facts(file: &FileRef) -> String {
    let mut facts = file.size.map_or("size unknown".to_owned(), |size| format!("{size} bytes"));
    if let Some(digest) = &file.digest {
        facts.push_str(", SHA-256 ");
        facts.push_str(&digest.to_string());
    }
    facts.push_str(match file.content() {
        FileContent::Unread => "",
        FileContent::Missing => ", not found where it should be",
        FileContent::Read(_) => ", attached",
        FileContent::Stored => ", in the archive's folder attachments",
    });
    facts
}
