//! How late rows come, and how far the copies of a message are apart: what `settle` and `margin` are set by.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{Message, Seal, Timestamp};

/// Rows that were found in a sealed window and were not there when it was read before.
///
/// Rows tell when they are dated, and not when they came: that was at some time between the reading before, a `settle` behind the window's end or later, and this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LateRows {
    /// When the window begins.
    pub window: Timestamp,
    /// How many rows more it has, in all tables.
    pub rows: u64,
    /// How many messages were added; the other rows are copies, dead letters or no messages.
    pub messages: u64,
    /// How many seconds after its date the first of these messages was there at the latest: until the run began. Where no message was added, since the window began.
    pub seconds: u64,
}

impl LateRows {
    /// What is new of a window against what was known of it; none where it has no more rows than before.
    pub(super) fn of(known: Option<&Seal>, now: &Seal, first: Option<Timestamp>, begun: Timestamp) -> Option<Self> {
        let before = |table| known.and_then(|seal| seal.tables.get(table)).map_or(0, |account| account.rows);
        let rows = now.tables.iter().map(|(table, account)| account.rows.saturating_sub(before(table))).sum();
        let window = now.span.start;
        let seconds = begun.distance(first.unwrap_or(window)).as_secs();
        (rows > 0).then_some(Self { window, rows, messages: now.messages.listed, seconds })
    }
}

/// How far the first and the last copy of a message were apart, of all messages with several copies.
///
/// Kept by milliseconds, above a second by three digits rounded up, so that it takes little memory however many there are; the largest is exact.
/// As JSON: `{"messages":3,"p99_ms":1240,"largest_ms":1234}`, without the last two where there are no such messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spread {
    messages: BTreeMap<u64, u64>,
    largest: u64,
}

impl Spread {
    /// Counts a message, if it has several copies.
    pub(super) fn count(&mut self, message: &Message) {
        if message.copies > 1 {
            *self.messages.entry(rounded_up(message.spread_millis)).or_default() += 1;
            self.largest = self.largest.max(message.spread_millis);
        }
    }

    /// Adds what was counted elsewhere.
    pub(super) fn extend(&mut self, other: &Self) {
        for (spread, messages) in &other.messages {
            *self.messages.entry(*spread).or_default() += messages;
        }
        self.largest = self.largest.max(other.largest);
    }

    /// How many messages have several copies.
    pub fn messages(&self) -> u64 {
        self.messages.values().sum()
    }

    /// Of so many percent of these messages the copies are not further apart, at most 1 % more than is true; none where there are none.
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        let wanted = (u128::from(self.messages()) * u128::from(percent.min(100))).div_ceil(100);
        let mut counted = 0;
        let spread = self.messages.iter().find_map(|(spread, messages)| {
            counted += u128::from(*messages);
            (counted >= wanted).then_some(*spread)
        });
        spread.map(|spread| Duration::from_millis(spread.min(self.largest)))
    }

    /// How far the copies of any message were apart at most.
    pub fn largest(&self) -> Option<Duration> {
        (!self.messages.is_empty()).then(|| Duration::from_millis(self.largest))
    }
}

/// The next number with three digits before its zeros.
fn rounded_up(number: u64) -> u64 {
    let mut unit = 1;
    while number / unit >= 1_000 {
        unit *= 10;
    }
    number.div_ceil(unit).saturating_mul(unit)
}

impl Serialize for Spread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known = [("p99_ms", self.percentile(99)), ("largest_ms", self.largest())];
        let mut spread = serializer.serialize_struct("Spread", 3)?;
        spread.serialize_field("messages", &self.messages())?;
        for (name, value) in known {
            match value {
                Some(value) => spread.serialize_field(name, &value.as_millis())?,
                None => spread.skip_field(name)?,
            }
        }
        spread.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BareJid, Digest, MessageKey, Party};

    fn spread(all: impl IntoIterator<Item = u64>) -> Spread {
        let key = MessageKey::new(Timestamp::PLAUSIBLE, Digest::of(b"").short(), 0);
        let mut message = Message::new(key, Party::User(BareJid::new("a@example.com").unwrap()), "hi".into());
        let mut spread = Spread::default();
        spread.count(&message);
        message.copies = 2;
        for millis in all {
            message.spread_millis = millis;
            spread.count(&message);
        }
        spread
    }

    #[test]
    fn ninety_nine_of_a_hundred_are_within_the_percentile_and_all_within_the_largest() {
        let hundred = spread((1..=99).chain([123_456]));
        assert_eq!((hundred.messages(), hundred.percentile(99)), (100, Some(Duration::from_millis(99))));
        assert_eq!(hundred.largest(), Some(Duration::from_millis(123_456)));
        assert_eq!(serde_json::to_string(&hundred).unwrap(), r#"{"messages":100,"p99_ms":99,"largest_ms":123456}"#);
        let few = spread([1_234, 7]);
        assert_eq!((few.percentile(99), few.percentile(50)), (Some(Duration::from_millis(1_234)), Some(Duration::from_millis(7))));
        let none = spread([]);
        assert_eq!((none.percentile(99), none.largest(), serde_json::to_string(&none).unwrap()), (None, None, r#"{"messages":0}"#.into()));
    }

    #[test]
    fn a_percentile_is_never_too_small_nor_a_hundredth_too_large_and_few_numbers_are_kept() {
        let all: Vec<u64> = (0..2_000_u64).map(|number| number * number * 37).collect();
        let mut halves = spread(all[..1_000].iter().copied());
        halves.extend(&spread(all[1_000..].iter().copied()));
        assert_eq!(halves, spread(all.iter().copied()));
        for percent in [1, 50, 99, 100] {
            let exact = all[(2_000 * usize::from(percent)).div_ceil(100) - 1];
            let told = halves.percentile(percent).unwrap().as_millis() as u64;
            assert!(told >= exact && told <= exact + exact / 100, "{percent} %: {told} of {exact}");
        }
        let many = spread((0..200_000).map(|number| number * 1_800));
        assert!(many.messages.len() < 5_000, "{}", many.messages.len());
        assert!(rounded_up(u64::MAX) == u64::MAX && rounded_up(999) == 999 && rounded_up(1_001) == 1_010);
    }
}
