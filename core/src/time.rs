use std::{fmt, str::FromStr, time::Duration};

use jiff::{SignedDuration, civil::DateTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, ErrorClass, ErrorKind, Result};

/// How far before a span presence rows are read: who entered a room longer ago is not taken to be inside.
pub const PRESENCE_LOOKBACK: Duration = Duration::from_hours(30 * 24);

/// An instant in UTC, in whole milliseconds.
///
/// SQL Server's `datetime` has steps of 1/300 s and shows them as `.000`, `.003` and `.007`; these milliseconds are used here,
/// so that every `datetime` has exactly one timestamp.
///
/// ```
/// use jabber_archive_core::Timestamp;
///
/// let time: Timestamp = "2026-11-21T09:14:03.007Z".parse().unwrap();
/// assert_eq!(time.millis() % 1000, 7);
/// assert_eq!(time.to_string(), "2026-11-21T09:14:03.007Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1753-01-01T00:00:00Z, the first instant of SQL Server's `datetime`.
    pub const MIN: Self = Self(-6_847_804_800_000);
    /// 10000-01-01T00:00:00Z, the instant after the last one of SQL Server's `datetime`.
    pub const MAX: Self = Self(253_402_300_800_000);
    /// 2000-01-01T00:00:00Z: rows dated before it come from a node whose clock was dead.
    pub const PLAUSIBLE: Self = Self(946_684_800_000);

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From SQL Server's `datetime`: days since 1900-01-01 and ticks of 1/300 s since midnight.
    pub const fn from_sql_datetime(days: i32, ticks: u32) -> Self {
        const EPOCH: i64 = 25_567;
        Self((days as i64 - EPOCH) * 86_400_000 + (ticks as i64 * 10 + 1) / 3)
    }

    /// As SQL Server's `datetime`: days since 1900-01-01 and ticks of 1/300 s since midnight, the nearest one.
    pub const fn to_sql_datetime(self) -> (i32, u32) {
        const TICKS_A_DAY: i64 = 300 * 86_400;
        let ticks = (self.0.rem_euclid(86_400_000) * 3 + 5) / 10;
        let days = self.0.div_euclid(86_400_000) + 25_567 + ticks / TICKS_A_DAY;
        (days as i32, (ticks % TICKS_A_DAY) as u32)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This much earlier.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How far two instants are apart.
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }

    /// For calendars, which end some hours before the last instant: time zones need a day beyond.
    pub(crate) fn to_jiff(self) -> jiff::Timestamp {
        let last = jiff::Timestamp::MAX.as_second() * 1_000;
        jiff::Timestamp::from_millisecond(self.0.clamp(Self::MIN.0, last)).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// The date and the time of day.
    fn to_civil(self) -> DateTime {
        EPOCH.saturating_add(SignedDuration::from_millis(self.0.clamp(Self::MIN.0, Self::MAX.0 - 1)))
    }
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self >= Self::MAX {
            return f.write_str("10000-01-01T00:00:00.000Z");
        }
        write!(f, "{:.3}Z", self.to_civil())
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |what: &str| Error::new(ErrorKind::Config, ErrorClass::Fatal, "read time", what);
        if text == "10000-01-01T00:00:00.000Z" {
            return Ok(Self::MAX);
        }
        let millis = match (text.parse::<jiff::Timestamp>(), text.strip_suffix('Z').map(str::parse::<DateTime>)) {
            (Ok(time), _) => time.as_millisecond(),
            // The last hours of the year 9999.
            (Err(_), Some(Ok(time))) => time.duration_since(EPOCH).as_millis() as i64,
            (Err(error), _) => return Err(refuse("not a time such as 2026-01-01T00:00:00Z").because(error)),
        };
        if !(Self::MIN.0..Self::MAX.0).contains(&millis) {
            return Err(refuse("not a time of the years 1753 to 9999"));
        }
        Ok(Self(millis))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A stretch of time: from `start`, up to but without `end`. May be empty, unlike a [`Window`](crate::Window).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The first instant.
    pub start: Timestamp,
    /// The instant after the last.
    pub end: Timestamp,
}

impl Span {
    /// From `start` to before `end`.
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }

    /// Whether an instant lies within.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.start <= time && time < self.end
    }

    /// Whether an instant lies within both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether no instant lies within.
    pub fn is_empty(&self) -> bool {
        self.end <= self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sql_datetime_has_one_timestamp_and_comes_back() {
        for ticks in (0..1_000).chain(25_919_000..25_920_000) {
            let time = Timestamp::from_sql_datetime(46_345, ticks);
            assert_eq!(time.to_sql_datetime(), (46_345, ticks));
            assert!([0, 3, 7].contains(&(time.millis() % 10)), "{time}");
        }
    }

    #[test]
    fn every_time_that_a_datetime_can_have_is_read_as_it_is_shown() {
        for (day, ticks) in [(-53_690, 0), (-53_690, 1), (0, 0), (2_958_462, 24_300_000), (2_958_463, 0), (2_958_463, 25_919_999)] {
            let time = Timestamp::from_sql_datetime(day, ticks);
            assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time, "{time}");
        }
        assert_eq!(Timestamp::from_sql_datetime(2_958_463, 25_919_999).to_string(), "9999-12-31T23:59:59.997Z");
    }

    #[test]
    fn the_last_millisecond_of_a_day_is_nearest_to_the_next_midnight() {
        let time: Timestamp = "2026-11-21T23:59:59.999Z".parse().unwrap();
        let midnight: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        assert_eq!(time.to_sql_datetime(), midnight.to_sql_datetime());
    }

    #[test]
    fn the_bounds_are_those_of_sql_server() {
        assert_eq!(Timestamp::MIN.to_string(), "1753-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::MIN.to_sql_datetime(), (-53_690, 0));
        assert_eq!(Timestamp::PLAUSIBLE.to_string(), "2000-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::MAX.to_string().parse::<Timestamp>().unwrap(), Timestamp::MAX);
    }
}
