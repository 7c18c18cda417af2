//! The message archiver's encryption, switched on while the company chats.

use fastrand::Rng;

use super::{Days, rows::placed};
use crate::testing::{ArchiverKey, server::Value};

/// Where the columns are that are encrypted, in the order of [`tables::jm`](crate::testing::tables::jm).
const SENT: usize = 2;
const JIDS: [usize; 2] = [0, 1];
/// Columns for short and for long texts.
const TEXTS: [(usize, usize); 2] = [(9, 11), (10, 12)];

/// Encrypts rows of `jm`: those of an early part of the days and every tenth of the rest are plain, those of other parts are under a key each.
pub(super) fn encrypt(rows: &mut [Vec<Value>], keys: &[ArchiverKey], days: Days, rng: &mut Rng) {
    let (start, end) = (days.start.millis(), days.last().millis());
    for row in rows {
        let Value::DateTime(day, ticks) = row[SENT] else { continue };
        let sent = jabber_archive_core::Timestamp::from_sql_datetime(day, ticks).millis().clamp(start, end - 1);
        let part = (sent - start) as usize * (keys.len() + 1) / (end - start) as usize;
        let key = part.checked_sub(1).and_then(|part| keys.get(part));
        if let Some(key) = key.filter(|_| rng.u8(..10) > 0) {
            encrypt_row(row, key);
        }
    }
}

/// The lengths stay those of the texts as they were written.
fn encrypt_row(row: &mut [Value], key: &ArchiverKey) {
    let sealed = |value: &Value| match value {
        Value::Text(text) => Value::text(key.encrypt(text)),
        // UTF-8 has no broken surrogates.
        Value::Utf16(units) => Value::text(key.encrypt(&String::from_utf16_lossy(units))),
        other => other.clone(),
    };
    for place in JIDS {
        row[place] = sealed(&row[place]);
    }
    for (short, long) in TEXTS {
        let text = if row[short] == Value::Null { &row[long] } else { &row[short] };
        let (_, string, text) = placed(sealed(text));
        (row[short], row[long]) = (string, text);
    }
}
