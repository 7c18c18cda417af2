//! Who is inside a room at the end of a window, on the way to the next one.

use std::sync::Arc;

use super::{
    held::HeldRun,
    merge::Merge,
    run::{Key, RunWriter},
};
use crate::{ConversationKey, PresenceRow, Record, Result, Spool, Window};

/// The last movements of those who are inside. They come room by room, in the order of the keys.
#[derive(Debug, Default)]
pub(super) struct Inside {
    held: HeldRun,
    weight: usize,
    /// How many bytes may be held.
    limit: usize,
    spool: Option<Arc<dyn Spool>>,
    spooled: Option<RunWriter>,
}

impl Inside {
    pub(super) fn new(limit: usize, spool: Option<Arc<dyn Spool>>) -> Self {
        Self { limit, spool, ..Self::default() }
    }

    pub(super) async fn add(&mut self, next: &Window, rows: impl Iterator<Item = PresenceRow>) -> Result<()> {
        let mut rows: Vec<_> = rows.map(|row| (ConversationKey::Room(row.room.clone()).digest(), Record::Presence(row))).collect();
        rows.sort_unstable();
        for (group, row) in rows {
            self.weight += row.weight();
            self.held.add([Key { window: next.start(), group }].into_iter(), row);
        }
        if self.weight > self.limit
            && let Some(spool) = &self.spool
        {
            let spooled = match &mut self.spooled {
                Some(spooled) => spooled,
                none => none.insert(RunWriter::new(&**spool).await?),
            };
            for (key, row) in std::mem::take(&mut self.held).sorted() {
                spooled.push(key, &row).await?;
            }
            self.weight = 0;
        }
        Ok(())
    }

    /// Gives all of them back to the rows that are to come.
    pub(super) async fn hand_on(self, merge: &mut Merge) -> Result<()> {
        if let Some(spooled) = self.spooled {
            merge.add(spooled.finish().await?.read().await?).await?;
        }
        merge.add(self.held.sorted()).await
    }
}
