//! A run: rows that were in memory together, in a spool and in order.

use bytes::{Buf, Bytes, BytesMut};
use futures::TryStreamExt;

use super::encoding::{self, Encoded};
use crate::{ByteStream, Record, Result, ShortDigest, Spool, SpoolWriter, Timestamp};

/// How much is appended at once, in bytes.
pub(super) const PIECE: usize = 256 << 10;

/// Where a row stands in a run: by the window that it decides, and there beside those that it belongs together with, in the order of the window's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) window: Timestamp,
    pub(super) group: ShortDigest,
}

const KEY: usize = 8 + 16;

/// What stands in a run.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) row: Row,
}

/// A row, as it is kept where its run is.
#[derive(Debug)]
pub(super) enum Row {
    Held(Record),
    Spooled(Bytes),
}

impl Row {
    pub(super) fn record(self) -> Result<Record> {
        match self {
            Self::Held(record) => Ok(record),
            Self::Spooled(bytes) => encoding::read(&bytes),
        }
    }
}

/// A run that is being written; rows come in order of their keys.
#[derive(Debug)]
pub(super) struct RunWriter {
    place: Box<dyn SpoolWriter>,
    buffer: Vec<u8>,
    row: Vec<u8>,
}

impl RunWriter {
    pub(super) async fn new(spool: &dyn Spool) -> Result<Self> {
        Ok(Self { place: spool.create().await?, buffer: Vec::with_capacity(PIECE), row: Vec::new() })
    }

    pub(super) async fn push(&mut self, key: Key, record: &Record) -> Result<()> {
        let mut row = std::mem::take(&mut self.row);
        encoding::write(record, &mut row);
        self.push_bytes(key, &row).await?;
        // One long row does not keep its length in memory.
        if row.capacity() <= PIECE {
            row.clear();
            self.row = row;
        }
        Ok(())
    }

    pub(super) async fn push_row(&mut self, key: Key, row: &Row) -> Result<()> {
        match row {
            Row::Held(record) => self.push(key, record).await,
            Row::Spooled(bytes) => self.push_bytes(key, bytes).await,
        }
    }

    async fn push_bytes(&mut self, key: Key, row: &[u8]) -> Result<()> {
        (row.len() as u64).write(&mut self.buffer);
        key.window.write(&mut self.buffer);
        key.group.write(&mut self.buffer);
        for piece in row.chunks(PIECE) {
            self.buffer.extend_from_slice(piece);
            if self.buffer.len() >= PIECE {
                let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE));
                self.place.append(full.into()).await?;
            }
        }
        Ok(())
    }

    /// Ends the run.
    pub(super) async fn finish(mut self) -> Result<Run> {
        if !self.buffer.is_empty() {
            self.place.append(self.buffer.into()).await?;
        }
        Ok(Run { place: self.place })
    }
}

/// A run that is written. The space is free once it, and what reads it, are dropped.
#[derive(Debug)]
pub(super) struct Run {
    place: Box<dyn SpoolWriter>,
}

impl Run {
    pub(super) async fn read(mut self) -> Result<RunReader> {
        Ok(RunReader { content: self.place.read().await?, begun: BytesMut::new() })
    }
}

/// Gives the rows of a run in order.
pub(super) struct RunReader {
    content: ByteStream,
    begun: BytesMut,
}

impl RunReader {
    pub(super) async fn next(&mut self) -> Result<Option<Entry>> {
        // The longest length takes ten bytes.
        self.fill(KEY + 10).await?;
        if self.begun.is_empty() {
            return Ok(None);
        }
        let mut front = &self.begun[..];
        let (length, window, group) = (u64::read(&mut front), Timestamp::read(&mut front), ShortDigest::read(&mut front));
        let (Some(length), Some(window), Some(group)) = (length, window, group) else { return Err(encoding::damaged()) };
        let length = usize::try_from(length).map_err(|_| encoding::damaged())?;
        self.begun.advance(self.begun.len() - front.len());
        self.fill(length).await?;
        if self.begun.len() < length {
            return Err(encoding::damaged());
        }
        Ok(Some(Entry { key: Key { window, group }, row: Row::Spooled(self.begun.split_to(length).freeze()) }))
    }

    /// Reads on until so many bytes are there, or no more.
    async fn fill(&mut self, bytes: usize) -> Result<()> {
        while self.begun.len() < bytes {
            let Some(piece) = self.content.try_next().await? else { break };
            match piece.try_into_mut() {
                Ok(whole) if self.begun.is_empty() => self.begun = whole,
                Ok(piece) => self.begun.extend_from_slice(&piece),
                Err(piece) => self.begun.extend_from_slice(&piece),
            }
        }
        Ok(())
    }
}
