//! What the source no longer has, or soon will not have.

use std::time::Duration;

use crate::{Finding, Timestamp};

const DAY: Duration = Duration::from_hours(24);

/// How many whole days are left until rows of `oldest` are so many days old that they are purged; negative if that is over.
pub fn days_until_purge(oldest: Timestamp, now: Timestamp, after_days: u32) -> i64 {
    (oldest.after(DAY * after_days).millis() - now.millis()).div_euclid(DAY.as_millis() as i64)
}

/// [`Finding::PurgeNear`], if half of the time or more has passed until rows that are not archived, from `unsealed` on, are purged.
pub fn purge_near(unsealed: Timestamp, now: Timestamp, after_days: u32) -> Option<Finding> {
    let half = unsealed.after(DAY * after_days / 2);
    (now >= half).then(|| Finding::PurgeNear { unsealed, days: days_until_purge(unsealed, now, after_days) })
}

/// [`Finding::StartsLater`], if the source's first row lies behind everything that an archive with rows has sealed.
pub fn starts_later(first: Option<Timestamp>, archived_until: Timestamp) -> Option<Finding> {
    first.is_none_or(|first| first > archived_until).then_some(Finding::StartsLater { first, archived_until })
}

/// [`Finding::StartsEarlier`], if the source's first row lies before the archive's first window, and nobody has asked for that: `start` is where an archive is told to begin.
pub fn starts_earlier(first: Option<Timestamp>, archived_from: Timestamp, start: Option<Timestamp>) -> Option<Finding> {
    let first = first.filter(|first| *first < archived_from && start.is_none_or(|start| start <= *first))?;
    Some(Finding::StartsEarlier { first, archived_from })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_purge_is_near_from_half_of_its_time_on() {
        let unsealed = at("2026-11-01T00:00:00Z");
        assert_eq!(purge_near(unsealed, at("2026-11-15T23:59:59.999Z"), 30), None);
        assert_eq!(purge_near(unsealed, at("2026-11-16T00:00:00Z"), 30), Some(Finding::PurgeNear { unsealed, days: 15 }));
        assert_eq!(days_until_purge(unsealed, at("2026-11-30T00:00:00.001Z"), 30), 0);
        assert_eq!(purge_near(unsealed, at("2026-12-01T00:00:00.001Z"), 30), Some(Finding::PurgeNear { unsealed, days: -1 }));
        assert_eq!(days_until_purge(unsealed, at("2026-11-02T12:00:00Z"), u32::MAX), 4_294_967_293);
    }

    #[test]
    fn a_source_starts_earlier_if_it_has_rows_before_the_first_window_that_nobody_left_out() {
        let from = at("2026-11-20T00:00:00Z");
        let first = at("2026-11-19T23:59:59Z");
        let finding = Some(Finding::StartsEarlier { first, archived_from: from });
        assert_eq!(starts_earlier(Some(first), from, None), finding);
        assert_eq!(starts_earlier(Some(first), from, Some(first)), finding, "what was asked for has not become");
        for (first, start) in [(Some(first), Some(from)), (Some(from), None), (None, None)] {
            assert_eq!(starts_earlier(first, from, start), None);
        }
    }

    #[test]
    fn a_source_starts_later_if_nothing_of_what_was_sealed_is_left() {
        let until = at("2026-11-20T00:00:00Z");
        assert_eq!(starts_later(Some(at("2026-11-19T23:59:59Z")), until), None);
        assert_eq!(starts_later(Some(until), until), None);
        let first = Some(at("2026-11-20T00:00:01Z"));
        assert_eq!(starts_later(first, until), Some(Finding::StartsLater { first, archived_until: until }));
        assert_eq!(starts_later(None, until), Some(Finding::StartsLater { first: None, archived_until: until }));
    }
}
