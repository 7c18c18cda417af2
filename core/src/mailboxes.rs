use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{ItemId, Result, Timestamp};

/// Mailboxes of people, into which copies of archived mails are put.
///
/// # Contract
///
/// - [`Delivered`](Delivery::Delivered) is said only after the server has said that it has the mail.
/// - With `search`, a mail that is where it would be put is [`Found`](Delivery::Found), by its Message-ID, and not put there again.
/// - After an error it is open whether the mail was taken. Whoever tries again asks for a search.
/// - [`Refused`](Delivery::Refused) is about this mailbox; an error is about the server, or the way to it. A server that refuses the sign-in to one mailbox may
///   take that to the next: that is a refusal.
/// - Deliveries to different mailboxes may be under way at the same time; those to one are made one after the other.
#[async_trait]
pub trait Mailboxes: fmt::Debug + Send + Sync {
    /// Puts a mail into the mailbox of this address, in lower case.
    async fn deliver(&self, mailbox: &str, letter: &Letter, search: bool) -> Result<Delivery>;
}

const _: Option<&dyn Mailboxes> = None;

/// A mail on its way into mailboxes.
#[derive(Clone)]
#[non_exhaustive]
pub struct Letter {
    /// The item that it is a copy of.
    pub id: ItemId,
    /// Its Message-ID, without angle brackets.
    pub message_id: String,
    /// When the mailbox is to say that it was received; none for the time of delivery.
    pub received: Option<Timestamp>,
    /// The mail, byte for byte as archived.
    pub content: Bytes,
}

impl Letter {
    /// A mail that is received when it is delivered.
    pub fn new(id: ItemId, message_id: impl Into<String>, content: Bytes) -> Self {
        Self { id, message_id: message_id.into(), received: None, content }
    }

    /// With another time of receipt.
    #[must_use]
    pub fn received(self, received: Option<Timestamp>) -> Self {
        Self { received, ..self }
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("id", &self.id).field("bytes", &self.content.len()).finish_non_exhaustive()
    }
}

/// What came of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller decides each case")]
pub enum Delivery {
    /// The mailbox has it now.
    Delivered(Place),
    /// The mailbox had it.
    Found(Place),
    /// The mailbox does not take it.
    Refused(Refusal),
}

/// Where a mail lies in a mailbox (RFC 9051, section 2.3.1.1); nothing, where the server does not tell (RFC 4315).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Place {
    /// UIDVALIDITY of the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid_validity: Option<u32>,
    /// The UID in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
}

impl Place {
    /// At this UID of a folder with this UIDVALIDITY.
    pub fn new(uid_validity: u32, uid: u32) -> Self {
        Self { uid_validity: Some(uid_validity), uid: Some(uid) }
    }
}

/// Why a mailbox does not take a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The kind of reason.
    pub reason: RefusalReason,
    /// The server's own words, one line.
    pub words: String,
}

impl Refusal {
    /// For this reason, in the words of the server.
    pub fn new(reason: RefusalReason, words: impl Into<String>) -> Self {
        Self { reason, words: words.into() }
    }
}

/// The kinds of reasons for which a copy of a mail is not in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RefusalReason {
    /// The server refuses the sign-in to this mailbox, or there is no such mailbox.
    SignIn,
    /// The account may not write there.
    Permission,
    /// The mailbox is full.
    Quota,
    /// The mail is larger than the server takes.
    TooLarge,
    /// The mailbox is in use, or the server asks to be left alone.
    Unavailable,
    /// The server refuses for a reason that it does not name in a way that programs understand.
    Rejected,
    /// The item does not verify: what is in the archive is not what was archived.
    Unverified,
    /// The item is no transcript that this version reads, so that nothing tells whose mailboxes it belongs into.
    Unreadable,
    /// It belongs into more mailboxes than one item may go to.
    TooManyMailboxes,
}

impl RefusalReason {
    /// Whether the mailbox will not take any other mail either.
    pub fn closes_mailbox(self) -> bool {
        matches!(self, Self::SignIn | Self::Permission | Self::Quota | Self::Unavailable)
    }

    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Permission => "permission",
            Self::Quota => "quota",
            Self::TooLarge => "too-large",
            Self::Unavailable => "unavailable",
            Self::Rejected => "rejected",
            Self::Unverified => "unverified",
            Self::Unreadable => "unreadable",
            Self::TooManyMailboxes => "too-many-mailboxes",
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
