//! Messages of HTTP/1.1 as they are on a socket.

use std::{fmt::Write as _, io, sync::Arc};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 128;

/// A request, sent as it is: nothing is signed, repeated or followed.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
}

impl Request {
    /// A request for a path below an endpoint, such as `container/blob?comp=metadata`.
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), target: path.to_owned(), headers: Headers::default(), body: Bytes::new() }
    }

    /// With this header. What is not given is sent neither, but for `Host`, `Content-Length` and `Connection`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With the query of a [shared access signature](super::sas).
    #[must_use]
    pub fn signed(mut self, sas: &str) -> Self {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(sas);
        self
    }

    /// Sends it to an endpoint, `http://host:port/path`, over a connection of its own.
    ///
    /// The error is of kind [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) where the connection is closed before the reply is complete.
    ///
    /// # Panics
    ///
    /// If the endpoint is of another form.
    pub async fn send(self, endpoint: &str) -> io::Result<Response> {
        self.send_to(endpoint, None).await
    }

    /// Sends it to an endpoint, `https://host:port/path`, whose certificate is by this authority alone, given as PEM.
    ///
    /// # Panics
    ///
    /// If the endpoint is of another form, or the authority is no certificate.
    pub async fn send_trusting(self, endpoint: &str, authority: &str) -> io::Result<Response> {
        self.send_to(endpoint, Some(authority)).await
    }

    pub(super) async fn send_to(mut self, endpoint: &str, authority: Option<&str>) -> io::Result<Response> {
        let scheme = if authority.is_some() { "https://" } else { "http://" };
        assert!(endpoint.starts_with(scheme), "{endpoint} does not begin with {scheme}");
        let (host, path) = split(endpoint);
        self.target = format!("{path}/{}", self.target);
        self.headers.push("Host", host);
        self.headers.push("Connection", "close");
        if !self.headers.chunked() && (!self.body.is_empty() || matches!(self.method.as_str(), "PUT" | "POST")) {
            self.headers.push("Content-Length", &self.body.len().to_string());
        }
        let stream = TcpStream::connect(host).await?;
        match authority {
            None => exchange(stream, &self).await,
            Some(authority) => {
                let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned();
                let name = ServerName::try_from(name).map_err(invalid)?;
                exchange(connector(authority).connect(name, stream).await?, &self).await
            }
        }
    }

    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(super) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    pub(super) fn bytes(&self) -> Bytes {
        let mut bytes = BytesMut::from(format!("{} {} HTTP/1.1\r\n{}\r\n", self.method, self.target, self.headers.lines()).as_bytes());
        bytes.extend_from_slice(&self.headers.framed(&self.body));
        bytes.freeze()
    }
}

/// A reply.
#[derive(Debug, Clone)]
pub struct Response {
    /// Such as 201.
    pub status: u16,
    /// Without the framing of chunks.
    pub body: Bytes,
    pub(super) headers: Headers,
}

impl Response {
    /// A reply without a body.
    pub fn new(status: u16) -> Self {
        Self { status, body: Bytes::new(), headers: Headers::default() }
    }

    /// With this header. Those that tell how the body is framed are added when it is sent.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// With this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// An error of Azure Storage, with its code in a header and in a document ("Status and error codes" on Microsoft Learn).
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let document = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
        Self::new(status).with_header("x-ms-error-code", code).with_header("Content-Type", "application/xml").with_body(document)
    }

    /// 500 `InternalError`.
    pub fn internal_error() -> Self {
        Self::error(500, "InternalError", "The server encountered an internal error. Please retry the request.")
    }

    /// 503 `ServerBusy`.
    pub fn server_busy() -> Self {
        Self::error(503, "ServerBusy", "The server is currently unable to receive requests. Please retry your request.")
    }

    /// 429 `TooManyRequests`, with `Retry-After` of so many seconds.
    pub fn too_many_requests(retry_after: u32) -> Self {
        Self::error(429, "TooManyRequests", "Operations per second is over the account limit.")
            .with_header("Retry-After", &retry_after.to_string())
    }

    /// 403 `AuthenticationFailed`, as for a signature that has expired.
    pub fn authentication_failed() -> Self {
        let message = "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.";
        Self::error(403, "AuthenticationFailed", message)
    }

    /// 409 `BlobImmutableDueToPolicy`.
    pub fn immutable() -> Self {
        Self::error(409, "BlobImmutableDueToPolicy", "This operation is not permitted as the blob is immutable due to a policy.")
    }

    /// The value of a header; the first, if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.first(name)
    }

    /// With the header that frames the body.
    pub(super) fn with_length(mut self) -> Self {
        self.headers.remove("Content-Length");
        let length = self.body.len().to_string();
        self.with_header("Content-Length", &length)
    }

    pub(super) fn head(&self) -> Bytes {
        format!("HTTP/1.1 {} {}\r\n{}\r\n", self.status, reason(self.status), self.headers.lines()).into()
    }
}

/// Headers in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers(Vec<(String, String)>);

impl Headers {
    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A body as these headers frame it: in one chunk, where they say so.
    pub(super) fn framed(&self, body: &Bytes) -> Bytes {
        if !self.chunked() {
            return body.clone();
        }
        let mut framed = BytesMut::new();
        if !body.is_empty() {
            framed.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
            framed.extend_from_slice(body);
            framed.extend_from_slice(b"\r\n");
        }
        framed.extend_from_slice(b"0\r\n\r\n");
        framed.freeze()
    }

    fn chunked(&self) -> bool {
        self.first("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    }

    fn length(&self) -> io::Result<Option<usize>> {
        self.first("Content-Length").map(|length| length.trim().parse().map_err(invalid)).transpose()
    }

    fn lines(&self) -> String {
        self.iter().fold(String::new(), |mut lines, (name, value)| {
            // Writing to a string does not fail.
            let _ = write!(lines, "{name}: {value}\r\n");
            lines
        })
    }

    fn parsed(headers: &[httparse::Header<'_>]) -> Self {
        Self(headers.iter().map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned())).collect())
    }
}

/// Reads messages, one after the other.
#[derive(Debug)]
pub(super) struct Reader<R> {
    inner: R,
    arrived: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, arrived: BytesMut::new() }
    }

    pub(super) fn inner(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The next request, whole; none if the client has closed the connection instead.
    pub(super) async fn request(&mut self) -> io::Result<Option<Request>> {
        let Some(head) = self.head().await? else { return Ok(None) };
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        parsed.parse(&head).map_err(invalid)?;
        let mut request = Request::new(parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
        request.headers = Headers::parsed(parsed.headers);
        request.body =
            if request.headers.chunked() { self.chunks().await? } else { self.exactly(request.headers.length()?.unwrap_or(0)).await? };
        Ok(Some(request))
    }

    /// The reply to a request of this method, whole.
    pub(super) async fn response(&mut self, method: &str) -> io::Result<Response> {
        let head = self.head().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        parsed.parse(&head).map_err(invalid)?;
        let mut response = Response::new(parsed.code.unwrap_or_default());
        response.headers = Headers::parsed(parsed.headers);
        response.body = if method == "HEAD" || matches!(response.status, 100..=199 | 204 | 304) {
            Bytes::new()
        } else if response.headers.chunked() {
            self.chunks().await?
        } else if let Some(length) = response.headers.length()? {
            self.exactly(length).await?
        } else {
            while self.more().await? {}
            self.arrived.split().freeze()
        };
        Ok(response)
    }

    /// Waits until the other side closes the connection.
    pub(super) async fn closed(&mut self) {
        while let Ok(true) = self.more().await {
            self.arrived.clear();
        }
    }

    async fn head(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(end) = self.arrived.windows(4).position(|end| end == b"\r\n\r\n") {
                return Ok(Some(self.arrived.split_to(end + 4).freeze()));
            }
            if self.arrived.len() > MAX_HEAD {
                return Err(invalid("a head without end"));
            }
            if !self.more().await? {
                return if self.arrived.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Bytes> {
        while self.arrived.len() < length {
            if !self.more().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.arrived.split_to(length).freeze())
    }

    /// The content of chunks; extensions and trailers are dropped.
    async fn chunks(&mut self) -> io::Result<Bytes> {
        let mut content = BytesMut::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(invalid)?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(content.freeze());
            }
            content.extend_from_slice(&self.exactly(size).await?);
            self.exactly(2).await?;
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.arrived.windows(2).position(|end| end == b"\r\n") {
                let line = self.arrived.split_to(end);
                self.arrived.advance(2);
                return String::from_utf8(line.to_vec()).map_err(invalid);
            }
            if !self.more().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn more(&mut self) -> io::Result<bool> {
        Ok(self.inner.read_buf(&mut self.arrived).await? > 0)
    }
}

/// Sends a request and reads its reply.
pub(super) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, request: &Request) -> io::Result<Response> {
    stream.write_all(&request.bytes()).await?;
    stream.flush().await?;
    Reader::new(stream).response(&request.method).await
}

fn connector(authority: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority.as_bytes()).expect("an authority is a certificate as PEM");
    roots.add(authority).expect("an authority can be trusted");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows the versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// The host with its port, and the path, of an endpoint.
pub(super) fn split(endpoint: &str) -> (&str, &str) {
    let rest = endpoint.split_once("://").expect("an endpoint has a scheme").1;
    match rest.find('/') {
        Some(path) => (&rest[..path], rest[path..].trim_end_matches('/')),
        None => (rest, ""),
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        412 => "Precondition Failed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
