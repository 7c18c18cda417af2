use serde::{Deserialize, Serialize};

use super::Seal;

/// What was added to a window that is sealed. A seal is never changed: what is found later is added, and names its own items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Addendum {
    /// Why the window was read again.
    pub cause: Cause,
    /// The rows as they were then, all of the window's; the messages that are added, those [listed before](crate::Accounts::elsewhere), and what became of the others.
    #[serde(flatten)]
    pub seal: Seal,
}

/// Why a sealed window is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// The source had other rows in it than were sealed.
    LateRows,
    /// It had dead letters, and somebody asked to try them again.
    Retry,
    /// An audit found messages that the archive lacked, and somebody asked to repair it.
    Repair,
}

impl Addendum {
    /// What was found in a window when it was read again.
    pub fn new(cause: Cause, seal: Seal) -> Self {
        Self { cause, seal }
    }
}
