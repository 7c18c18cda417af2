//! How requests of the store's library get to the network: sent once, within time, and answered wholly.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header::CONTENT_LENGTH};
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use object_store::{
    BackoffConfig, Certificate, ClientOptions, RetryConfig,
    client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector},
};

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

/// More than this is no answer that is ever asked for: mails end at 150 MiB, attachments are read in pieces.
const LARGEST_ANSWER: u64 = 1 << 30;

/// A client that is there already.
#[derive(Debug)]
pub(super) struct Given(pub(super) HttpClient);

impl HttpConnector for Given {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

/// The network.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: HttpClient,
    limits: AzureLimits,
}

impl Transport {
    pub(super) fn new(config: &AzureConfig) -> Result<Self> {
        let limits = config.limits;
        let mut options = ClientOptions::new()
            .with_timeout_disabled()
            .with_connect_timeout(limits.connect)
            .with_pool_idle_timeout(Duration::from_mins(1))
            // Metadata services of managed identities speak plain HTTP; the endpoint itself has been checked.
            .with_allow_http(true);
        if let Some(pem) = &config.authority {
            let authorities = Certificate::from_pem_bundle(pem).map_err(|error| {
                Error::new(ErrorKind::Config, ErrorClass::Fatal, "open archive", "it holds no certificates (PEM)")
                    .about("ca_file")
                    .because(error)
            })?;
            options = authorities.into_iter().fold(options, ClientOptions::with_root_certificate);
        }
        let client = ReqwestConnector::default().connect(&options).map_err(|error| {
            Error::new(ErrorKind::Sink, ErrorClass::Fatal, "open archive", "no HTTP client can be made").about(config).because(error)
        })?;
        Ok(Self { client, limits })
    }

    /// Sends a request and takes its whole answer.
    pub(super) async fn exchange(&self, request: HttpRequest) -> Result<(HttpResponse, Bytes), Refusal> {
        let is_head = request.method() == Method::HEAD;
        let answer = within(self.limits.of(request.body().content_length() as u64), self.client.execute(request)).await?;
        let (parts, body) = answer.into_parts();
        let length = content_length(&parts.headers).filter(|_| !is_head).unwrap_or_default();
        if length > LARGEST_ANSWER {
            return Err(Refusal::new(ErrorClass::Fatal, format!("the answer of {length} bytes is larger than anything in an archive")));
        }
        let body = within(self.limits.of(length), body.bytes()).await?;
        Ok((HttpResponse::from_parts(parts, body.clone().into()), body))
    }

    /// A client for requests that fetch tokens.
    pub(super) fn for_tokens(&self) -> HttpClient {
        HttpClient::new(TokenService(self.clone()))
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, HttpError>>) -> Result<T, Refusal> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(Refusal::of_transport),
        Err(_) => Err(Refusal::too_slow(limit)),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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
            Meaning::Answer | Meaning::Exists => Ok(answer),
        }
    }
}

/// Says that something is there already in the way that the store's library understands.
pub(super) fn as_existing(mut answer: HttpResponse) -> HttpResponse {
    *answer.status_mut() = StatusCode::CONFLICT;
    answer
}
