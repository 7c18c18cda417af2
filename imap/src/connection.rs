//! Commands to a server and their answers.

use std::{fmt, io, sync::Arc, time::Duration};

use imap_next::{
    Interrupt, Io, State,
    client::{Client, Event, Options},
    imap_types::{
        auth::AuthenticateData,
        command::{Command, CommandBody},
        core::Tag,
        response::{Bye, Capability, Code, Data, GreetingKind, Status, StatusBody, Tagged},
    },
};
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Secret};
use tokio::time::timeout;
use tokio_rustls::rustls::{self, ClientConfig};

use crate::{
    answer::{Answer, words},
    config::{Encryption, ImapConfig},
    wire::Wire,
};

pub(crate) const CONNECT: &str = "connect to mailboxes";
const TALK: &str = "talk to mailboxes";

/// What silence and noise have in common.
const CHECK_PORT: &str = "if it always does: check that `port` is right for `encrypt`";

/// So much is written before it is looked at whether the server takes it.
const PIECE: usize = 64 << 10;
/// The longest answer that is taken: nothing that is asked for is longer.
const LARGEST: u32 = 4 << 20;

/// A connection on which commands are sent, one after the other.
pub(crate) struct Connection {
    wire: Wire,
    client: Client,
    commands: u32,
    capabilities: Vec<Capability<'static>>,
    read: Vec<u8>,
    timeout: Duration,
    /// What it is to, for errors.
    to: String,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("to", &self.to).field("commands", &self.commands).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects, and encrypts as is set.
    pub(crate) async fn open(config: &ImapConfig, tls: &Arc<ClientConfig>) -> Result<Self> {
        let plain = Wire::connect(config).await?;
        match config.encryption {
            Encryption::Tls => Self::greeted(config, plain.encrypt(config, tls).await?).await,
            Encryption::Off => Self::greeted(config, plain).await,
            Encryption::StartTls => {
                let mut unprotected = Self::greeted(config, plain).await?;
                if !unprotected.can(&Capability::StartTls) {
                    let error = unprotected.error(ErrorClass::Fatal, "the server has no STARTTLS");
                    return Err(error.advise("set `encrypt = \"tls\"`, and `port` to one with TLS from the first byte, such as 993"));
                }
                let answer = unprotected.execute(CommandBody::StartTLS).await?;
                if !answer.is_ok() {
                    return Err(answer.error(CONNECT, &unprotected.to));
                }
                // What came in the clear behind the answer counts for nothing: somebody else may have sent it.
                let mut connection = Self::new(config, unprotected.wire.encrypt(config, tls).await?, true);
                connection.ask_capabilities().await?;
                Ok(connection)
            }
        }
    }

    fn new(config: &ImapConfig, wire: Wire, is_greeted: bool) -> Self {
        let mut options = Options::default();
        (options.discard_greeting, options.max_response_size, options.crlf_relaxed) = (is_greeted, LARGEST, true);
        let (client, read) = (Client::new(options), vec![0; 16 << 10]);
        Self { wire, client, commands: 0, capabilities: Vec::new(), read, timeout: config.timeout, to: config.to_string() }
    }

    async fn greeted(config: &ImapConfig, wire: Wire) -> Result<Self> {
        let mut connection = Self::new(config, wire, false);
        let greeting = loop {
            if let Event::GreetingReceived { greeting } = connection.event().await? {
                break greeting;
            }
        };
        if greeting.kind == GreetingKind::Bye {
            let what = format!("the server takes no connection: {}", words(greeting.text.as_ref()));
            return Err(connection.error(ErrorClass::Transient, what));
        }
        match greeting.code {
            Some(Code::Capability(capabilities)) => connection.capabilities = capabilities.into_inner(),
            _ => connection.ask_capabilities().await?,
        }
        Ok(connection)
    }

    /// Whether the server has said that it can do this.
    pub(crate) fn can(&self, capability: &Capability<'static>) -> bool {
        self.capabilities.contains(capability)
    }

    /// The largest mail that the server says it takes (RFC 7889).
    pub(crate) fn append_limit(&self) -> Option<u64> {
        self.capabilities
            .iter()
            .map(ToString::to_string)
            .find_map(|name| name.to_ascii_uppercase().strip_prefix("APPENDLIMIT=")?.parse().ok())
    }

    pub(crate) fn error(&self, class: ErrorClass, what: impl Into<String>) -> Error {
        Error::new(ErrorKind::Mailbox, class, TALK, what).about(&self.to)
    }

    /// What errors say that it is to.
    pub(crate) fn to(&self) -> &str {
        &self.to
    }

    async fn ask_capabilities(&mut self) -> Result<()> {
        let answer = self.execute(CommandBody::Capability).await?;
        self.learn(&answer);
        Ok(())
    }

    /// Takes the capabilities from an answer that has any.
    fn learn(&mut self, answer: &Answer) -> bool {
        let said = answer.data.iter().find_map(|data| if let Data::Capability(said) = data { Some(said.as_ref()) } else { None });
        let mut codes = answer.code.iter().chain(&answer.codes);
        let in_code = codes.find_map(|code| if let Code::Capability(said) = code { Some(said.as_ref()) } else { None });
        let Some(capabilities) = in_code.or(said) else { return false };
        self.capabilities = capabilities.to_vec();
        true
    }

    /// Sends a command and takes its answer.
    pub(crate) async fn execute(&mut self, body: CommandBody<'static>) -> Result<Answer> {
        self.converse(body, Vec::new()).await
    }

    /// Signs in, with what is said when the server asks for it.
    pub(crate) async fn authenticate(&mut self, body: CommandBody<'static>, says: Vec<Secret>) -> Result<Answer> {
        let answer = self.converse(body, says).await?;
        // What a server can do may depend on who asks.
        if answer.is_ok() && !self.learn(&answer) {
            self.ask_capabilities().await?;
        }
        Ok(answer)
    }

    async fn converse(&mut self, body: CommandBody<'static>, says: Vec<Secret>) -> Result<Answer> {
        self.commands += 1;
        let tag = Tag::unvalidated(format!("A{}", self.commands));
        self.client.enqueue_command(Command { tag: tag.clone(), body });
        let (mut data, mut codes, mut says) = (Vec::new(), Vec::new(), says.into_iter());
        loop {
            let status = match self.event().await? {
                Event::DataReceived { data: more } => {
                    data.push(more);
                    continue;
                }
                Event::AuthenticateContinuationRequestReceived { .. } => {
                    let said = says
                        .next()
                        .map_or(AuthenticateData::Cancel, |said| AuthenticateData::r#continue(said.reveal().as_bytes().to_vec()));
                    // It is asked for, so that it is taken.
                    let _ = self.client.set_authenticate_data(said);
                    continue;
                }
                Event::StatusReceived { status }
                | Event::CommandRejected { status, .. }
                | Event::AuthenticateStatusReceived { status, .. } => status,
                _ => continue,
            };
            match status {
                Status::Tagged(Tagged { tag: of, body: StatusBody { kind, code, text } }) if of == tag => {
                    return Ok(Answer { kind, code, words: words(text.as_ref()), data, codes });
                }
                Status::Untagged(StatusBody { code, .. }) => codes.extend(code),
                Status::Bye(Bye { text, .. }) => {
                    let what = format!("the server closes the connection: {}", words(text.as_ref()));
                    return Err(self.error(ErrorClass::Transient, what));
                }
                Status::Tagged(_) => {}
            }
        }
    }

    /// Ends it; what the server says to that changes nothing.
    pub(crate) async fn leave(mut self) {
        let _: Result<Result<Answer>, _> = timeout(Duration::from_secs(2), self.execute(CommandBody::Logout)).await;
    }

    async fn event(&mut self) -> Result<Event> {
        loop {
            match self.client.next() {
                Ok(event) => return Ok(event),
                Err(Interrupt::Io(Io::Output(bytes))) => {
                    for piece in bytes.chunks(PIECE) {
                        let written = timeout(self.timeout, self.wire.write(piece)).await;
                        written.map_err(|_| self.silent())?.map_err(|error| self.lost(error))?;
                    }
                }
                Err(Interrupt::Io(Io::NeedMoreInput)) => {
                    let read = timeout(self.timeout, self.wire.read(&mut self.read)).await;
                    let length = read.map_err(|_| self.silent())?.map_err(|error| self.lost(error))?;
                    if length == 0 {
                        return Err(self.lost(io::ErrorKind::UnexpectedEof.into()));
                    }
                    self.client.enqueue_input(&self.read[..length]);
                }
                // What was sent is no cause to be shown: it may hold anything.
                Err(Interrupt::Error(_)) => {
                    return Err(self.error(ErrorClass::Transient, "what the server sends is not IMAP").advise(CHECK_PORT));
                }
            }
        }
    }

    fn silent(&self) -> Error {
        self.error(ErrorClass::Transient, format!("the server does nothing for {} s", self.timeout.as_secs_f64())).advise(CHECK_PORT)
    }

    fn lost(&self, error: io::Error) -> Error {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return self.error(ErrorClass::Transient, format!("the encrypted connection is broken: {tls}")).because(error);
        }
        self.error(ErrorClass::Transient, "the connection was lost").because(error)
    }
}
