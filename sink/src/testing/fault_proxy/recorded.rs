use std::time::Instant;

use super::super::http::Request;

/// A request that a [`FaultProxy`](super::FaultProxy) has seen.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Such as `PUT`.
    pub method: String,
    /// With the account, and encoded as it came: `/devstoreaccount1/archive/items/…`.
    pub path: String,
    /// As it came, but for the value of a signature, `sig`, which is left out.
    pub query: String,
    /// Names and values in their order. Of `Authorization` only the scheme is kept.
    pub headers: Vec<(String, String)>,
    /// How many bytes the body has, without the framing of chunks.
    pub length: usize,
    /// When all of it had arrived.
    pub arrived: Instant,
    /// When the proxy began to send the reply, or closed the connection instead; none for a request that is still open.
    pub answered: Option<Instant>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has not been answered yet, or a connection broke by itself.
    Open,
    /// The service's reply of this status went to the client; slower or with other headers, if a rule says so.
    Passed(u16),
    /// The proxy gave a reply of this status; the service was not asked to do anything.
    Answered(u16),
    /// The connection was reset; the service has not seen the request.
    Reset,
    /// There was no reply; the service has not seen the request.
    Stalled,
    /// The service gave a reply of this status, of which the client saw nothing.
    Lost(u16),
    /// The service gave a reply of this status, of which the client saw the beginning.
    Truncated(u16),
}

impl Recorded {
    /// The value of a header; the first, if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter of the query, as it came.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        parameter(&self.query, name)
    }

    pub(super) fn new(request: &Request) -> Self {
        let query: Vec<&str> = request.query().split('&').map(|part| if part.starts_with("sig=") { "sig=" } else { part }).collect();
        let headers = request.headers.iter().map(|(name, value)| {
            let secret = name.eq_ignore_ascii_case("Authorization");
            let value = if secret { value.split(' ').next().unwrap_or_default() } else { value };
            (name.to_owned(), value.to_owned())
        });
        Self {
            method: request.method.clone(),
            path: request.path().to_owned(),
            query: query.join("&"),
            headers: headers.collect(),
            length: request.body.len(),
            arrived: Instant::now(),
            answered: None,
            outcome: Outcome::Open,
        }
    }
}

pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|part| match part.split_once('=') {
        Some((given, value)) => (given == name).then_some(value),
        None => (part == name).then_some(""),
    })
}
