use std::{
    collections::HashMap,
    fmt, io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::http::{Reader, Request, Response};

const IDENTITY_PATH: &str = "/metadata/identity/oauth2/token";
const INTROSPECTION_PATH: &str = "/introspect";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What gives out tokens for Azure Storage, on a port of 127.0.0.1: Entra ID, and the metadata service of a virtual machine.
///
/// It takes any client, secret, assertion and tenant, and writes down what it was asked. The tokens are not signed; they are what Azurite
/// [with OAuth](super::Azurite::start_with_oauth) accepts. It speaks HTTP without TLS, and stops when dropped.
///
/// It follows "Microsoft identity platform and the OAuth 2.0 client credentials flow" and "How to use managed identities for Azure resources on an Azure VM to acquire
/// an access token" on Microsoft Learn.
///
/// ```
/// use jabber_archive_sink::testing::{Request, TokenServer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = TokenServer::start().await?;
/// let form = "grant_type=client_credentials&scope=https%3A%2F%2Fstorage.azure.com%2F.default&client_id=archiver&client_secret=s%26";
/// let reply = Request::new("POST", "tenant/oauth2/v2.0/token").body(form).send(server.endpoint()).await?;
/// assert_eq!(reply.status, 200);
/// assert_eq!(server.requests()[0].field("client_secret"), Some("s&"));
/// # Ok(())
/// # }
/// ```
pub struct TokenServer {
    endpoint: String,
    desk: Arc<Desk>,
    listener: JoinHandle<()>,
}

/// A request for a token.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// With the tenant, for Entra ID.
    pub path: String,
    /// Names and values, decoded: of the form for Entra ID, of the query for a managed identity.
    pub fields: Vec<(String, String)>,
    /// When all of it had arrived.
    pub arrived: Instant,
    /// Of the reply: 200 with a token.
    pub status: u16,
}

impl TokenServer {
    /// Starts one, whose tokens last an hour.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let script = Script { lifetime: Duration::from_hours(1), refusals: 0, requests: Vec::new(), active: HashMap::new() };
        let desk = Arc::new(Desk(Mutex::new(script)));
        let listener = tokio::spawn(serve(listener, desk.clone()));
        Ok(Self { endpoint, desk, listener })
    }

    /// What clients take for the host of the authority, `https://login.microsoftonline.com`: `http://127.0.0.1:port`.
    ///
    /// Tokens are at `/{tenant}/oauth2/v2.0/token`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What clients take for the endpoint of managed identities, with its path.
    pub fn identity_endpoint(&self) -> String {
        format!("{}{IDENTITY_PATH}", self.endpoint)
    }

    /// Where a server asks whether a token is active (RFC 7662, but by GET), with the token behind it: those that were given out here and have not expired or been withdrawn.
    pub fn introspection_endpoint(&self) -> String {
        format!("{}{INTROSPECTION_PATH}?token=", self.endpoint)
    }

    /// Withdraws all tokens that were given out so far.
    pub fn withdraw(&self) {
        self.desk.script().active.clear();
    }

    /// Lets tokens from now on last so long, in whole seconds. Those that last no time have expired when they come.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.desk.script().lifetime = lifetime;
    }

    /// Refuses the next so many requests with 401 `invalid_client`.
    pub fn refuse(&self, times: u32) {
        self.desk.script().refusals = times;
    }

    /// All requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<TokenRequest> {
        self.desk.script().requests.clone()
    }
}

impl TokenRequest {
    /// The value of a field; the first, if there are several.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl fmt::Debug for TokenServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenServer").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Where tokens are given out.
struct Desk(Mutex<Script>);

struct Script {
    lifetime: Duration,
    refusals: u32,
    requests: Vec<TokenRequest>,
    /// Tokens and when they expire.
    active: HashMap<String, Instant>,
}

impl Desk {
    fn answer(&self, request: &Request) -> Response {
        let mut script = self.script();
        if request.path() == INTROSPECTION_PATH {
            let asked = fields(request.query());
            let expires = asked.iter().find(|(name, _)| name == "token").and_then(|(_, token)| script.active.get(token));
            let active = expires.is_some_and(|expires| Instant::now() < *expires);
            return document(200, &json!({ "active": active, "username": "application" }));
        }
        let identity = request.path() == IDENTITY_PATH;
        let fields = if identity { fields(request.query()) } else { fields(&String::from_utf8_lossy(&request.body)) };
        let mut asked = TokenRequest { path: request.path().to_owned(), fields, arrived: Instant::now(), status: 0 };
        let response = if script.refusals > 0 {
            script.refusals -= 1;
            refusal(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        } else if identity {
            script.for_a_machine(request, &asked)
        } else {
            script.for_a_client(request, &asked)
        };
        asked.status = response.status;
        script.requests.push(asked);
        response
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Script {
    fn for_a_client(&mut self, request: &Request, asked: &TokenRequest) -> Response {
        if request.method != "POST" || !request.path().ends_with("/oauth2/v2.0/token") {
            return Response::new(404);
        }
        let credential = asked.field("client_secret").is_some()
            || (asked.field("client_assertion").is_some() && asked.field("client_assertion_type") == Some(ASSERTION_TYPE));
        if !credential {
            return refusal(401, "invalid_client", "AADSTS7000218: The request body must contain 'client_assertion' or 'client_secret'.");
        }
        if asked.field("grant_type") != Some("client_credentials") || asked.field("client_id").is_none() || asked.field("scope").is_none() {
            return refusal(400, "invalid_request", "AADSTS900144: The request body must contain 'grant_type', 'client_id' and 'scope'.");
        }
        let seconds = self.lifetime.as_secs();
        let (token, _) = self.token();
        self.active.insert(token.clone(), Instant::now() + self.lifetime);
        document(200, &json!({ "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token }))
    }

    fn for_a_machine(&self, request: &Request, asked: &TokenRequest) -> Response {
        if request.method != "GET" {
            return Response::new(405);
        }
        if !request.headers.first("Metadata").is_some_and(|metadata| metadata.eq_ignore_ascii_case("true")) {
            return refusal(400, "bad_request_102", "Required metadata header not specified");
        }
        let (Some(_), Some(resource)) = (asked.field("api-version"), asked.field("resource")) else {
            return refusal(400, "invalid_request", "Required query variable 'resource' is missing");
        };
        let (token, expires_on) = self.token();
        // All values are strings.
        document(
            200,
            &json!({
                "access_token": token,
                "expires_in": self.lifetime.as_secs().to_string(),
                "expires_on": expires_on.to_string(),
                "resource": resource,
                "token_type": "Bearer",
            }),
        )
    }

    /// A token, and when it expires, in seconds since 1970. No two are equal.
    fn token(&self) -> (String, u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
        let expires_on = now + self.lifetime.as_secs();
        let claims = json!({
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
            "iat": now - 60,
            "nbf": now - 60,
            "exp": expires_on,
            "uti": self.requests.len().to_string(),
        });
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        (format!("{}.{}.", part(&json!({ "typ": "JWT", "alg": "none" })), part(&claims)), expires_on)
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(converse(stream, desk.clone()));
            }
        }
    }
}

async fn converse(stream: TcpStream, desk: Arc<Desk>) -> io::Result<()> {
    let mut client = Reader::new(stream);
    while let Some(request) = client.request().await? {
        let response = desk.answer(&request).with_length();
        client.inner().write_all(&[response.head(), response.body].concat()).await?;
    }
    Ok(())
}

fn refusal(status: u16, error: &str, description: &str) -> Response {
    document(status, &json!({ "error": error, "error_description": description }))
}

fn document(status: u16, document: &Value) -> Response {
    Response::new(status).with_header("Content-Type", "application/json").with_body(document.to_string())
}

/// The fields of a form or query.
fn fields(encoded: &str) -> Vec<(String, String)> {
    let fields = encoded.split('&').filter(|field| !field.is_empty());
    fields.map(|field| field.split_once('=').unwrap_or((field, ""))).map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).expect("a form is percent-encoded")
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
