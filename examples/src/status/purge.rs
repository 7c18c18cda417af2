use jabber_archive_core::{Timestamp, days_until_purge, purge_near};
use serde::Serialize;

/// What is left of the time that rows stay in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Purge {
    pub(crate) after_days: u32,
    /// From when on rows are not archived.
    pub(crate) unsealed: Timestamp,
    /// How many whole days are left to archive them; negative if none are.
    pub(crate) days: i64,
    /// Whether half of the time has passed, or more.
    pub(crate) near: bool,
}

impl Purge {
    pub(super) fn new(after_days: u32, unsealed: Timestamp, now: Timestamp) -> Self {
        let days = days_until_purge(unsealed, now, after_days);
        Self { after_days, unsealed, days, near: purge_near(unsealed, now, after_days).is_some() }
    }
}
