use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jabber_archive_core::{Delivery, Letter, Mailboxes, Refusal, Result};
use tokio_rustls::rustls::ClientConfig;

use crate::{config::ImapConfig, session::Session, tls};

/// A connection that was not used for so long is not used again: the server or something on the way may have ended it.
const STALE: Duration = Duration::from_mins(1);

/// The mailboxes of a server.
///
/// Mails go into one folder below the inbox of each, which is made and subscribed to where it is missing; they are seen, and no drafts.
pub struct ImapMailboxes {
    config: ImapConfig,
    tls: Arc<ClientConfig>,
    /// Connections between deliveries, the one that was used last at the end.
    idle: Mutex<Vec<Session>>,
}

impl ImapMailboxes {
    /// Nothing is connected to yet.
    ///
    /// # Errors
    ///
    /// If settings contradict each other, or certificates cannot be read.
    pub fn new(config: ImapConfig) -> Result<Self> {
        config.check()?;
        let tls = tls::settings(config.authority.as_deref())?;
        Ok(Self { config, tls, idle: Mutex::default() })
    }

    /// Opens a mailbox, as a delivery does, and makes the folder in it; what refuses it, if something does.
    pub async fn check(&self, mailbox: &str) -> Result<Option<Refusal>> {
        match Session::open(&self.config, &self.tls, mailbox).await? {
            Ok(session) => {
                session.leave().await;
                Ok(None)
            }
            Err(refusal) => Ok(Some(refusal)),
        }
    }

    /// Signs out everywhere.
    pub async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle());
        for session in idle {
            session.leave().await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn session(&self, mailbox: &str) -> Result<Result<Session, Refusal>> {
        let there = {
            let mut idle = self.idle();
            let place = idle.iter().position(|session| session.mailbox == mailbox);
            place.map(|place| idle.remove(place))
        };
        match there {
            Some(session) if session.used.elapsed() < STALE => Ok(Ok(session)),
            _ => Session::open(&self.config, &self.tls, mailbox).await,
        }
    }

    /// Keeps a connection for the next mail; the one that was used the longest ago goes where there are too many.
    async fn keep(&self, session: Session) {
        let last = {
            let mut idle = self.idle();
            idle.push(session);
            (idle.len() > self.config.connections).then(|| idle.remove(0))
        };
        if let Some(last) = last {
            last.leave().await;
        }
    }
}

#[async_trait]
impl Mailboxes for ImapMailboxes {
    async fn deliver(&self, mailbox: &str, letter: &Letter, search: bool) -> Result<Delivery> {
        let mut session = match self.session(mailbox).await? {
            Ok(session) => session,
            Err(refusal) => return Ok(Delivery::Refused(refusal)),
        };
        let delivery = session.deliver(letter, search).await?;
        self.keep(session).await;
        Ok(delivery)
    }
}

impl fmt::Debug for ImapMailboxes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImapMailboxes").field("config", &self.config).finish_non_exhaustive()
    }
}
