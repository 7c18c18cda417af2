use serde::{Deserialize, Serialize};

use crate::{Digest, Timestamp};

/// Who did something to an archive, when, and as what: the part that entries about people's and programs' acts have in common.
///
/// All of it is as the machine says that did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Act {
    /// When it began, by the clock of the machine.
    pub started: Timestamp,
    /// The machine.
    pub host: String,
    /// The account that it ran under.
    pub account: String,
    /// The program and its version.
    pub version: String,
    /// The whole configuration but for secrets, kept as a [context](super::KeptKind::Context); none where there was none.
    pub configuration: Option<Digest>,
}

impl Act {
    /// What this account did on this machine.
    pub fn new(started: Timestamp, host: impl Into<String>, account: impl Into<String>, version: impl Into<String>) -> Self {
        Self { started, host: host.into(), account: account.into(), version: version.into(), configuration: None }
    }

    /// With a configuration that is kept.
    #[must_use]
    pub fn configured(self, configuration: Option<Digest>) -> Self {
        Self { configuration, ..self }
    }
}
