use serde::{Deserialize, Serialize};

use crate::{
    ArchiveFacts, Digest, Error, ErrorClass, ErrorKind, FieldHasher, Result, TimeZone, journal::ENVELOPE_BYTES, mail::check_domain,
    people::is_addr_spec,
};

/// What can be chosen about a [`Transcript`](crate::Transcript), a [`PerMessage`](crate::PerMessage) or, with the feature `rsmf`, an `Rsmf`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TranscriptSettings {
    /// The largest mail, in bytes as stored; at least [`LEAST_ITEM_BYTES`](TranscriptSettings::LEAST_ITEM_BYTES). Default: 10 MiB.
    pub max_item_bytes: usize,
    /// Whether every mail carries its part of the conversation as JSON, from which [`Conversation::from_mails`](crate::Conversation::from_mails) rebuilds it.
    pub conversation_json: bool,
    /// Whether every mail carries the raw stanzas of its messages, as one attachment of JSON lines: `sent`, the message's key, `stanza`.
    pub raw_stanzas: bool,
    /// In which zone the text/html body shows times, beside UTC. Default: UTC, and nothing beside it. The text/plain body shows UTC,
    /// and so does an `Rsmf`, which has no other.
    pub time_zone: TimeZone,
    /// A mailbox to which every mail is addressed too in which a participant has no address that reaches anybody.
    pub catch_all: Option<String>,
}

impl Default for TranscriptSettings {
    fn default() -> Self {
        Self {
            max_item_bytes: 10 * 1024 * 1024,
            conversation_json: false,
            raw_stanzas: false,
            time_zone: TimeZone::default(),
            catch_all: None,
        }
    }
}

impl TranscriptSettings {
    /// The smallest limit that leaves room for messages beside headers and participants: 256 KiB.
    pub const LEAST_ITEM_BYTES: usize = 256 * 1024;

    /// The same with another limit.
    #[must_use]
    pub fn with_max_item_bytes(self, bytes: usize) -> Self {
        Self { max_item_bytes: bytes, ..self }
    }

    /// The same with or without JSON.
    #[must_use]
    pub fn with_conversation_json(self, attached: bool) -> Self {
        Self { conversation_json: attached, ..self }
    }

    /// The same with or without raw stanzas.
    #[must_use]
    pub fn with_raw_stanzas(self, attached: bool) -> Self {
        Self { raw_stanzas: attached, ..self }
    }

    /// The same in another time zone.
    #[must_use]
    pub fn with_time_zone(self, zone: TimeZone) -> Self {
        Self { time_zone: zone, ..self }
    }

    /// The same with a mailbox for what would reach nobody's.
    #[must_use]
    pub fn with_catch_all(self, address: impl Into<String>) -> Self {
        Self { catch_all: Some(address.into()), ..self }
    }

    /// The same for mails that a [`Journal`](crate::Journal) puts into reports: no report takes more than
    /// [`max_item_bytes`](TranscriptSettings::max_item_bytes) did.
    ///
    /// # Errors
    ///
    /// If nothing is left for messages beside the envelope.
    pub fn journaled(self) -> Result<Self> {
        let least = Self::LEAST_ITEM_BYTES + ENVELOPE_BYTES;
        if self.max_item_bytes < least {
            let what = format!("{} bytes leave no room for messages in a journal report", self.max_item_bytes);
            return Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "set up journal", what)
                .about("max_item_bytes")
                .advise(format!("set it to {least} or more")));
        }
        Ok(Self { max_item_bytes: self.max_item_bytes - ENVELOPE_BYTES, ..self })
    }

    /// Refuses what leaves no room for messages, and facts that no mail can state.
    pub(super) fn check(&self, facts: &ArchiveFacts, operation: &'static str) -> Result<()> {
        if self.max_item_bytes < Self::LEAST_ITEM_BYTES {
            let what = format!("{} bytes leave no room for messages", self.max_item_bytes);
            return Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, operation, what)
                .about("max_item_bytes")
                .advise(format!("set it to {} or more", Self::LEAST_ITEM_BYTES)));
        }
        if let Some(address) = self.catch_all.as_deref().filter(|address| !is_addr_spec(address)) {
            let what = format!("`{}` is no address that needs no quoting", address.escape_debug());
            return Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, operation, what)
                .about("catch_all")
                .advise("write one mailbox without a name, such as archive@example.com"));
        }
        check_domain(facts, operation)
    }

    /// Digest of what changes the bytes of mails.
    pub(super) fn digest(&self) -> Digest {
        let flag = |set: bool| if set { "true" } else { "false" };
        let mut hasher = FieldHasher::new()
            .field("v1")
            .field("max_item_bytes")
            .field(&self.max_item_bytes.to_string())
            .field("conversation_json")
            .field(flag(self.conversation_json))
            .field("time_zone")
            .field(self.time_zone.name())
            // Other editions of the database show other times, but those of UTC never change.
            .field(if self.time_zone.is_utc() { "" } else { TimeZone::database() })
            .field("raw_stanzas")
            .field(flag(self.raw_stanzas));
        if let Some(address) = &self.catch_all {
            hasher = hasher.field("catch_all").field(address);
        }
        hasher.finish()
    }
}
