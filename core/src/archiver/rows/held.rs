//! A run that is still in memory.

use super::run::Key;
use crate::Record;

/// Rows in memory, in order of their keys once they are sorted.
#[derive(Debug, Default)]
pub(super) struct HeldRun {
    rows: Vec<Option<Record>>,
    order: Vec<(Key, usize)>,
}

impl HeldRun {
    /// Adds a row under each of these keys.
    pub(super) fn add(&mut self, keys: impl Iterator<Item = Key>, row: Record) {
        let mut keys = keys.peekable();
        while let Some(key) = keys.next() {
            self.order.push((key, self.rows.len()));
            if keys.peek().is_none() {
                self.rows.push(Some(row));
                break;
            }
            self.rows.push(Some(row.clone()));
        }
    }

    /// From here on rows are given in order.
    pub(super) fn sorted(mut self) -> Self {
        // From the back, where they are taken.
        self.order.sort_unstable_by(|one, other| other.cmp(one));
        self
    }
}

impl Iterator for HeldRun {
    type Item = (Key, Record);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, index) = self.order.pop()?;
        Some((key, self.rows[index].take()?))
    }
}
