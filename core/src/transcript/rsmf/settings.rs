use serde::{Deserialize, Serialize};

use crate::{ArchiveFacts, Digest, Error, ErrorClass, ErrorKind, FieldHasher, Result, TranscriptSettings};

/// What can be chosen about an [`Rsmf`](crate::Rsmf).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RsmfSettings {
    /// The largest file, in bytes as stored; at least [`TranscriptSettings::LEAST_ITEM_BYTES`], and at most 2 GB, beyond which review tools read none.
    /// Default: 10 MiB.
    pub max_item_bytes: usize,
    /// Whether every file carries its part of the conversation as JSON, from which [`Conversation::from_mails`](crate::Conversation::from_mails) rebuilds it.
    pub conversation_json: bool,
}

impl Default for RsmfSettings {
    fn default() -> Self {
        Self { max_item_bytes: 10 * 1024 * 1024, conversation_json: false }
    }
}

impl RsmfSettings {
    /// The largest limit: 2 GB.
    pub const MOST_ITEM_BYTES: usize = 2_000_000_000;

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

    pub(super) fn check(&self, facts: &ArchiveFacts) -> Result<()> {
        const OPERATION: &str = "set up rsmf";
        if self.max_item_bytes > Self::MOST_ITEM_BYTES {
            let what = format!("{} bytes are more than review tools read", self.max_item_bytes);
            return Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, OPERATION, what)
                .about("max_item_bytes")
                .advise(format!("set it to {} or less", Self::MOST_ITEM_BYTES)));
        }
        TranscriptSettings::default().with_max_item_bytes(self.max_item_bytes).check(facts, OPERATION)
    }

    /// Digest of what changes bytes.
    pub(super) fn digest(&self) -> Digest {
        FieldHasher::new()
            .field("v1")
            .field("max_item_bytes")
            .field(&self.max_item_bytes.to_string())
            .field("conversation_json")
            .field(if self.conversation_json { "true" } else { "false" })
            .finish()
    }
}
