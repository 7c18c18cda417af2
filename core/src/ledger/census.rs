use serde::{Deserialize, Serialize};

/// Of how many people of a window the directory was asked, and how many it knew: what a later window is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Census {
    /// People of our own domains who took part, whether or not their conversations are archived.
    pub asked: u64,
    /// Those to whom the directory gives an address that a mail can reach.
    pub mapped: u64,
    /// How many JIDs the directory knew, where it [tells](crate::Directory::size).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<u64>,
}
