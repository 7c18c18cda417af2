//! A proxy before Azurite that misbehaves as scripted.

mod connection;
mod immutable;
mod recorded;
mod rule;

use std::{
    fmt, io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{net::TcpListener, task::JoinHandle, task::JoinSet};

pub use self::{
    recorded::{Outcome, Recorded},
    rule::Rule,
};
use super::http;

/// A proxy on a port of 127.0.0.1, between a client and Azurite: passes on what no [`Rule`] is about, and writes down all requests.
///
/// It speaks HTTP/1.1 without TLS. A request is read whole before a rule meets it, and is sent over a new connection to the other side. Stops when dropped.
///
/// ```
/// use jabber_archive_sink::testing::{Azurite, FaultProxy, Outcome, Request, Response, Rule};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let Some(azurite) = Azurite::start() else { return Ok(()) };
/// let busy = Rule::answer(Response::server_busy()).method("PUT").first(1);
/// let proxy = FaultProxy::start(azurite.endpoint(), [busy]).await?;
///
/// let put = Request::new("PUT", "archive?restype=container").signed(&azurite.sas());
/// assert_eq!(put.clone().send(proxy.endpoint()).await?.status, 503);
/// assert_eq!(put.send(proxy.endpoint()).await?.status, 201);
/// let outcomes: Vec<Outcome> = proxy.requests().into_iter().map(|request| request.outcome).collect();
/// assert_eq!(outcomes, [Outcome::Answered(503), Outcome::Passed(201)]);
/// # Ok(())
/// # }
/// ```
pub struct FaultProxy {
    endpoint: String,
    script: Arc<Script>,
    listener: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts one before an endpoint, `http://host:port/path`. Of the rules that meet a request the first is the one that acts.
    ///
    /// # Panics
    ///
    /// If the endpoint is of another form.
    pub async fn start(upstream: &str, rules: impl IntoIterator<Item = Rule>) -> io::Result<Self> {
        assert!(upstream.starts_with("http://"), "{upstream} is not without TLS");
        let (host, path) = http::split(upstream);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoint = format!("http://{}{path}", listener.local_addr()?);
        let script = Arc::new(Script {
            upstream: host.to_owned(),
            rules: Mutex::new(rules.into_iter().collect()),
            requests: Mutex::default(),
            immutable: tokio::sync::Mutex::default(),
        });
        let listener = tokio::spawn(serve(listener, script.clone()));
        Ok(Self { endpoint, script, listener })
    }

    /// What clients take for the service, with the path of the other side: `http://127.0.0.1:port/devstoreaccount1`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Adds a rule, after those that are there, for requests that come from now on.
    pub fn add(&self, rule: Rule) {
        lock(&self.script.rules).push(rule);
    }

    /// Forgets all rules: requests that come from now on pass.
    pub fn clear(&self) {
        lock(&self.script.rules).clear();
    }

    /// How many requests there were.
    pub fn requested(&self) -> usize {
        lock(&self.script.requests).len()
    }

    /// The requests that came after the first so many, in the order of their arrival.
    pub fn requests_after(&self, first: usize) -> Vec<Recorded> {
        lock(&self.script.requests).get(first..).map(<[Recorded]>::to_vec).unwrap_or_default()
    }

    /// All requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.script.requests).clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultProxy").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// What all connections share.
struct Script {
    /// Host and port.
    upstream: String,
    rules: Mutex<Vec<Rule>>,
    requests: Mutex<Vec<Recorded>>,
    /// Held from asking whether a blob exists to the end of its creation, so that of two creations one is the first.
    immutable: tokio::sync::Mutex<()>,
}

async fn serve(listener: TcpListener, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(connection::serve(stream, script.clone()));
            }
        }
    }
}

/// What a test that has panicked leaves is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
