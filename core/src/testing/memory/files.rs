use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt};

use crate::{Error, ErrorClass, ErrorKind, FileStore, Opened, Result, Transfer};

/// Files at paths below `/files/`, whatever server the log names.
#[derive(Debug, Default)]
pub struct MemoryFiles {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Bytes>,
    unreadable: BTreeMap<String, ErrorClass>,
    gone: bool,
}

impl MemoryFiles {
    /// The one root.
    pub const ROOT: &str = "/files";
    /// In how large pieces it gives contents.
    const PIECE: usize = 1 << 20;

    /// Without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a file at a path.
    pub fn put(&self, path: impl Into<String>, content: impl Into<Bytes>) {
        self.state().files.insert(path.into(), content.into());
    }

    /// Takes the file at a path away.
    pub fn remove(&self, path: &str) {
        self.state().files.remove(path);
    }

    /// Lets opening this path fail with an error of this class; [`readable`](Self::readable) ends that.
    pub fn unreadable(&self, path: impl Into<String>, class: ErrorClass) {
        self.state().unreadable.insert(path.into(), class);
    }

    /// Lets every path be read again.
    pub fn readable(&self) {
        self.state().unreadable.clear();
    }

    /// Whether the whole store is gone, as a mount that failed.
    pub fn set_gone(&self, gone: bool) {
        self.state().gone = gone;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl FileStore for MemoryFiles {
    async fn check(&self) -> Result<()> {
        if self.state().gone { Err(error(ErrorClass::Transient, "it is gone").about(Self::ROOT)) } else { Ok(()) }
    }

    async fn open(&self, transfer: &Transfer) -> Result<Opened> {
        self.check().await?;
        let path = transfer.path.as_deref().unwrap_or_default();
        let within = path.strip_prefix(Self::ROOT).and_then(|rest| rest.strip_prefix('/'));
        let is_plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains(['\\', '\0']);
        if !within.is_some_and(|within| within.split('/').all(is_plain)) {
            return Ok(Opened::Refused);
        }
        let state = self.state();
        if let Some(class) = state.unreadable.get(path) {
            return Err(error(*class, "it cannot be read").about(transfer));
        }
        let Some(content) = state.files.get(path).cloned() else { return Ok(Opened::Missing) };
        let pieces: Vec<Bytes> =
            (0..content.len()).step_by(Self::PIECE).map(|start| content.slice(start..content.len().min(start + Self::PIECE))).collect();
        Ok(Opened::Content(stream::iter(pieces.into_iter().map(Ok)).boxed()))
    }
}

fn error(class: ErrorClass, what: &str) -> Error {
    Error::new(ErrorKind::File, class, "read file", what)
}
