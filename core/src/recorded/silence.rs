//! Hours and days without rows where there usually are many.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::MANY;
use crate::{Finding, Span, Table, Timestamp};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const WEEK: Duration = Duration::from_hours(7 * 24);

/// How many weeks before a day say what is usual on it.
const WEEKS: u32 = 4;

/// How many of these the source has to have: one week says nothing of another.
const FEWEST_WEEKS: usize = 2;

/// The rows of each hour (UTC), by table of messages.
///
/// ```
/// use std::time::Duration;
/// use jabber_archive_core::{HourlyRows, Span, Table, Timestamp};
///
/// let hours = |from: u32| (from..from + 24).map(|hour| Timestamp::PLAUSIBLE.after(Duration::from_hours(1) * hour));
/// let mut rows = HourlyRows::default();
/// for hour in (0..3).flat_map(|week| hours(week * 7 * 24)) {
///     rows.add(Table::Jm, hour, 500);
/// }
/// let day = Span::new(Timestamp::PLAUSIBLE.after(Duration::from_hours(21 * 24)), Timestamp::PLAUSIBLE.after(Duration::from_hours(22 * 24)));
/// assert_eq!(rows.silences(Timestamp::PLAUSIBLE, day).len(), 1, "there were three such days before, and nothing is there of this one");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HourlyRows {
    /// By the start of the hour; hours without rows are left out.
    rows: BTreeMap<Table, BTreeMap<Timestamp, u64>>,
}

/// The last full hour that is not after an instant.
fn hour(time: Timestamp) -> Timestamp {
    floor(time, HOUR)
}

fn day(time: Timestamp) -> Timestamp {
    floor(time, DAY)
}

fn floor(time: Timestamp, step: Duration) -> Timestamp {
    let step = step.as_millis() as i64;
    Timestamp::from_millis(time.millis().div_euclid(step) * step)
}

/// From `start` on, as many steps as begin before `end`.
fn steps(start: Timestamp, end: Timestamp, step: Duration) -> impl Iterator<Item = Timestamp> {
    std::iter::successors(Some(start), move |time| Some(time.after(step))).take_while(move |time| *time < end)
}

impl HourlyRows {
    /// Adds rows to those of the hour in which `time` lies; presence does not count.
    pub fn add(&mut self, table: Table, time: Timestamp, rows: u64) {
        if rows > 0 && table != Table::TcTimelog {
            let sum = self.rows.entry(table).or_default().entry(hour(time)).or_default();
            *sum = sum.saturating_add(rows);
        }
    }

    /// Adds those of another source, of the same hours or others.
    pub fn extend(&mut self, other: Self) {
        for (table, hours) in other.rows {
            for (time, rows) in hours {
                self.add(table, time, rows);
            }
        }
    }

    /// What has to be counted to judge a span: its days, and the same days of the weeks before. Sorted, apart from each other, in full hours from 2000 on.
    pub fn compared(span: Span) -> Vec<Span> {
        let (start, end) = (day(span.start.max(Timestamp::PLAUSIBLE)), hour(span.end));
        let mut compared: Vec<Span> = Vec::new();
        if start >= end {
            return compared;
        }
        for weeks in (0..=WEEKS).rev() {
            let [start, end] = [start.before(HOUR), end.after(HOUR)].map(|time| time.before(WEEK * weeks).max(Timestamp::PLAUSIBLE));
            // This week's hours are counted up to where they are closed.
            let end = if weeks == 0 { end.before(HOUR) } else { end };
            match compared.last_mut() {
                Some(last) if start <= last.end => last.end = last.end.max(end),
                _ if start < end => compared.push(Span::new(start, end)),
                _ => {}
            }
        }
        compared
    }

    /// The silences of a span: [`Finding::Silence`], by table and time. `first` is the source's first row: what was before says nothing of what is usual.
    ///
    /// An hour without rows is one if the same hour of the same weekday usually has at least 100, and so have the hours before and after it, so that neither a
    /// day that begins a little later nor the end of daylight saving time is taken for one. A day (UTC) is one if it has none, and the same weekday usually has at least 100.
    /// Usual is the median of the four weeks before, the smaller of two; of these the source has to have two. Silences with nothing between them are one.
    pub fn silences(&self, first: Timestamp, span: Span) -> Vec<Finding> {
        let none = BTreeMap::new();
        let tables = [Table::Jm, Table::TcMsgarchive].into_iter();
        tables.flat_map(|table| Calendar { table, rows: self.rows.get(&table).unwrap_or(&none), first }.silences(span)).collect()
    }
}

/// The hours of one table.
struct Calendar<'a> {
    table: Table,
    rows: &'a BTreeMap<Timestamp, u64>,
    first: Timestamp,
}

impl Calendar<'_> {
    fn silences(&self, span: Span) -> Vec<Finding> {
        let (start, end) = (hour(span.start.max(Timestamp::PLAUSIBLE)), hour(span.end));
        let many = |hour: Timestamp| self.usual(hour, HOUR).is_some_and(|rows| rows >= MANY);
        let is_silent =
            |time: &Timestamp| !self.rows.contains_key(time) && [time.before(HOUR), *time, time.after(HOUR)].into_iter().all(many);
        let mut silent: BTreeSet<Timestamp> = steps(start, end, HOUR).filter(is_silent).collect();
        // A day is judged with its last hour.
        let days = steps(day(start), end, DAY).filter(|day| day.after(DAY) > start && day.after(DAY) <= end);
        let days: BTreeMap<Timestamp, u64> = days
            .filter(|day| self.within(*day, day.after(DAY)) == 0)
            .filter_map(|day| Some((day, self.usual(day, DAY).filter(|rows| *rows >= MANY)?)))
            .collect();
        silent.extend(days.keys().flat_map(|day| steps(*day, day.after(DAY), HOUR)));

        let mut stretches: Vec<Span> = Vec::new();
        for time in silent {
            match stretches.last_mut() {
                Some(last) if self.within(last.end, time) == 0 => last.end = time.after(HOUR),
                _ => stretches.push(Span::new(time, time.after(HOUR))),
            }
        }
        let finding = |stretch: Span| {
            let hours = steps(stretch.start, stretch.end, HOUR).filter_map(|time| self.usual(time, HOUR)).sum();
            let days = days.range(stretch.start..stretch.end).map(|(_, rows)| rows).sum();
            Finding::Silence { table: self.table, start: stretch.start, end: stretch.end, usual: u64::max(hours, days) }
        };
        stretches.into_iter().map(finding).collect()
    }

    fn within(&self, start: Timestamp, end: Timestamp) -> u64 {
        if start < end { self.rows.range(start..end).map(|(_, rows)| rows).sum() } else { 0 }
    }

    /// How many rows there usually are in so long from here on.
    fn usual(&self, start: Timestamp, length: Duration) -> Option<u64> {
        let earlier = (1..=WEEKS).map(|weeks| start.before(WEEK * weeks)).filter(|start| *start >= self.first);
        let mut earlier: Vec<u64> = earlier.map(|start| self.within(start, start.after(length))).collect();
        earlier.sort_unstable();
        (earlier.len() >= FEWEST_WEEKS).then(|| earlier[(earlier.len() - 1) / 2])
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// A Monday, and the start of the source.
    const MONDAY: &str = "2026-08-03T00:00:00Z";

    fn at(days: u64, hours: u64) -> Timestamp {
        MONDAY.parse::<Timestamp>().unwrap().after(Duration::from_hours(days * 24 + hours))
    }

    fn span(days: u64, more: u64) -> Span {
        Span::new(at(days, 0), at(days + more, 0))
    }

    /// Rows from 7 to 17 o'clock of working days.
    fn office(days: u64, rows: u64) -> HourlyRows {
        let mut hours = HourlyRows::default();
        for day in (0..days).filter(|day| day % 7 < 5) {
            (7..17).for_each(|hour| hours.add(Table::Jm, at(day, hour), rows));
        }
        hours
    }

    fn without(mut hours: HourlyRows, gone: Span) -> HourlyRows {
        hours.rows.values_mut().for_each(|hours| hours.retain(|time, _| !gone.contains(*time)));
        hours
    }

    fn silence(start: Timestamp, end: Timestamp, usual: u64) -> Finding {
        Finding::Silence { table: Table::Jm, start, end, usual }
    }

    #[test]
    fn nights_weekends_and_a_company_that_is_new_are_no_silence() {
        let hours = office(42, 900);
        assert_eq!(hours.silences(at(0, 7), span(0, 42)), []);
        // One week is there before.
        assert_eq!(without(hours, span(8, 3)).silences(at(0, 7), span(7, 7)), []);
    }

    #[test]
    fn an_hour_without_rows_is_told_with_what_is_usual_in_it() {
        let gone = Span::new(at(30, 10), at(30, 12));
        assert_eq!(without(office(35, 900), gone).silences(at(0, 7), span(28, 7)), [silence(at(30, 10), at(30, 12), 1_800)]);
    }

    #[test]
    fn an_hour_at_the_edge_of_the_day_may_be_silent() {
        for gone in [7, 16] {
            let gone = Span::new(at(30, gone), at(30, gone + 1));
            assert_eq!(without(office(35, 900), gone).silences(at(0, 7), span(28, 7)), []);
        }
    }

    #[test]
    fn days_without_rows_are_one_silence_over_the_nights_between_them() {
        let hours = without(office(42, 900), span(30, 2));
        assert_eq!(hours.silences(at(0, 7), span(28, 14)), [silence(at(30, 0), at(32, 0), 18_000)]);
        // A day is judged by whoever seals its last hour, however short the windows are.
        assert_eq!(hours.silences(at(0, 7), Span::new(at(30, 23), at(31, 0))), [silence(at(30, 0), at(31, 0), 9_000)]);
        assert_eq!(hours.silences(at(0, 7), Span::new(at(31, 0), at(31, 5))), []);
    }

    #[test]
    fn a_day_of_few_rows_an_hour_and_many_together_is_told() {
        let hours = without(office(35, 12), span(29, 1));
        assert_eq!(hours.silences(at(0, 7), span(28, 7)), [silence(at(29, 0), at(30, 0), 120)]);
        assert_eq!(without(office(35, 9), span(29, 1)).silences(at(0, 7), span(28, 7)), []);
    }

    #[test]
    fn a_holiday_among_the_weeks_before_does_not_hide_a_silence_and_is_none_a_week_later() {
        let hours = without(office(42, 900), span(21, 1));
        assert_eq!(hours.silences(at(0, 7), span(28, 1)), []);
        assert_eq!(without(hours, span(28, 1)).silences(at(0, 7), span(28, 1)), [silence(at(28, 0), at(29, 0), 9_000)]);
    }

    proptest! {
        #[test]
        fn what_is_compared_suffices(rows in vec((0..60_u64, 0..24_u64, 1..400_u64), 0..600), start in 0..60_u64, hours in 0..90_u64, more in 1..400_u64) {
            let mut whole = HourlyRows::default();
            for (day, hour, rows) in &rows {
                whole.add(Table::Jm, at(*day, *hour), *rows);
            }
            let span = Span::new(at(start, hours), at(start, hours + more));
            let compared = HourlyRows::compared(span);
            prop_assert!(compared.windows(2).all(|pair| pair[0].end < pair[1].start));
            let mut counted = whole.clone();
            counted.rows.values_mut().for_each(|hours| hours.retain(|time, _| compared.iter().any(|span| span.contains(*time))));
            prop_assert_eq!(counted.silences(at(0, 0), span), whole.silences(at(0, 0), span));
        }

        #[test]
        fn a_silence_holds_no_row_and_lies_in_the_days_of_the_span(rows in vec((0..50_u64, 0..24_u64, 1..400_u64), 0..900), day in 0..49_u64, days in 1..9_u64) {
            let mut hours = HourlyRows::default();
            for (day, hour, rows) in &rows {
                hours.add(Table::Jm, at(*day, *hour), *rows);
            }
            for finding in hours.silences(at(0, 0), span(day, days)) {
                let Finding::Silence { table: Table::Jm, start, end, usual } = finding else { panic!("{finding:?}") };
                prop_assert!(at(day, 0) <= start && start < end && end <= at(day + days, 0) && usual >= MANY);
                prop_assert_eq!(hours.rows[&Table::Jm].range(start..end).count(), 0);
            }
        }

        #[test]
        fn where_every_week_is_like_the_others_nothing_is_silent(week in vec((0..7_u64, 0..24_u64, 1..400_u64), 0..80), weeks in 1..8_u64) {
            let mut hours = HourlyRows::default();
            for (day, hour, rows) in (0..weeks).flat_map(|number| week.iter().map(move |(day, hour, rows)| (number * 7 + day, hour, rows))) {
                hours.add(Table::Jm, at(day, *hour), *rows);
            }
            prop_assert_eq!(hours.silences(at(0, 0), span(0, weeks * 7)), []);
        }
    }
}
