use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorClass, ErrorKind, Result, Span, Timestamp};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// The fixed cells into which an archive divides time.
///
/// Cells are `length` long and one of them starts at `anchor` past midnight UTC; there is no daylight saving.
///
/// ```
/// use std::time::Duration;
/// use jabber_archive_core::{Grid, Timestamp};
///
/// let grid = Grid::daily();
/// let window = grid.window_at("2026-11-21T09:14:03Z".parse::<Timestamp>().unwrap());
/// assert_eq!(window.to_string(), "2026-11-21T00:00:00Z/2026-11-22T00:00:00Z");
/// assert!(Grid::new(Duration::from_hours(7), Duration::ZERO).is_err(), "7 h do not divide a day");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "GridMinutes", into = "GridMinutes")]
pub struct Grid {
    length: i64,
    anchor: i64,
}

#[derive(Serialize, Deserialize)]
struct GridMinutes {
    window_minutes: u64,
    anchor_minutes: u64,
}

impl TryFrom<GridMinutes> for Grid {
    type Error = Error;

    fn try_from(grid: GridMinutes) -> Result<Self> {
        Self::new(Duration::from_secs(grid.window_minutes.saturating_mul(60)), Duration::from_secs(grid.anchor_minutes.saturating_mul(60)))
    }
}

impl From<Grid> for GridMinutes {
    fn from(grid: Grid) -> Self {
        Self { window_minutes: (grid.length / MINUTE) as u64, anchor_minutes: (grid.anchor / MINUTE) as u64 }
    }
}

impl Grid {
    /// Cells of 24 h that start at midnight UTC.
    pub const fn daily() -> Self {
        Self { length: DAY, anchor: 0 }
    }

    /// Cells of `length`, whole minutes that divide 24 h, one of them starting `anchor` past midnight UTC.
    pub fn new(length: Duration, anchor: Duration) -> Result<Self> {
        let refuse = |what: &str| Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "set window grid", what));
        let (Ok(length), Ok(anchor)) = (i64::try_from(length.as_millis()), i64::try_from(anchor.as_millis())) else {
            return refuse("a window lasts at most 24 h");
        };
        if length == 0 || length > DAY || DAY % length != 0 || length % MINUTE != 0 {
            return refuse("a window's length is whole minutes that divide 24 h, such as 1h, 6h or 24h");
        }
        if anchor >= DAY || anchor % MINUTE != 0 {
            return refuse("the anchor is a time of day in whole minutes, such as 00:00 or 22:30");
        }
        Ok(Self { length, anchor: anchor % length })
    }

    /// How long every window is.
    pub fn length(&self) -> Duration {
        Duration::from_millis(self.length as u64)
    }

    /// Where in the day the first window starts, smaller than [`length`](Grid::length).
    pub fn anchor(&self) -> Duration {
        Duration::from_millis(self.anchor as u64)
    }

    /// The window in which an instant lies; for one before 2000 it is [`Window::UNDATED`].
    ///
    /// The first cell after 2000-01-01 starts there, whatever the anchor.
    pub fn window_at(&self, time: Timestamp) -> Window {
        if time < Timestamp::PLAUSIBLE {
            return Window::UNDATED;
        }
        let start = self.border(time);
        Window { start: start.max(Timestamp::PLAUSIBLE), end: start.after(self.length()) }
    }

    /// The last border between cells that is not after an instant; before 2000 too, where windows do not keep to it.
    pub fn border(&self, time: Timestamp) -> Timestamp {
        Timestamp::from_millis((time.millis() - self.anchor).div_euclid(self.length) * self.length + self.anchor)
    }

    /// The window after another one.
    pub fn next(&self, window: &Window) -> Window {
        self.window_at(window.end)
    }

    /// The windows that an instant of `span` lies in, in order.
    pub fn windows(self, span: Span) -> impl Iterator<Item = Window> {
        let mut next = (!span.is_empty()).then(|| self.window_at(span.start));
        std::iter::from_fn(move || {
            let window = next?;
            next = Some(self.next(&window)).filter(|following| following.start < span.end);
            Some(window)
        })
    }
}

/// One cell of a [`Grid`]: never empty.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Span", into = "Span")]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl TryFrom<Span> for Window {
    type Error = Error;

    fn try_from(span: Span) -> Result<Self> {
        if span.is_empty() {
            return Err(Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "read window", "it ends before it starts"));
        }
        Ok(Self { start: span.start, end: span.end })
    }
}

impl From<Window> for Span {
    fn from(window: Window) -> Self {
        window.span()
    }
}

impl Window {
    /// All that is dated before 2000: real chats of a node whose clock was dead.
    pub const UNDATED: Self = Self { start: Timestamp::MIN, end: Timestamp::PLAUSIBLE };

    /// The first instant.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The instant after the last.
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// From start to end.
    pub fn span(&self) -> Span {
        Span::new(self.start, self.end)
    }

    /// The rows that decide this window: two margins before it, one after.
    pub fn deciding(&self, margin: Duration) -> Span {
        Span::new(self.start.before(margin * 2), self.end.after(margin))
    }

    /// Whether an instant lies within.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.span().contains(time)
    }

    /// Whether this is [`Window::UNDATED`].
    pub fn is_undated(&self) -> bool {
        *self == Self::UNDATED
    }

    /// The folder below `items/` that holds this window's mails and no other's: `2026/11/21`, with the time of day behind it
    /// (`2026/11/21/0600`) where windows are shorter than a day, `undated` for rows before 2000.
    pub fn folder(&self) -> String {
        if self.is_undated() {
            return "undated".to_owned();
        }
        let day = self.start.to_jiff().strftime("%Y/%m/%d");
        if self.end.millis() - self.start.millis() == DAY {
            day.to_string()
        } else {
            format!("{day}/{}", self.start.to_jiff().strftime("%H%M"))
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}/{:.0}", self.start.to_jiff(), self.end.to_jiff())
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_touch_and_do_not_overlap() {
        let grid = Grid::new(Duration::from_hours(6), Duration::from_mins(22 * 60 + 30)).unwrap();
        let span = Span::new("2026-11-20T23:00:00Z".parse().unwrap(), "2026-11-22T04:30:00Z".parse().unwrap());
        let windows: Vec<_> = grid.windows(span).collect();
        assert_eq!(windows.first().unwrap().to_string(), "2026-11-20T22:30:00Z/2026-11-21T04:30:00Z");
        assert_eq!(windows.last().unwrap().to_string(), "2026-11-21T22:30:00Z/2026-11-22T04:30:00Z");
        assert!(windows.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!(windows[0].folder(), "2026/11/20/2230");
    }

    #[test]
    fn the_first_window_of_2000_starts_where_the_undated_one_ends() {
        let grid = Grid::new(Duration::from_hours(24), Duration::from_hours(22)).unwrap();
        let first = grid.window_at(Timestamp::PLAUSIBLE);
        assert_eq!(first.start(), Window::UNDATED.end());
        assert_eq!(grid.window_at(Timestamp::from_millis(0)), Window::UNDATED);
        assert_eq!(grid.next(&Window::UNDATED), first);
    }
}
