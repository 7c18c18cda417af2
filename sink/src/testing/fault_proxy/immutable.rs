//! What a locked policy of immutability refuses: "Container-level WORM policies for immutable blob data" on Microsoft Learn.

use std::io;

use tokio::net::TcpStream;

use super::{
    super::{
        azurite,
        http::{Request, exchange},
    },
    recorded::parameter,
};

/// What a request would do to a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Creates it, or overwrites it if it exists.
    Write,
    /// Changes or deletes what exists.
    Alter,
}

/// None for requests that change no blob.
pub(super) fn changes(request: &Request) -> Option<Change> {
    let of_a_blob = request.path().split('/').filter(|part| !part.is_empty()).count() > 2;
    match (request.method.as_str(), parameter(request.query(), "comp")) {
        // Of a container too.
        ("DELETE", None) => Some(Change::Alter),
        ("PUT", None | Some("block" | "blocklist")) if of_a_blob => Some(Change::Write),
        ("PUT", Some("metadata" | "properties" | "snapshot" | "page" | "incrementalcopy" | "appendblock" | "seal")) if of_a_blob => {
            Some(Change::Alter)
        }
        _ => None,
    }
}

/// Whether the blob of a request exists.
pub(super) async fn exists(request: &Request, upstream: &str) -> io::Result<bool> {
    let mut ask = Request::new("HEAD", request.path()).signed(&azurite::owner());
    ask.headers.push("Host", upstream);
    ask.headers.push("Connection", "close");
    let response = exchange(TcpStream::connect(upstream).await?, &ask).await?;
    match response.status {
        200 => Ok(true),
        404 => Ok(false),
        status => Err(io::Error::other(format!("HEAD {}: {status}", request.path()))),
    }
}
