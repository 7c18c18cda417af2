use serde::{Deserialize, Serialize};

/// Why a row is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SkipReason {
    /// A replay of room history (`history_flag` H).
    Replay,
    /// An error stanza.
    Error,
    /// A headline: an alert or announcement.
    Headline,
    /// Neither text nor file: a chat state or a receipt.
    Empty,
}
