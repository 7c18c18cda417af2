use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// A length of time, such as `24h`, `5m` or `1h30m`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span(pub(crate) Duration);

/// A time of day in UTC, such as `22:30`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeOfDay(pub(crate) Duration);

/// An amount of memory, such as `512MiB` or `1GiB`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes(pub(crate) usize);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
        parsed.map(Self).ok_or_else(|| D::Error::custom(format!("`{text}` is no length of time such as 24h, 5m or 90s")))
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = text.parse::<jiff::civil::Time>().map_err(|_| D::Error::custom(format!("`{text}` is no time of day such as 22:30")))?;
        Ok(Self(Duration::from_secs(time.hour() as u64 * 3_600 + time.minute() as u64 * 60 + time.second() as u64)))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let sized = [("GiB", 30), ("MiB", 20), ("KiB", 10)].into_iter().find_map(|(unit, shift)| {
            let count: usize = text.strip_suffix(unit)?.trim().parse().ok()?;
            count.checked_mul(1 << shift)
        });
        sized.map(Self).ok_or_else(|| D::Error::custom(format!("`{text}` is no amount such as 512MiB or 1GiB")))
    }
}
