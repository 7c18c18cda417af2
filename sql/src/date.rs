//! Dates as SQL Server has them, and the timestamps that stand for them.
//!
//! A timestamp has whole milliseconds, a `datetime2` seven digits. Its time is rounded to the nearest millisecond, except where that would carry into the next second:
//! there it stays at .999. So
//!
//! - the order of two rows is never turned round; rows of one millisecond are as those of one tick of a `datetime`;
//! - a row never leaves its second, and so never its window: borders and margins are whole seconds;
//! - a `datetime` that was converted to `datetime2` has the timestamp that it had: SQL Server 2016 makes .0066667 of the tick that it shows as .007, earlier ones .0070000.
//!
//! Bounds are compared by the server, in the type of the column itself. SQL Server would convert the column otherwise, so that no index helps, and a `datetime` to its thirds
//! of a millisecond, so that a bound is not what it says.

use jabber_archive_core::Timestamp;
use tiberius::{
    ColumnData,
    time::{Date, DateTime, DateTime2, SmallDateTime, Time},
};

use crate::statements::quote;

/// 0001-01-01, in days before 1970.
const DATETIME2_EPOCH: i64 = 719_162;
/// 1900-01-01, in days before 1970.
const SMALLDATETIME_EPOCH: i64 = 25_567;
const MILLIS_A_DAY: i64 = 86_400_000;
/// Units of 100 ns, the finest that a `datetime2` knows.
const UNITS_A_MILLI: i64 = 10_000;
const UNITS_A_SECOND: i64 = 10_000_000;
const UNITS_A_DAY: i64 = MILLIS_A_DAY * UNITS_A_MILLI;
/// 9999-12-31T23:59:59.997Z, the last `datetime`.
const LAST_DATETIME: Timestamp = Timestamp::from_millis(Timestamp::MAX.millis() - 3);

/// The type of a column that dates rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateType {
    /// Whole minutes.
    SmallDateTime,
    /// Ticks of 1/300 s.
    DateTime,
    /// So many digits behind the second.
    DateTime2 { scale: u8 },
}

/// A column that dates rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DateColumn {
    /// Its name, quoted.
    pub(crate) name: String,
    pub(crate) kind: DateType,
}

impl DateColumn {
    pub(crate) fn new(name: &str, kind: DateType) -> Self {
        Self { name: quote(name), kind }
    }

    /// The parameter of this number in the type of the column. A `datetime2` travels with seven digits.
    pub(crate) fn bound(&self, number: u8) -> String {
        match self.kind {
            DateType::DateTime2 { scale: scale @ 0..=6 } => format!("CAST(@P{number} AS datetime2({scale}))"),
            _ => format!("@P{number}"),
        }
    }
}

impl DateType {
    /// The type of this name and scale; none if it does not tell when.
    pub(crate) fn of(name: &str, scale: i64) -> Option<Self> {
        match name {
            "smalldatetime" => Some(Self::SmallDateTime),
            "datetime" => Some(Self::DateTime),
            "datetime2" => Some(Self::DateTime2 { scale: u8::try_from(scale).ok().filter(|scale| *scale <= 7)? }),
            _ => None,
        }
    }

    /// The first value of the type whose timestamp is not before this one, held within the type's range: values are at or after it, or before it, as their timestamps are.
    ///
    /// What a `datetime2` holds from before 1753 has the timestamp of that year's beginning.
    pub(crate) fn bound(self, time: Timestamp) -> ColumnData<'static> {
        match self {
            Self::SmallDateTime => {
                let minutes = div_ceil(time.millis(), 60_000) + SMALLDATETIME_EPOCH * 24 * 60;
                let minutes = minutes.clamp(0, i64::from(u16::MAX) * 24 * 60 + 24 * 60 - 1);
                ColumnData::SmallDateTime(Some(SmallDateTime::new((minutes / (24 * 60)) as u16, (minutes % (24 * 60)) as u16)))
            }
            Self::DateTime => {
                let time = time.clamp(Timestamp::MIN, LAST_DATETIME);
                let (mut days, mut ticks) = time.to_sql_datetime();
                if Timestamp::from_sql_datetime(days, ticks) < time {
                    ticks += 1;
                    (days, ticks) = (days + (ticks / (300 * 86_400)) as i32, ticks % (300 * 86_400));
                }
                ColumnData::DateTime(Some(DateTime::new(days, ticks)))
            }
            Self::DateTime2 { scale } => {
                let step = 10_i64.pow(7 - u32::from(scale.min(7)));
                let units = if time <= Timestamp::MIN {
                    0
                } else {
                    let half = if time.millis() % 1_000 == 0 { 0 } else { UNITS_A_MILLI / 2 };
                    let units = time.millis() * UNITS_A_MILLI - half + DATETIME2_EPOCH * UNITS_A_DAY;
                    let last = Timestamp::MAX.millis() * UNITS_A_MILLI + DATETIME2_EPOCH * UNITS_A_DAY - step;
                    (div_ceil(units, step) * step).min(last)
                };
                let (days, units) = (units / UNITS_A_DAY, units % UNITS_A_DAY);
                ColumnData::DateTime2(Some(DateTime2::new(Date::new(days as u32), Time::new(units as u64, 7))))
            }
        }
    }
}

/// The timestamp of a value; none if it is NULL or no date.
pub(crate) fn timestamp(data: &ColumnData<'_>) -> Option<Timestamp> {
    match data {
        ColumnData::SmallDateTime(Some(time)) => {
            let minutes = (i64::from(time.days()) - SMALLDATETIME_EPOCH) * 24 * 60 + i64::from(time.seconds_fragments());
            Some(Timestamp::from_millis(minutes * 60_000))
        }
        ColumnData::DateTime(Some(time)) => Some(Timestamp::from_sql_datetime(time.days(), time.seconds_fragments())),
        ColumnData::DateTime2(Some(time)) => {
            let step = 10_i64.pow(7 - u32::from(time.time().scale().min(7)));
            let units = time.time().increments() as i64 * step;
            let (seconds, rest) = (units / UNITS_A_SECOND, units % UNITS_A_SECOND);
            let millis = seconds * 1_000 + ((rest + UNITS_A_MILLI / 2) / UNITS_A_MILLI).min(999);
            let days = i64::from(time.date().days()) - DATETIME2_EPOCH;
            Some(Timestamp::from_millis(days * MILLIS_A_DAY + millis).max(Timestamp::MIN))
        }
        _ => None,
    }
}

fn div_ceil(number: i64, by: i64) -> i64 {
    number.div_euclid(by) + i64::from(number.rem_euclid(by) != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2079-06-06T23:59:00Z, the last `smalldatetime`.
    const LAST_MINUTE: Timestamp = Timestamp::from_millis(3_453_321_540_000);

    fn datetime2(units: i64, scale: u8) -> ColumnData<'static> {
        let step = 10_i64.pow(7 - u32::from(scale));
        let time = Time::new((units % UNITS_A_DAY / step) as u64, scale);
        ColumnData::DateTime2(Some(DateTime2::new(Date::new((units / UNITS_A_DAY) as u32), time)))
    }

    /// The place of a value among those of its type.
    fn place(data: &ColumnData<'_>) -> i64 {
        match data {
            ColumnData::SmallDateTime(Some(time)) => i64::from(time.days()) * 1_440 + i64::from(time.seconds_fragments()),
            ColumnData::DateTime(Some(time)) => i64::from(time.days()) * 300 * 86_400 + i64::from(time.seconds_fragments()),
            ColumnData::DateTime2(Some(time)) => {
                let step = 10_i64.pow(7 - u32::from(time.time().scale()));
                i64::from(time.date().days()) * UNITS_A_DAY + time.time().increments() as i64 * step
            }
            other => panic!("{other:?} is no date"),
        }
    }

    /// A value of a type, anywhere in its range or next to a full second.
    fn value(kind: DateType) -> BoxedStrategy<ColumnData<'static>> {
        match kind {
            DateType::SmallDateTime => (any::<u16>(), 0_u16..1_440)
                .prop_map(|(days, minutes)| ColumnData::SmallDateTime(Some(SmallDateTime::new(days, minutes))))
                .boxed(),
            DateType::DateTime => (-53_690_i32..2_958_463, 0_u32..25_920_000)
                .prop_map(|(days, ticks)| ColumnData::DateTime(Some(DateTime::new(days, ticks))))
                .boxed(),
            DateType::DateTime2 { scale } => {
                let step = 10_i64.pow(7 - u32::from(scale));
                let seconds = 0_i64..3_652_058 * 86_400;
                let rest = prop_oneof![0..UNITS_A_SECOND, 0_i64..20_000, UNITS_A_SECOND - 20_000..UNITS_A_SECOND];
                (seconds, rest).prop_map(move |(seconds, rest)| datetime2((seconds * UNITS_A_SECOND + rest) / step * step, scale)).boxed()
            }
        }
    }

    fn kinds() -> impl Strategy<Value = DateType> {
        prop_oneof![Just(DateType::SmallDateTime), Just(DateType::DateTime), (0_u8..=7).prop_map(|scale| DateType::DateTime2 { scale })]
    }

    fn two_values() -> impl Strategy<Value = (DateType, ColumnData<'static>, ColumnData<'static>)> {
        kinds().prop_flat_map(|kind| (Just(kind), value(kind), value(kind)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_value_is_on_the_side_of_a_bound_on_which_its_timestamp_is((kind, value, other) in two_values(), near in -3_i64..=3) {
            let time = timestamp(&value).unwrap();
            for bound in [Timestamp::from_millis(time.millis() + near), timestamp(&other).unwrap()] {
                let edge = place(&kind.bound(bound));
                // The end of the type's range is no bound of a window.
                if bound < LAST_DATETIME && (kind != DateType::SmallDateTime || bound < LAST_MINUTE) {
                    prop_assert_eq!(place(&value) >= edge, time >= bound, "{:?} {:?} {}", kind, value, bound);
                }
            }
        }

        #[test]
        fn the_order_of_two_rows_is_never_turned_round((_, one, other) in two_values()) {
            if place(&one) <= place(&other) {
                prop_assert!(timestamp(&one) <= timestamp(&other));
            }
        }

        #[test]
        fn no_row_leaves_its_second((kind, value, _) in two_values()) {
            let time = timestamp(&value).unwrap();
            let second = Timestamp::from_millis(time.millis().div_euclid(1_000) * 1_000);
            prop_assert!(place(&kind.bound(second)) <= place(&value));
            if time > Timestamp::MIN && kind != DateType::SmallDateTime {
                prop_assert!(place(&value) < place(&kind.bound(Timestamp::from_millis(second.millis() + 1_000))));
            }
        }
    }

    #[test]
    fn a_datetime_converted_to_datetime2_keeps_its_timestamp() {
        for ticks in 0..300_u32 {
            let shown = Timestamp::from_sql_datetime(46_345, ticks);
            let day = (46_345 - SMALLDATETIME_EPOCH + DATETIME2_EPOCH) * UNITS_A_DAY;
            // As SQL Server 2016 converts it, and as earlier compatibility levels do.
            let exact = day + i64::from((ticks * 200_000 + 3) / 6);
            let as_shown = day + shown.millis().rem_euclid(MILLIS_A_DAY) * UNITS_A_MILLI;
            for (units, scales) in [(exact, 3..=7), (as_shown, 3..=7)] {
                for scale in scales {
                    let step = 10_i64.pow(7 - u32::from(scale));
                    let rounded = (units + step / 2) / step * step;
                    assert_eq!(timestamp(&datetime2(rounded, scale)), Some(shown), "{ticks} {scale}");
                }
            }
        }
    }

    #[test]
    fn the_last_instant_of_a_day_stays_in_it() {
        let midnight: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        let units = midnight.millis() * UNITS_A_MILLI + DATETIME2_EPOCH * UNITS_A_DAY;
        assert_eq!(timestamp(&datetime2(units - 1, 7)), Some("2026-11-21T23:59:59.999Z".parse().unwrap()));
        assert_eq!(timestamp(&datetime2(units, 7)), Some(midnight));
    }

    #[test]
    fn years_before_1753_are_the_first_instant_and_above_the_first_bound() {
        let first = datetime2(0, 7);
        assert_eq!(timestamp(&first), Some(Timestamp::MIN));
        assert_eq!(place(&DateType::DateTime2 { scale: 7 }.bound(Timestamp::MIN)), 0);
    }

    #[test]
    fn only_types_that_tell_when_are_dates() {
        assert_eq!(DateType::of("datetime", 3), Some(DateType::DateTime));
        assert_eq!(DateType::of("datetime2", 3), Some(DateType::DateTime2 { scale: 3 }));
        assert_eq!(DateType::of("smalldatetime", 0), Some(DateType::SmallDateTime));
        for other in ["timestamp", "rowversion", "datetimeoffset", "date", "nvarchar", "bigint"] {
            assert_eq!(DateType::of(other, 0), None, "{other}");
        }
    }

    #[test]
    fn a_bound_is_of_the_type_of_its_column() {
        let column = |kind| DateColumn::new("SENT]DATE", kind);
        assert_eq!(column(DateType::DateTime).bound(1), "@P1");
        assert_eq!(column(DateType::SmallDateTime).bound(1), "@P1");
        assert_eq!(column(DateType::DateTime2 { scale: 7 }).bound(2), "@P2");
        assert_eq!(column(DateType::DateTime2 { scale: 3 }).bound(2), "CAST(@P2 AS datetime2(3))");
        assert_eq!(column(DateType::DateTime).name, "[SENT]]DATE]");
    }
}
