//! Every request to the container passes here: it is completed, signed, sent, understood, and sent again where that may help.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderName, HeaderValue, Method, StatusCode, header::IF_NONE_MATCH};
use http_body_util::BodyExt;
use jabber_archive_core::{Digest, ErrorClass, ErrorKind, Event, Observer, RetryPolicy};
use md5::{Digest as _, Md5};
use object_store::{
    azure::{AzureAuthorizer, AzureCredential},
    client::{HttpError, HttpRequest, HttpRequestBody, HttpResponse, HttpService},
};

use super::{
    config::AzureConfig,
    container,
    refusal::{Meaning, NO_RIGHT, Refusal, Subject, of_blob_service},
    sign_in::Credentials,
    transport::{Transport, as_existing, refused},
};

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
const COPY_SOURCE: HeaderName = HeaderName::from_static("x-ms-copy-source");
const META_SHA256: HeaderName = HeaderName::from_static("x-ms-meta-sha256");

/// An answer whose content does not have the MD5 that comes with it is asked for again so often; what then comes may be wrong in the store itself, and is for the caller to judge.
const DOUBTS: u32 = 2;

/// The observer is told of one retry in this time: with many requests under way, all fail at once.
const QUIET: Duration = Duration::from_secs(1);

/// The blob service of one account, seen by one archive. Nothing that passes here can overwrite or delete.
#[derive(Debug)]
pub(super) struct BlobService {
    account: String,
    how_to_create: String,
    container_url: String,
    transport: Transport,
    credentials: Credentials,
    /// Whether a credential was ever taken: one that never was is wrong, one that was has run out.
    signed_in: AtomicBool,
    retry: RetryPolicy,
    observer: Option<Arc<dyn Observer>>,
    told: Mutex<Option<Instant>>,
    /// Whether patience has ended and nothing has worked since: nobody waits for long then, until something does.
    given_up: AtomicBool,
    is_emulator: bool,
}

impl BlobService {
    pub(super) fn new(config: &AzureConfig) -> jabber_archive_core::Result<Self> {
        Ok(Self {
            account: config.account.clone(),
            how_to_create: container::how_to_create(config),
            container_url: config.container_url(),
            credentials: Credentials::new(config.sign_in.clone(), Transport::for_tokens(config)?),
            transport: Transport::new(config)?,
            signed_in: AtomicBool::new(false),
            retry: config.retry,
            observer: config.observer.clone(),
            told: Mutex::default(),
            given_up: AtomicBool::new(false),
            is_emulator: config.is_plain(),
        })
    }

    /// One try.
    async fn attempt(&self, request: &HttpRequest, sent: &Sent) -> Result<HttpResponse, Refusal> {
        let (credential, generation) = self.credentials.current().await?;
        let mut doubts = 0;
        loop {
            let (answer, body) = self.send(request.clone(), &credential).await?;
            let named = answer.headers().get(&CONTENT_MD5).map(HeaderValue::as_bytes);
            match of_blob_service(sent.subject, answer.status(), answer.headers(), &body) {
                Meaning::Refused(refusal) => {
                    if refusal.class == ErrorClass::Credential {
                        self.credentials.renew(generation);
                    }
                    let unsure = matches!(refusal.code.as_str(), NO_RIGHT | "InvalidBlockList") && sent.subject == Subject::Create;
                    if unsure && self.is_there(request, &credential).await? {
                        return Ok(as_existing(answer));
                    }
                    return Err(self.explain(refusal));
                }
                Meaning::Exists => return Ok(as_existing(answer)),
                // The service says what it has stored.
                Meaning::Answer if answer.status() == StatusCode::CREATED => {
                    return match (named, &sent.md5) {
                        (Some(named), Some(md5)) if named != md5.as_bytes() => {
                            Err(Refusal::new(ErrorClass::Transient, "the service confirms something else than was sent"))
                        }
                        _ => Ok(answer),
                    };
                }
                Meaning::Answer => {
                    let whole = sent.subject == Subject::Read && answer.status() == StatusCode::OK && request.method() == Method::GET;
                    if !whole || doubts == DOUBTS || named.is_none_or(|named| named == md5(&body).as_bytes()) {
                        return Ok(answer);
                    }
                    doubts += 1;
                }
            }
        }
    }

    /// Adds what is known here about a refusal.
    fn explain(&self, mut refusal: Refusal) -> Refusal {
        match refusal.code.as_str() {
            container::NOT_FOUND => refusal.advice = Some(self.how_to_create.clone()),
            // Azurite's word for what Azure calls Md5Mismatch.
            "InvalidOperation" if self.is_emulator => refusal.class = ErrorClass::Transient,
            _ => {}
        }
        refusal
    }

    async fn send(&self, mut request: HttpRequest, credential: &AzureCredential) -> Result<(HttpResponse, Bytes), Refusal> {
        AzureAuthorizer::new(credential, &self.account)
            .try_authorize(&mut request)
            .map_err(|error| Refusal::new(ErrorClass::Fatal, format!("the request cannot be signed: {error}")))?;
        self.transport.exchange(request).await
    }

    /// Whether there is a blob where a request was to put one.
    async fn is_there(&self, put: &HttpRequest, credential: &AzureCredential) -> Result<bool, Refusal> {
        let path = put.uri().to_string();
        let path = path.split('?').next().unwrap_or_default();
        let head = http::Request::head(path)
            .body(HttpRequestBody::empty())
            .map_err(|error| Refusal::new(ErrorClass::Fatal, format!("the address cannot be: {error}")))?;
        let (answer, body) = self.send(head, credential).await?;
        match of_blob_service(Subject::Read, answer.status(), answer.headers(), &body) {
            Meaning::Refused(refusal) => Err(refusal),
            Meaning::Answer | Meaning::Exists => Ok(answer.status().is_success()),
        }
    }

    /// How long to wait before the next try; the refusal as it is to be reported if there is none.
    fn patience(&self, tries: &Tries, refusal: Refusal) -> Result<Duration, Refusal> {
        let is_credential = refusal.class == ErrorClass::Credential;
        if !refusal.class.is_retried() {
            return Err(refusal);
        }
        if is_credential && !self.signed_in.load(Ordering::Relaxed) {
            return Err(Refusal { class: ErrorClass::Fatal, ..refusal });
        }
        // One that has run out may have been renewed long ago.
        if is_credential && tries.count == 1 {
            return Ok(Duration::ZERO);
        }
        // Waiting for an answer is waiting too.
        let elapsed = tries.begun.elapsed();
        let wait = if self.given_up.load(Ordering::Relaxed) { None } else { self.retry.wait(tries.count, elapsed, refusal.wait) };
        wait.ok_or_else(|| {
            self.given_up.store(true, Ordering::Relaxed);
            let mut last = Refusal {
                class: ErrorClass::Fatal,
                what: format!("{}, {} times in {} s", refusal.what, tries.count, elapsed.as_secs()),
                ..refusal
            };
            last.advice.get_or_insert_with(|| "run again when the store is to be reached: what is sealed is intact".to_owned());
            last
        })
    }

    fn tell(&self, request: &HttpRequest, refusal: &Refusal, wait: Duration) {
        let Some(observer) = &self.observer else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() > QUIET) {
            *told = Some(Instant::now());
            let operation = if request.method() == Method::PUT { "put" } else { "read" };
            let url = request.uri().to_string();
            let subject = url.strip_prefix(&self.container_url).map_or(url.as_str(), |path| path.trim_start_matches('/'));
            observer.observe(&Event::Retrying { error: &refusal.error(ErrorKind::Sink, operation, subject), wait });
        }
    }
}

#[async_trait]
impl HttpService for BlobService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (request, sent) = complete(request).await?;
        let mut tries = Tries { begun: Instant::now(), count: 0 };
        loop {
            tries.count += 1;
            let refusal = match self.attempt(&request, &sent).await {
                Ok(answer) => {
                    self.signed_in.store(true, Ordering::Relaxed);
                    self.given_up.store(false, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(refusal) => refusal,
            };
            let wait = self.patience(&tries, refusal.clone()).map_err(refused)?;
            self.tell(&request, &refusal, wait);
            tokio::time::sleep(wait).await;
        }
    }
}

#[derive(Debug)]
struct Tries {
    begun: Instant,
    count: u32,
}

/// What of a request its answer is compared with.
#[derive(Debug)]
struct Sent {
    subject: Subject,
    /// MD5 of a whole blob, in base64.
    md5: Option<String>,
}

/// Makes every write one that creates and that the service checks, and refuses what would delete. Before it is signed: a signature covers these headers.
async fn complete(request: HttpRequest) -> Result<(HttpRequest, Sent), HttpError> {
    let (mut parts, body) = request.into_parts();
    // Kept as one piece: sent again without being read again.
    let body = body.collect().await?.to_bytes();
    let query = parts.uri.query().unwrap_or_default();
    let asks = |pair: &str| query.split('&').any(|asked| asked == pair);
    let is_list = asks("comp=blocklist");
    let subject = match parts.method {
        Method::GET | Method::PUT if asks("restype=container") => Subject::Container,
        Method::GET | Method::HEAD => Subject::Read,
        Method::PUT if asks("comp=block") => Subject::Block,
        Method::PUT => Subject::Create,
        _ => return Err(refused(Refusal::new(ErrorClass::Fatal, format!("an archive is never asked to {}", parts.method)))),
    };
    let mut sent = Sent { subject, md5: None };
    if subject == Subject::Create {
        parts.headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
    }
    if matches!(subject, Subject::Create | Subject::Block) && !parts.headers.contains_key(&COPY_SOURCE) {
        let md5 = md5(&body);
        parts.headers.insert(CONTENT_MD5, header(&md5));
        if is_list {
            // The parts of an attachment passed here one by one; its name is its digest.
            if let Some(digest) = parts.uri.path().rsplit('/').next().and_then(|name| name.parse::<Digest>().ok()) {
                parts.headers.insert(META_SHA256, header(&digest.to_string()));
            }
        } else if subject == Subject::Create {
            parts.headers.insert(META_SHA256, header(&Digest::of(&body).to_string()));
            sent.md5 = Some(md5);
        }
    }
    Ok((HttpRequest::from_parts(parts, HttpRequestBody::from(body)), sent))
}

fn md5(content: &Bytes) -> String {
    BASE64.encode(&Md5::digest(content))
}

/// Base64 and hexadecimal digits are always a header's value.
fn header(digits: &str) -> HeaderValue {
    HeaderValue::from_str(digits).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, query: &str, body: &'static [u8]) -> HttpRequest {
        let uri = format!("https://examplechats.blob.core.windows.net/jabber/items/a.eml{query}");
        http::Request::builder().method(method).uri(uri).body(HttpRequestBody::from(Bytes::from_static(body))).unwrap()
    }

    async fn completed(method: Method, query: &str) -> http::HeaderMap {
        let (request, _) = complete(request(method, query, b"hello")).await.unwrap();
        request.headers().clone()
    }

    #[tokio::test]
    async fn a_put_creates_and_carries_its_digests() {
        let headers = completed(Method::PUT, "").await;
        assert_eq!(headers[IF_NONE_MATCH], "*");
        assert_eq!(headers[CONTENT_MD5], "XUFAKrxLKna5cZ2REBfFkg==");
        assert_eq!(headers[META_SHA256], "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    }

    #[tokio::test]
    async fn a_list_of_blocks_creates_and_a_block_is_checked() {
        let list = completed(Method::PUT, "?comp=blocklist").await;
        assert_eq!((&list[IF_NONE_MATCH], list.get(META_SHA256)), (&HeaderValue::from_static("*"), None));
        let block = completed(Method::PUT, "?comp=block&blockid=YQ%3D%3D").await;
        assert_eq!((block.get(IF_NONE_MATCH), &block[CONTENT_MD5]), (None, &HeaderValue::from_static("XUFAKrxLKna5cZ2REBfFkg==")));
    }

    #[tokio::test]
    async fn nothing_is_ever_deleted() {
        for (method, query) in [
            (Method::DELETE, ""),
            (Method::POST, ""),
            (Method::PATCH, ""),
            (Method::POST, "?restype=container&comp=batch"),
            (Method::DELETE, "?restype=container"),
        ] {
            let error = complete(request(method.clone(), query, b"")).await.unwrap_err();
            assert_eq!(Refusal::within(&error).unwrap().class, ErrorClass::Fatal, "{method} {query}");
        }
    }
}
