//! How requests of the store's library get to the network: sent once, within time, and answered wholly.

use std::{fmt, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use http::{Method, StatusCode, header::CONTENT_LENGTH};
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use object_store::{
    BackoffConfig, ClientOptions, RetryConfig,
    client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService},
};
use reqwest::{Certificate, ClientBuilder, redirect::Policy};
use serde::Deserialize;

use super::{
    config::{AzureConfig, AzureLimits},
    refusal::{Meaning, Refusal, of_token_service},
};

/// The library's own retries, off: it does not know how long to wait, and signs only once.
pub(super) const ONCE: RetryConfig = RetryConfig {
    max_retries: 0,
    retry_timeout: Duration::ZERO,
    backoff: BackoffConfig { init_backoff: Duration::ZERO, max_backoff: Duration::ZERO, base: 1.0 },
};

/// The largest answer to a read, in bytes: mails end at 150 MiB, attachments are read in pieces, the list of a window may be larger.
const LARGEST_BLOB: u64 = 1 << 30;

/// The largest other answer: a page of a listing has 5,000 blobs, each with a kilobyte at most of its own.
const LARGEST_OTHER: u64 = 16 << 20;

/// A metadata service is on the machine, or there is none.
const METADATA_CONNECT: Duration = Duration::from_secs(2);

/// A client that is there already.
#[derive(Debug)]
pub(super) struct Given(pub(super) HttpClient);

impl HttpConnector for Given {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

/// The network.
#[derive(Clone)]
pub(super) struct Transport {
    client: HttpClient,
    limits: AzureLimits,
}

impl Transport {
    /// To the blob service.
    pub(super) fn new(config: &AzureConfig) -> Result<Self> {
        let builder = builder(config)?.connect_timeout(config.limits.connect).https_only(!config.is_plain());
        Self::build(config, builder)
    }

    /// A client for requests that fetch tokens.
    pub(super) fn for_tokens(config: &AzureConfig) -> Result<HttpClient> {
        let builder = builder(config)?;
        let builder = if config.sign_in.asks_the_machine() {
            // https://learn.microsoft.com/en-us/azure/virtual-machines/instance-metadata-service#proxies
            builder.connect_timeout(METADATA_CONNECT.min(config.limits.connect)).no_proxy()
        } else {
            builder.connect_timeout(config.limits.connect)
        };
        Ok(HttpClient::new(TokenService(Self::build(config, builder)?)))
    }

    fn build(config: &AzureConfig, builder: ClientBuilder) -> Result<Self> {
        let client = builder.build().map_err(|error| {
            Error::new(ErrorKind::Sink, ErrorClass::Fatal, "open archive", "no HTTP client can be made").about(config).because(error)
        })?;
        Ok(Self { client: HttpClient::new(client), limits: config.limits })
    }

    /// Sends a request and takes its whole answer.
    pub(super) async fn exchange(&self, request: HttpRequest) -> Result<(HttpResponse, Bytes), Refusal> {
        let (has_body, reads) = (request.method() != Method::HEAD, reads_blob(&request));
        let answer = within(self.limits.of(request.body().content_length() as u64), self.client.execute(request)).await?;
        let (parts, body) = answer.into_parts();
        let largest = if reads && parts.status.is_success() { LARGEST_BLOB } else { LARGEST_OTHER };
        let announced: Option<u64> =
            parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()).filter(|_| has_body);
        let mut pieces = body.bytes_stream();
        let collect = async {
            let mut body = BytesMut::with_capacity(announced.unwrap_or_default().min(largest) as usize);
            while let Some(piece) = pieces.try_next().await? {
                if (body.len() + piece.len()) as u64 > largest {
                    return Ok(None);
                }
                body.extend_from_slice(&piece);
            }
            Ok(Some(body.freeze()))
        };
        let too_large =
            || Refusal::new(ErrorClass::Fatal, format!("the answer is larger than {largest} bytes, which nothing in an archive is"));
        if announced.is_some_and(|length| length > largest) {
            return Err(too_large());
        }
        let body = within(self.limits.of(announced.unwrap_or_default()), collect).await?.ok_or_else(too_large)?;
        Ok((HttpResponse::from_parts(parts, body.clone().into()), body))
    }
}

/// Shows nothing of the client: the address of a proxy may hold a password.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Where the service sends elsewhere is not followed: it would take the mail and the signature there.
fn builder(config: &AzureConfig) -> Result<ClientBuilder> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("jabber-archive/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .pool_idle_timeout(Duration::from_mins(1))
        .tcp_nodelay(true);
    let Some(pem) = &config.authority else { return Ok(builder) };
    let authorities = Certificate::from_pem_bundle(pem).ok().filter(|authorities| !authorities.is_empty()).ok_or_else(|| {
        Error::new(ErrorKind::Config, ErrorClass::Fatal, "open archive", "it holds no certificates (PEM)").about("ca_file")
    })?;
    Ok(builder.tls_certs_merge(authorities))
}

fn reads_blob(request: &HttpRequest) -> bool {
    request.method() == Method::GET && request.uri().query().is_none_or(|query| !query.contains("restype="))
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, HttpError>>) -> Result<T, Refusal> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(Refusal::of_transport),
        Err(_) => Err(Refusal::too_slow(limit)),
    }
}

/// Carries a refusal through the store's library.
pub(super) fn refused(refusal: Refusal) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, refusal)
}

#[derive(Debug)]
struct TokenService(Transport);

#[async_trait::async_trait]
impl HttpService for TokenService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (answer, body) = self.0.exchange(request).await.map_err(refused)?;
        match of_token_service(answer.status(), answer.headers(), &body) {
            Meaning::Refused(refusal) => Err(refused(refusal)),
            Meaning::Answer | Meaning::Exists if is_token(&body) => Ok(answer),
            Meaning::Answer | Meaning::Exists => {
                let what = "the token service answers with something that is no token";
                let mut refusal = Refusal::new(ErrorClass::Credential, what);
                refusal.advice = Some("check the sign-in under [sink], and what answers in its place".to_owned());
                Err(refused(refusal))
            }
        }
    }
}

/// Whether the store's library can take this for a token: it does not look before it makes a header and a point in time of it.
fn is_token(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        access_token: String,
        /// Seconds (RFC 6749).
        expires_in: Option<serde_json::Value>,
        /// Seconds since 1970, as text (managed identities).
        expires_on: Option<String>,
    }

    /// The year 3000, and more seconds than any token lasts.
    const LATEST: u64 = 32_503_680_000;

    let Ok(token) = serde_json::from_slice::<Answer>(body) else { return false };
    let in_time = |seconds: Option<u64>| seconds.is_some_and(|seconds| seconds <= LATEST);
    let lasts = match (&token.expires_in, &token.expires_on) {
        (_, Some(on)) => in_time(on.parse().ok()),
        (Some(seconds), None) => in_time(seconds.as_u64()),
        (None, None) => false,
    };
    lasts && !token.access_token.is_empty() && token.access_token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Says that something is there already in the way that the store's library understands.
pub(super) fn as_existing(mut answer: HttpResponse) -> HttpResponse {
    *answer.status_mut() = StatusCode::CONFLICT;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_would_stumble_over_is_no_token() {
        for token in
            [r#"{"access_token":"a.b.c","expires_in":3599}"#, r#"{"access_token":"a.b.c","expires_on":"1795500000","expires_in":"86399"}"#]
        {
            assert!(is_token(token.as_bytes()), "{token}");
        }
        for none in [
            r#"{"access_token":"a\nb","expires_in":3599}"#,
            r#"{"access_token":"","expires_in":3599}"#,
            r#"{"access_token":"a.b.c","expires_in":18446744073709551615}"#,
            r#"{"access_token":"a.b.c","expires_in":-1}"#,
            r#"{"access_token":"a.b.c","expires_on":"18446744073709551615"}"#,
            r#"{"access_token":"a.b.c","expires_on":"soon"}"#,
            r#"{"access_token":"a.b.c"}"#,
            r#""s3cr3ttoken""#,
            "<html>",
        ] {
            assert!(!is_token(none.as_bytes()), "{none}");
        }
    }
}
