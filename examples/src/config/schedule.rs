use std::time::Duration;

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Timestamp};

/// When something is due again and again: whenever so many times `every` have passed since 1970, and `at` behind that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    every: i64,
    at: i64,
}

impl Schedule {
    /// What comes more often has no meaning: windows are whole minutes.
    const LEAST: Duration = Duration::from_mins(1);
    /// Rarer than this is a slip of the pen.
    const MOST: Duration = Duration::from_hours(366 * 24);

    /// Every day at 02:00 is 2 h behind every 24 h; every hour at ten past, 10 min behind every 1 h.
    /// `setting` is where somebody has written how often.
    pub(crate) fn new(setting: &str, every: Duration, at: Duration) -> Result<Self> {
        if !(Self::LEAST..=Self::MOST).contains(&every) {
            return Err(Error::new(
                ErrorKind::Config,
                ErrorClass::Fatal,
                "read configuration",
                "it is less than a minute or more than a year",
            )
            .about(setting)
            .advise("say how often to archive, such as \"24h\" or \"1h\""));
        }
        let (every, at) = (every.as_millis() as i64, at.as_millis() as i64);
        Ok(Self { every, at: at.rem_euclid(every) })
    }

    /// The first time behind another one.
    pub(crate) fn next(&self, after: Timestamp) -> Timestamp {
        let passed = (after.millis() - self.at).div_euclid(self.every);
        Timestamp::from_millis((passed + 1) * self.every + self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_daily_comes_at_its_time_of_day_and_never_at_the_time_that_is_asked_about() {
        let daily = Schedule::new("every", Duration::from_hours(24), Duration::from_hours(2)).unwrap();
        for (after, next) in [
            ("2026-11-20T01:59:59.999Z", "2026-11-20T02:00:00Z"),
            ("2026-11-20T02:00:00Z", "2026-11-21T02:00:00Z"),
            ("2026-12-31T23:00:00Z", "2027-01-01T02:00:00Z"),
            ("1969-12-31T03:00:00Z", "1970-01-01T02:00:00Z"),
        ] {
            assert_eq!(daily.next(at(after)), at(next), "{after}");
        }
    }

    #[test]
    fn what_is_hourly_comes_at_its_minute_whatever_hour_is_given() {
        let hourly = Schedule::new("every", Duration::from_hours(1), Duration::from_mins(65)).unwrap();
        assert_eq!(hourly.next(at("2026-11-20T02:00:00Z")), at("2026-11-20T02:05:00Z"));
        assert_eq!(hourly.next(at("2026-11-20T02:05:00Z")), at("2026-11-20T03:05:00Z"));
    }

    #[test]
    fn what_comes_all_the_time_or_never_is_refused() {
        for every in [Duration::ZERO, Duration::from_secs(59), Duration::from_hours(24 * 400)] {
            assert!(Schedule::new("[watch] every", every, Duration::ZERO).unwrap_err().to_string().contains("[watch] every"));
        }
    }
}
