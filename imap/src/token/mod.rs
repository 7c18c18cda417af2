mod assertion;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Secret, SecretSource};
use reqwest::{StatusCode, Url, redirect::Policy};
use serde::Deserialize;
use tokio::sync::Mutex;

use self::assertion::Assertion;
use crate::config::is_this_machine;

/// How long before its end a token is not used any more, or half of the time that it lasts.
const MARGIN: Duration = Duration::from_mins(5);
/// The longest answer that is read.
const LARGEST: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);
const FETCH: &str = "fetch token";

/// Access tokens by the client credentials grant of OAuth 2 (RFC 6749, section 4.4), fetched anew in time.
#[derive(Clone)]
pub struct TokenSource(Arc<Inner>);

struct Inner {
    endpoint: Url,
    client_id: String,
    credential: ClientCredential,
    scope: String,
    http: reqwest::Client,
    /// Held while one is fetched, so that those who wait for it do not fetch their own.
    current: Mutex<Option<Token>>,
}

/// How an application shows who it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ClientCredential {
    /// By a secret.
    Secret(SecretSource),
    /// By an assertion (RFC 7523) that is signed with the key of a certificate, as Entra ID takes it: PEM with the certificate and its RSA key (PKCS #8).
    Certificate(SecretSource),
}

struct Token {
    secret: Secret,
    fetched: Instant,
    lasts: Duration,
}

impl Token {
    fn is_fresh(&self) -> bool {
        let margin = MARGIN.min(self.lasts / 2);
        self.fetched.elapsed() < self.lasts.saturating_sub(margin)
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Denied {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl TokenSource {
    /// From this endpoint, such as `https://login.microsoftonline.com/<tenant>/oauth2/v2.0/token`, for this application and scope.
    ///
    /// # Errors
    ///
    /// If the endpoint is no address, or not encrypted: plain HTTP is for this machine alone.
    pub fn new(
        endpoint: &str,
        client_id: impl Into<String>,
        credential: ClientCredential,
        scope: impl Into<String>,
        authority: Option<&[u8]>,
    ) -> Result<Self> {
        let refuse =
            |setting: &str, what: String| Error::new(ErrorKind::Config, ErrorClass::Fatal, "set up mailboxes", what).about(setting);
        let endpoint = Url::parse(endpoint).map_err(|error| {
            refuse("token_endpoint", "it is no address".to_owned())
                .advise("it looks like https://login.microsoftonline.com/<tenant>/oauth2/v2.0/token")
                .because(error)
        })?;
        let is_safe = endpoint.scheme() == "https" || endpoint.scheme() == "http" && endpoint.host_str().is_some_and(is_this_machine);
        if !is_safe {
            return Err(refuse("token_endpoint", format!("{endpoint} is not encrypted")).advise("use https"));
        }
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("jabber-archive/", env!("CARGO_PKG_VERSION")))
            // The secret goes nowhere else.
            .redirect(Policy::none())
            .referer(false)
            .timeout(TIMEOUT);
        if let Some(pem) = authority {
            let authorities = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|error| refuse("ca_file", "it holds no certificates (PEM)".to_owned()).because(error))?;
            http = http.tls_certs_merge(authorities);
        }
        let http = http.build().map_err(|error| refuse("token_endpoint", "no HTTP client can be made".to_owned()).because(error))?;
        let (client_id, scope, current) = (client_id.into(), scope.into(), Mutex::default());
        Ok(Self(Arc::new(Inner { endpoint, client_id, credential, scope, http, current })))
    }

    /// One that lasts a while yet, and whether it is new.
    pub(crate) async fn current(&self) -> Result<(Secret, bool)> {
        let mut current = self.0.current.lock().await;
        if let Some(token) = current.as_ref().filter(|token| token.is_fresh()) {
            return Ok((token.secret.clone(), false));
        }
        let token = self.0.fetch().await?;
        let secret = token.secret.clone();
        *current = Some(token);
        Ok((secret, true))
    }

    /// Forgets the one that there is.
    pub(crate) async fn forget(&self) {
        *self.0.current.lock().await = None;
    }
}

impl Inner {
    fn error(&self, class: ErrorClass, what: impl Into<String>) -> Error {
        Error::new(ErrorKind::Mailbox, class, FETCH, what).about(&self.endpoint)
    }

    async fn fetch(&self) -> Result<Token> {
        let mut form =
            vec![("grant_type", "client_credentials".to_owned()), ("client_id", self.client_id.clone()), ("scope", self.scope.clone())];
        match &self.credential {
            ClientCredential::Secret(secret) => form.push(("client_secret", secret.fetch()?.reveal().to_owned())),
            ClientCredential::Certificate(pem) => {
                let assertion = Assertion::new(pem.fetch()?.reveal())?;
                form.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()));
                form.push(("client_assertion", assertion.sign(self.endpoint.as_str(), &self.client_id, SystemTime::now())?));
            }
        }
        let fetched = Instant::now();
        let unreachable = |error: reqwest::Error| {
            self.error(ErrorClass::Transient, "the server does not answer")
                .advise("check `token_endpoint`, the firewall and the proxy")
                .because(error.without_url())
        };
        let mut response = self.http.post(self.endpoint.clone()).form(&form).send().await.map_err(unreachable)?;
        let (status, mut body) = (response.status(), Vec::new());
        let wait = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        while let Some(piece) = response.chunk().await.map_err(unreachable)? {
            if body.len() + piece.len() > LARGEST {
                return Err(self.error(ErrorClass::Fatal, "the answer is no token: it is too large"));
            }
            body.extend_from_slice(&piece);
        }
        if status != StatusCode::OK {
            return Err(self.denied(status, &body, wait));
        }
        // What cannot be read may hold the token.
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| self.error(ErrorClass::Fatal, "the answer is no token"))?;
        let lasts = Duration::from_secs(granted.expires_in.unwrap_or(3_600));
        Ok(Token { secret: Secret::new(granted.access_token), fetched, lasts })
    }

    fn denied(&self, status: StatusCode, body: &[u8], wait: Option<Duration>) -> Error {
        let Denied { error, error_description } = serde_json::from_slice(body).unwrap_or_default();
        // Entra ID says what is wrong by a number, AADSTS7000215, before words that repeat what was sent.
        let number = error_description.split(':').next().filter(|number| number.starts_with("AADSTS")).unwrap_or_default();
        let said = [error.as_str(), number].into_iter().filter(|word| !word.is_empty() && word.len() < 80).collect::<Vec<_>>().join(", ");
        let said = said.escape_debug();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let failed = self.error(ErrorClass::Transient, format!("the server is busy: {status} {said}"));
            return match wait {
                Some(wait) => failed.retry_after(wait),
                None => failed,
            };
        }
        self.error(ErrorClass::Credential, format!("the server gives no token: {status} {said}"))
            .advise("check `client_id`, its secret or certificate, `tenant_id` and `scope`")
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { endpoint, client_id, scope, .. } = &*self.0;
        f.debug_struct("TokenSource")
            .field("endpoint", &endpoint.as_str())
            .field("client_id", client_id)
            .field("scope", scope)
            .finish_non_exhaustive()
    }
}
