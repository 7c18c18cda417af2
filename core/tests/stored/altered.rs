//! Good bytes, made worse.

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

/// One alteration: of what, at which place, to what.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Alteration {
    /// A value of the JSON becomes another, such as a number that is too large for every sum.
    Value { place: u16, other: u8 },
    /// A value goes.
    Gone { place: u16 },
    /// A byte becomes another.
    Byte { place: u16, other: u8 },
    /// The end is missing.
    Cut { place: u16 },
    /// A piece stands there twice.
    Twice { place: u16, length: u8 },
}

pub(crate) fn alterations() -> impl Strategy<Value = Vec<Alteration>> {
    let place = any::<u16>;
    let one = prop_oneof![
        6 => (place(), any::<u8>()).prop_map(|(place, other)| Alteration::Value { place, other }),
        1 => place().prop_map(|place| Alteration::Gone { place }),
        1 => (place(), any::<u8>()).prop_map(|(place, other)| Alteration::Byte { place, other }),
        1 => place().prop_map(|place| Alteration::Cut { place }),
        1 => (place(), any::<u8>()).prop_map(|(place, length)| Alteration::Twice { place, length }),
    ];
    vec(one, 1..5)
}

/// Values that nobody stores.
fn others() -> Vec<Value> {
    let time = |text: &str| json!(text);
    vec![
        json!(u64::MAX),
        json!(u64::MAX - 1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(-1),
        json!(0),
        json!(1e308),
        json!(""),
        json!("\u{0}\r\n../\u{202e}"),
        json!(null),
        json!([]),
        json!({}),
        time("1753-01-01T00:00:00.000Z"),
        time("-009999-01-02T01:59:59Z"),
        time("1999-12-31T23:59:59.999Z"),
        time("9999-12-30T22:00:00.999999999Z"),
        time("10000-01-01T00:00:00.000Z"),
        json!("f".repeat(64)),
        json!("a".repeat(26)),
    ]
}

/// The bytes after all alterations.
pub(crate) fn altered(bytes: &[u8], alterations: &[Alteration]) -> Vec<u8> {
    alterations.iter().fold(bytes.to_vec(), |bytes, alteration| alter(bytes, *alteration))
}

fn alter(mut bytes: Vec<u8>, alteration: Alteration) -> Vec<u8> {
    let at = |place: u16, length: usize| usize::from(place) % length.max(1);
    match alteration {
        Alteration::Value { place, other } => {
            let others = others();
            let other = others[usize::from(other) % others.len()].clone();
            in_json(bytes, place, |value| *value = other)
        }
        Alteration::Gone { place } => in_json(bytes, place, |value| match value {
            Value::Object(fields) => fields.clear(),
            Value::Array(values) => drop(values.pop()),
            other => *other = Value::Null,
        }),
        Alteration::Byte { place, other } => {
            let place = at(place, bytes.len());
            if let Some(byte) = bytes.get_mut(place) {
                *byte = other;
            }
            bytes
        }
        Alteration::Cut { place } => {
            bytes.truncate(at(place, bytes.len()));
            bytes
        }
        Alteration::Twice { place, length } => {
            let from = at(place, bytes.len());
            let piece = bytes[from..bytes.len().min(from + usize::from(length))].to_vec();
            bytes.splice(from..from, piece);
            bytes
        }
    }
}

/// Changes one value of JSON, or of a line of it; what is none stays as it is.
fn in_json(bytes: Vec<u8>, place: u16, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut lines: Vec<Value> = match serde_json::from_slice(&bytes) {
        Ok(whole) => vec![whole],
        Err(_) => match bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(serde_json::from_slice).collect() {
            Ok(lines) => lines,
            Err(_) => return bytes,
        },
    };
    let count: usize = lines.iter_mut().map(|line| values(line).len()).sum();
    let Some(which) = usize::from(place).checked_rem(count) else { return bytes };
    if let Some(value) = lines.iter_mut().flat_map(values).nth(which) {
        change(value);
    }
    lines.iter().flat_map(|line| [line.to_string().into_bytes(), b"\n".to_vec()].concat()).collect()
}

/// All values in a value that hold no others.
fn values(value: &mut Value) -> Vec<&mut Value> {
    if !matches!(value, Value::Array(inner) if !inner.is_empty()) && !matches!(value, Value::Object(inner) if !inner.is_empty()) {
        return vec![value];
    }
    match value {
        Value::Array(inner) => inner.iter_mut().flat_map(values).collect(),
        Value::Object(inner) => inner.values_mut().flat_map(values).collect(),
        _ => Vec::new(),
    }
}
