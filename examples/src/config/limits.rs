//! `[run.limits]`: what is not sealed before somebody has looked at it.

use jabber_archive_core::Limits;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsConfig {
    dead_letters: Option<u64>,
    dead_letters_per_mille: Option<u64>,
    few_dead_letters: Option<u64>,
    mapped_points: Option<u64>,
    directory_percent: Option<u64>,
    few_people: Option<u64>,
}

impl LimitsConfig {
    /// The limits, the default where nothing else is set.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for (set, limit) in [
            (self.dead_letters, &mut limits.dead_letters),
            (self.dead_letters_per_mille, &mut limits.dead_letters_per_mille),
            (self.few_dead_letters, &mut limits.few_dead_letters),
            (self.mapped_points, &mut limits.mapped_points),
            (self.directory_percent, &mut limits.directory_percent),
            (self.few_people, &mut limits.few_people),
        ] {
            *limit = set.unwrap_or(*limit);
        }
        limits
    }
}
