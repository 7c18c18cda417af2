use std::{fmt, time::Duration};

use jabber_archive_core::{Grid, Span, Timestamp, Window};
use jiff::civil::Date;
use serde::{Serialize, Serializer};

const MILLIS: i64 = 86_400_000;

/// What became of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DayState {
    /// The archive begins later.
    Before,
    /// Every window that begins on it is sealed.
    Sealed,
    /// A window that begins on it is closed and not sealed.
    Missing,
    /// Not all of its windows are closed.
    Open,
}

impl fmt::Display for DayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before the archive",
            Self::Sealed => "sealed",
            Self::Missing => "missing",
            Self::Open => "not over",
        })
    }
}

/// A day in UTC. What a window has counts for the day on which it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Day {
    #[serde(serialize_with = "as_text")]
    pub(crate) date: Date,
    pub(crate) state: DayState,
    /// How many windows are sealed.
    pub(crate) windows: u64,
    pub(crate) messages: u64,
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    /// Messages that were added after a window was sealed.
    pub(crate) added: u64,
    /// Findings that nobody expects.
    pub(crate) findings: u64,
    /// Those that somebody does.
    pub(crate) expected_findings: u64,
    pub(crate) dead_letters: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it serializes by reference")]
fn as_text<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}

/// The days of a year; what is about another time is passed over.
#[derive(Debug)]
pub(super) struct Days {
    grid: Grid,
    /// The number of the first day since 1970.
    first: i64,
    year: Vec<Day>,
}

impl Days {
    const YEAR: i64 = 365;

    /// The year that ends with the day of this instant.
    pub(super) fn until(now: Timestamp, grid: Grid) -> Self {
        let first = now.millis().div_euclid(MILLIS) - Self::YEAR + 1;
        let days = (first..first + Self::YEAR).map(|number| Day {
            date: date(number),
            state: DayState::Open,
            windows: 0,
            messages: 0,
            items: 0,
            bytes: 0,
            added: 0,
            findings: 0,
            expected_findings: 0,
            dead_letters: 0,
        });
        Self { grid, first, year: days.collect() }
    }

    /// When the year begins.
    pub(super) fn start(&self) -> Timestamp {
        Timestamp::from_millis(self.first * MILLIS)
    }

    /// The day of an instant.
    pub(super) fn at(&mut self, time: Timestamp) -> Option<&mut Day> {
        let index = time.millis().div_euclid(MILLIS) - self.first;
        usize::try_from(index).ok().and_then(|index| self.year.get_mut(index))
    }

    /// Counts the windows of a span as sealed.
    pub(super) fn seal(&mut self, span: Span) {
        let last = span.end.before(Duration::from_millis(1));
        let [begins, ends] = [span.start, last].map(|time| (time.millis().div_euclid(MILLIS) - self.first).clamp(0, Self::YEAR) as usize);
        for (number, day) in (self.first..).zip(&mut self.year).skip(begins).take(ends.saturating_sub(begins) + 1) {
            let start = span.start.max(Timestamp::from_millis(number * MILLIS));
            let end = span.end.min(Timestamp::from_millis((number + 1) * MILLIS));
            day.windows += windows(self.grid, Span::new(start, end));
        }
    }

    /// The days, judged by where the archive begins and until when windows are closed.
    pub(super) fn end(mut self, from: Option<Timestamp>, closed: Option<Timestamp>) -> Vec<Day> {
        for (number, day) in (self.first..).zip(&mut self.year) {
            let [start, end] = [number, number + 1].map(|number| Timestamp::from_millis(number * MILLIS));
            let Some(from) = from.filter(|from| *from < end) else {
                day.state = DayState::Before;
                continue;
            };
            let of_archive = start.max(from);
            let due = closed.map_or(0, |closed| windows(self.grid, Span::new(of_archive, end.min(closed))));
            day.state = if day.windows >= windows(self.grid, Span::new(of_archive, end)) {
                DayState::Sealed
            } else if day.windows < due {
                DayState::Missing
            } else {
                DayState::Open
            };
        }
        self.year
    }
}

/// How many windows a seal is about.
pub(super) fn windows_of(grid: Grid, span: Span) -> u64 {
    if span == Window::UNDATED.span() { 1 } else { windows(grid, span) }
}

/// How many windows of a grid begin in a span.
pub(super) fn windows(grid: Grid, span: Span) -> u64 {
    if span.is_empty() {
        return 0;
    }
    let [length, anchor] = [grid.length(), grid.anchor()].map(|duration| duration.as_millis() as i64);
    // The number of borders before an instant.
    let before = |time: Timestamp| (time.millis() - anchor - 1).div_euclid(length);
    (before(span.end) - before(span.start)) as u64
}

fn date(number: i64) -> Date {
    let instant = jiff::Timestamp::from_millisecond(number.saturating_mul(MILLIS)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.to_zoned(jiff::tz::TimeZone::UTC).date()
}
