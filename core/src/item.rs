use std::{collections::BTreeSet, fmt, str::FromStr, sync::LazyLock};

use bytes::Bytes;
use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    ConversationKey, Digest, Error, ErrorClass, ErrorKind, FieldHasher, MessageKey, Party, Result, ShortDigest, Timestamp, Window,
};

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.encoding().expect("RFC 4648 base32 in lower case is a valid specification")
});

/// The name of an item for ever: 26 base32 characters (RFC 4648, lower case) of SHA-256 over what the item is about.
///
/// No clock, host, context or software version goes into it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId([u8; ItemId::LENGTH]);

impl ItemId {
    const LENGTH: usize = 26;

    /// The id of one part of one edition of a conversation in a window; of one message, where a mail is one message.
    pub fn new(
        archive: &str,
        converter: &str,
        conversation: &ConversationKey,
        message: Option<&MessageKey>,
        window: &Window,
        part: u32,
        edition: u32,
    ) -> Self {
        let mut hasher = FieldHasher::new().field("v1").field(archive).field(converter);
        hasher = conversation.hash_into(hasher);
        hasher = match message {
            Some(key) => key.hash_into(hasher.field("message")),
            None => hasher.field("window"),
        };
        let digest = hasher.integer(window.start().millis()).integer(part.into()).integer(edition.into()).finish();
        Self::from_digest(&digest)
    }

    /// The id of the mail that all of a conversation's mails refer to; no such mail exists.
    pub fn root(archive: &str, conversation: &ConversationKey) -> Self {
        let hasher = FieldHasher::new().field("v1").field(archive).field("root");
        Self::from_digest(&conversation.hash_into(hasher).finish())
    }

    /// The id of a journal report around a mail: of the first, whose number is 1, or of a further one.
    pub(crate) fn of_report(mail: &Self, number: u32) -> Self {
        let hasher = FieldHasher::new().field("v1").field("journal").field(mail.as_str());
        Self::from_digest(&if number > 1 { hasher.integer(number.into()) } else { hasher }.finish())
    }

    fn from_digest(digest: &Digest) -> Self {
        let mut id = [0; Self::LENGTH];
        id.copy_from_slice(&BASE32.encode(digest.as_bytes()).as_bytes()[..Self::LENGTH]);
        Self(id)
    }

    /// The 26 characters.
    ///
    /// # Panics
    ///
    /// Never: they are ASCII.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("base32 is ASCII")
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ItemId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let id: Option<[u8; Self::LENGTH]> = text.as_bytes().try_into().ok();
        id.filter(|id| id.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')))
            .map(Self)
            .ok_or_else(|| Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "read item id", "not 26 base32 characters"))
    }
}

impl Serialize for ItemId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ItemId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where an item lies: `items/<window folder>/<id>.eml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct ItemKey {
    /// The window it is of.
    pub window: Window,
    /// Its name.
    pub id: ItemId,
}

impl ItemKey {
    /// The key of an item in a window.
    pub fn new(window: Window, id: ItemId) -> Self {
        Self { window, id }
    }

    /// The path in the store.
    pub fn path(&self) -> String {
        format!("items/{}/{}.eml", self.window.folder(), self.id)
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// Where a file that is too large for a mail lies: `attachments/<sha256>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(Digest);

impl ObjectKey {
    /// The key of the object with this content.
    pub fn new(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest of its content.
    pub fn digest(&self) -> &Digest {
        &self.0
    }

    /// The path in the store.
    pub fn path(&self) -> String {
        format!("attachments/{}", self.0)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// Which issue of a window an item is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Issue {
    /// 1 for the first.
    pub edition: u32,
    /// Whether it holds only what an earlier issue lacks.
    pub addendum: bool,
}

impl Issue {
    /// The first issue of a window.
    pub const FIRST: Self = Self { edition: 1, addendum: false };

    /// The same content under the next edition's ids.
    #[must_use]
    pub fn next_edition(self) -> Self {
        Self { edition: self.edition + 1, ..self }
    }
}

/// Which of how many mails one conversation was cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Part {
    /// From 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

impl Part {
    /// The `number`-th of `of`.
    pub fn new(number: u32, of: u32) -> Self {
        Self { number, of }
    }
}

/// A mail that is ready to be stored, and what it holds.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailItem {
    /// Where it lies.
    pub key: ItemKey,
    /// Digest of the conversation's key.
    pub conversation: ShortDigest,
    /// Which issue of the window it is part of.
    pub issue: Issue,
    /// Which of the conversation's mails it is.
    pub part: Part,
    /// For whom it is: the people whose mailboxes it belongs into, whatever its header says.
    pub people: BTreeSet<Party>,
    /// The messages in it. A message continued from an earlier part is listed only there.
    pub messages: Vec<MessageLine>,
    /// Files that it names instead of holding them; they are stored before it is.
    pub objects: Vec<ItemObject>,
    /// The mail, RFC 5322, CRLF.
    pub content: Bytes,
}

/// A file that is too large for a mail, in the store beside it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemObject {
    /// Where it lies.
    pub key: ObjectKey,
    /// Its content; `None` if it is in the store already.
    pub content: Option<Bytes>,
}

impl ItemObject {
    /// An object that is stored, or the one to be stored.
    pub fn new(key: ObjectKey, content: Option<Bytes>) -> Self {
        Self { key, content }
    }
}

impl fmt::Debug for ItemObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemObject").field("key", &self.key).field("bytes", &self.content.as_ref().map(Bytes::len)).finish()
    }
}

impl MailItem {
    /// A mail of a conversation.
    pub fn new(key: ItemKey, conversation: ShortDigest, issue: Issue, part: Part, content: Bytes) -> Self {
        Self { key, conversation, issue, part, people: BTreeSet::new(), messages: Vec::new(), objects: Vec::new(), content }
    }

    /// How many bytes it holds in memory: the mail and the objects that are still to be stored.
    pub fn weight(&self) -> u64 {
        let objects = self.objects.iter().filter_map(|object| object.content.as_ref()).map(Bytes::len);
        objects.chain([self.content.len()]).map(|bytes| bytes as u64).sum()
    }

    /// The line that lists it in its window's seal.
    pub fn line(&self) -> crate::ListLine {
        crate::ListLine {
            key: self.conversation,
            edition: self.issue.edition,
            part: self.part.number,
            id: self.key.id.clone(),
            bytes: self.content.len() as u64,
            sha256: Digest::of(&self.content),
            messages: self.messages.clone(),
            attachments: self.objects.iter().map(|object| *object.key.digest()).collect(),
        }
    }
}

impl fmt::Debug for MailItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailItem")
            .field("key", &self.key)
            .field("issue", &self.issue)
            .field("part", &self.part)
            .field("messages", &self.messages.len())
            .field("bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}

/// A message as a list names it, without people or text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MessageLine {
    /// Its start.
    pub start: Timestamp,
    /// When the last of its copies that was in sight was logged.
    pub last: Timestamp,
    /// Its identity.
    pub identity: ShortDigest,
    /// Digest of body and recipients.
    pub content: ShortDigest,
}

impl MessageLine {
    /// The line of a message.
    pub fn of(message: &crate::Message) -> Self {
        Self { start: message.key.start, last: message.last(), identity: message.key.identity, content: message.content_digest() }
    }
}
