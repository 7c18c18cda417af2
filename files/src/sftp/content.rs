//! The content of a file, read ahead.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt};
use jabber_archive_core::{ByteStream, Result};

use super::{connection::Connection, status};
use crate::fault::changed;

/// How many bytes are asked for at a time: what every server gives (draft-ietf-secsh-filexfer-02, section 3).
const PIECE: u64 = 32 << 10;

/// How many pieces are asked for at the same time, so that a distant server is not waited for at each.
const AHEAD: usize = 32;

/// A file that is open on the server, until this is dropped.
#[derive(Debug)]
pub(super) struct Handle {
    connection: Arc<Connection>,
    name: String,
}

impl Handle {
    pub(super) fn new(connection: Arc<Connection>, name: String) -> Self {
        Self { connection, name }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let (connection, name) = (self.connection.clone(), std::mem::take(&mut self.name));
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && !connection.is_closed()
        {
            // Whoever has read the content does not care; the server closes what is left open with the connection.
            runtime.spawn(async move { drop(connection.sftp.close(name).await) });
        }
    }
}

/// What a file holds, to the size that it had when it was opened; an error where it is another at the end.
pub(super) fn content(handle: Handle, size: u64) -> ByteStream {
    let handle = Arc::new(handle);
    let pieces = {
        let handle = handle.clone();
        let starts = stream::iter((0..size.div_ceil(PIECE)).map(|number| number * PIECE));
        starts.map(move |start| piece(handle.clone(), start, PIECE.min(size - start))).buffered(AHEAD)
    };
    // Beyond the last byte there has to be nothing. A file that says it is empty is asked too: some only say so.
    let end = stream::once(async move {
        match handle.connection.sftp.read(handle.name(), size, 1).await {
            Ok(_) => Err(changed()),
            Err(error) if is_end(&error) => Ok(Bytes::new()),
            Err(error) => Err(handle.connection.failed(&error)),
        }
    });
    let all = pieces.chain(end).filter(|piece| std::future::ready(!matches!(piece, Ok(piece) if piece.is_empty())));
    ends_with_its_error(all.boxed())
}

/// One piece, asked for again where the server gives less.
async fn piece(handle: Arc<Handle>, start: u64, length: u64) -> Result<Bytes> {
    let mut whole = BytesMut::new();
    while (whole.len() as u64) < length {
        let left = length - whole.len() as u64;
        match handle.connection.sftp.read(handle.name(), start + whole.len() as u64, left as u32).await {
            Ok(data) if data.data.is_empty() || data.data.len() as u64 > left => return Err(changed()),
            Ok(data) if whole.is_empty() && data.data.len() as u64 == length => return Ok(data.data.into()),
            Ok(data) => whole.extend_from_slice(&data.data),
            Err(error) if is_end(&error) => return Err(changed()),
            Err(error) => return Err(handle.connection.failed(&error)),
        }
    }
    Ok(whole.freeze())
}

fn is_end(error: &russh_sftp::client::error::Error) -> bool {
    status(error) == Some(russh_sftp::protocol::StatusCode::Eof)
}

/// Nothing comes behind an error.
fn ends_with_its_error(pieces: ByteStream) -> ByteStream {
    stream::unfold(Some(pieces), |pieces| async move {
        let mut pieces = pieces?;
        match pieces.next().await? {
            Ok(piece) => Some((Ok(piece), Some(pieces))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}
