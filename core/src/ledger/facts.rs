use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorClass, ErrorKind, Grid, Result};

/// What never changes in an archive: stored in `archive.json` when it is made; a run with others is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArchiveFacts {
    /// The version of the layout.
    pub format: u32,
    /// The archive's name; part of every item id.
    pub name: String,
    /// How time is divided.
    pub grid: Grid,
    /// How far copies of one message may be apart, in seconds.
    pub margin_seconds: u64,
    /// What stands behind the `@` of every Message-ID.
    pub message_id_domain: String,
}

impl ArchiveFacts {
    /// The layout that this version writes and reads.
    pub const FORMAT: u32 = 1;

    /// The facts of an archive of daily windows, a margin of 5 minutes, and the domain `<name>.jabber-archive.invalid`.
    ///
    /// # Errors
    ///
    /// If the name is not 1 to 63 of `a-z`, `0-9` and `-`, beginning and ending with a letter or digit: it is part of the domain.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 63 || !name.bytes().all(inner) || name.starts_with('-') || name.ends_with('-') {
            return Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "set name", "not a name for an archive")
                .about(format_args!("`{}`", name.escape_debug()))
                .advise("use 1 to 63 of a-z, 0-9 and -, such as jabber-prod"));
        }
        Ok(Self {
            format: Self::FORMAT,
            message_id_domain: format!("{name}.jabber-archive.invalid"),
            name,
            grid: Grid::daily(),
            margin_seconds: 300,
        })
    }

    /// With other windows and another margin.
    ///
    /// # Errors
    ///
    /// If the margin is less than 2 s or no whole seconds, or a window lasts less than three margins: copies of a message would lie more than one window apart.
    pub fn with_windows(self, grid: Grid, margin: Duration) -> Result<Self> {
        if margin.subsec_nanos() != 0 {
            return Err(refuse("margin", "the margin is whole seconds", "such as 5m or 90s"));
        }
        let facts = Self { grid, margin_seconds: margin.as_secs(), ..self };
        facts.check()?;
        Ok(facts)
    }

    /// Checks that an archive can have these facts.
    pub(crate) fn check(&self) -> Result<()> {
        if self.margin() < LEAST_MARGIN {
            return Err(refuse("margin", "copies of a message may be 2 s apart", "raise `margin`; 5m is the default"));
        }
        if self.grid.length() < self.margin() * 3 {
            return Err(refuse("window", "a window is shorter than three margins", "choose a longer `window` or a shorter `margin`"));
        }
        Ok(())
    }

    /// How far copies of one message may be apart; a day at most, whatever somebody has stored, because no window is longer.
    pub fn margin(&self) -> Duration {
        Duration::from_secs(self.margin_seconds.min(DAY_SECONDS))
    }

    /// The bytes of `archive.json`.
    ///
    /// # Panics
    ///
    /// Never: the model is always JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("facts are always JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Compares with the facts stored in an archive.
    ///
    /// # Errors
    ///
    /// Names every difference.
    pub fn compare(&self, stored: &Self) -> Result<()> {
        let mut differences = Vec::new();
        let mut differ = |what: &str, ours: String, theirs: String| {
            if ours != theirs {
                differences.push(format!("{what} is {theirs} there and {ours} here"));
            }
        };
        differ("format", self.format.to_string(), stored.format.to_string());
        differ("name", self.name.clone(), stored.name.clone());
        differ("window (minutes)", minutes(self.grid.length()), minutes(stored.grid.length()));
        differ("anchor (minutes)", minutes(self.grid.anchor()), minutes(stored.grid.anchor()));
        differ("margin (seconds)", self.margin_seconds.to_string(), stored.margin_seconds.to_string());
        differ("message_id_domain", self.message_id_domain.clone(), stored.message_id_domain.clone());
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "open", differences.join(", "))
            .about("archive.json")
            .advise("these never change in an archive: set them as they are there, or begin another archive"))
    }
}

const DAY_SECONDS: u64 = 86_400;

/// Copies of a message without an id are looked for this far.
const LEAST_MARGIN: Duration = Duration::from_secs(2);

fn refuse(setting: &str, what: &str, advice: &str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "set windows", what).about(format_args!("`{setting}`")).advise(advice)
}

fn minutes(duration: Duration) -> String {
    (duration.as_secs() / 60).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(window: u64, margin: Duration) -> Result<ArchiveFacts> {
        let grid = Grid::new(Duration::from_secs(window), Duration::ZERO)?;
        ArchiveFacts::new("test")?.with_windows(grid, margin)
    }

    #[test]
    fn windows_are_at_least_three_margins_long() {
        assert_eq!(with(900, Duration::from_mins(5)).unwrap().margin(), Duration::from_mins(5));
        let error = with(720, Duration::from_mins(5)).unwrap_err().to_string();
        assert!(error.contains("shorter than three margins"), "{error}");
    }

    #[test]
    fn a_forged_margin_is_refused_and_never_overflows() {
        let mut facts = ArchiveFacts::new("test").unwrap();
        facts.margin_seconds = u64::MAX;
        assert!(facts.check().unwrap_err().to_string().contains("shorter than three margins"));
        assert_eq!(facts.margin(), Duration::from_hours(24));
    }

    #[test]
    fn a_margin_is_whole_seconds_and_at_least_two() {
        assert!(with(3_600, Duration::from_millis(1_500)).unwrap_err().to_string().contains("whole seconds"));
        assert!(with(3_600, Duration::from_secs(1)).unwrap_err().to_string().contains("2 s apart"));
        assert!(with(3_600, Duration::from_secs(2)).is_ok());
    }
}
