//! What columns make of the values that are stored in them.

use super::{database::Value, kind::Kind, response::code_page};

const TICKS_A_MINUTE: u32 = 300 * 60;
pub(super) const UNITS_A_DAY: u64 = 864_000_000_000;

/// Makes a value what a column of this type holds of it; none if it can hold nothing of it.
pub(super) fn store(value: &mut Value, kind: Kind, utf8: bool) -> Option<()> {
    match (&*value, kind) {
        (Value::Null, _)
        | (Value::Int(_), Kind::BigInt | Kind::RowVersion)
        | (Value::Text(_) | Value::Utf16(_), Kind::NVarCharMax | Kind::NText) => Some(()),
        (Value::DateTime(..) | Value::DateTime2(..), _) => {
            *value = time(value, kind)?;
            Some(())
        }
        (Value::Int(number), Kind::Int) => i32::try_from(*number).is_ok().then_some(()),
        (Value::Text(text), Kind::NVarChar(length)) => {
            // No text has more code units than bytes.
            (text.len() <= usize::from(length) || text.encode_utf16().count() <= usize::from(length)).then_some(())
        }
        (Value::Utf16(units), Kind::NVarChar(length)) => (units.len() <= usize::from(length)).then_some(()),
        (Value::Text(text), Kind::VarChar(_) | Kind::VarCharMax | Kind::Text) => {
            if !text.is_ascii() && !utf8 {
                *value = Value::text(code_page::as_stored(text));
            }
            let Value::Text(text) = &*value else { return None };
            match kind {
                Kind::VarChar(length) => (code_page::bytes(text, utf8).len() <= usize::from(length)).then_some(()),
                _ => Some(()),
            }
        }
        _ => None,
    }
}

/// A time as a type of times has it, by the rules of SQL Server 2016 (compatibility level 130): a `datetime` is exact to its third of a millisecond.
pub(super) fn time(value: &Value, kind: Kind) -> Option<Value> {
    match (value, kind) {
        (Value::DateTime(..), Kind::DateTime) => Some(value.clone()),
        (_, Kind::DateTime2(scale)) => {
            let (days, units) = instant(value)?;
            let step = 10_u64.pow(7 - u32::from(scale.min(7)));
            let units = (units + step / 2) / step * step;
            Some(Value::DateTime2(days + (units / UNITS_A_DAY) as i32, units % UNITS_A_DAY))
        }
        (Value::DateTime(days, ticks), Kind::SmallDateTime) => {
            let minutes = (ticks + TICKS_A_MINUTE / 2) / TICKS_A_MINUTE;
            let days = days + (minutes / (24 * 60)) as i32;
            u16::try_from(days).ok()?;
            Some(Value::DateTime(days, minutes % (24 * 60) * TICKS_A_MINUTE))
        }
        _ => None,
    }
}

/// Days since 1900 and units of 100 ns since midnight.
pub(super) fn instant(value: &Value) -> Option<(i32, u64)> {
    match value {
        Value::DateTime(days, ticks) => Some((*days, (u64::from(*ticks) * 200_000 + 3) / 6)),
        Value::DateTime2(days, units) => Some((*days, *units)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datetime_becomes_a_datetime2_as_at_compatibility_level_130() {
        let stored = |ticks, scale| time(&Value::DateTime(46_345, ticks), Kind::DateTime2(scale)).unwrap();
        assert_eq!(stored(1, 7), Value::DateTime2(46_345, 33_333));
        assert_eq!(stored(2, 7), Value::DateTime2(46_345, 66_667));
        assert_eq!(stored(2, 3), Value::DateTime2(46_345, 70_000));
        assert_eq!(stored(25_919_999, 1), Value::DateTime2(46_346, 0));
        assert_eq!(time(&Value::DateTime(46_345, 9_000), Kind::SmallDateTime), Some(Value::DateTime(46_345, 18_000)));
        assert_eq!(time(&Value::DateTime(-1, 0), Kind::SmallDateTime), None);
    }
}
