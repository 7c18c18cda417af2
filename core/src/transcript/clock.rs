//! Times as the transcript shows them, all UTC.

use crate::Timestamp;

/// `2026-11-21`.
pub(super) fn day(time: Timestamp) -> String {
    time.to_jiff().strftime("%Y-%m-%d").to_string()
}

/// Whether two instants have the same date.
pub(super) fn same_day(one: Timestamp, other: Timestamp) -> bool {
    one.millis().div_euclid(86_400_000) == other.millis().div_euclid(86_400_000)
}

/// Whether two instants lie in the same minute.
pub(super) fn same_minute(one: Timestamp, other: Timestamp) -> bool {
    one.millis().div_euclid(60_000) == other.millis().div_euclid(60_000)
}

/// Appends `09:14`.
pub(super) fn push_minute(time: Timestamp, out: &mut String) {
    let seconds = time.millis().div_euclid(1_000).rem_euclid(86_400);
    push_two(seconds / 3_600, out);
    out.push(':');
    push_two(seconds / 60 % 60, out);
}

/// Appends `09:14:03Z`.
pub(super) fn push_second(time: Timestamp, out: &mut String) {
    push_minute(time, out);
    out.push(':');
    push_two(time.millis().div_euclid(1_000).rem_euclid(60), out);
    out.push('Z');
}

/// `2026-11-21T09:14:03Z`.
pub(super) fn instant(time: Timestamp) -> String {
    let mut text = day(time);
    text.push('T');
    push_second(time, &mut text);
    text
}

fn push_two(number: i64, out: &mut String) {
    out.push(char::from(b'0' + (number / 10) as u8));
    out.push(char::from(b'0' + (number % 10) as u8));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_are_shown_too() {
        for text in ["1753-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2026-11-21T09:14:03Z", "9999-12-30T21:59:59Z"] {
            assert_eq!(instant(text.parse().unwrap()), text);
        }
    }
}
