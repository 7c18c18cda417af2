use std::{io, net::Ipv4Addr, sync::Arc};

use tokio::{net::TcpListener, sync::oneshot};
use tokio_rustls::TlsAcceptor;

use super::{SqlServer, database::Database, serve, tls::Identity};

/// When a stand-in encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tls {
    /// The login, and all else of clients that want it.
    Login,
    /// Everything, from before the login on.
    Required,
    /// Everything, from the first byte on: TDS 8.0.
    Strict,
}

/// How a stand-in is to be served; begun by [`SqlServer::setup`].
#[derive(Debug)]
pub struct Setup {
    database: Database,
    port: u16,
    tls: Option<Tls>,
    client_certificates: bool,
    instance: String,
}

/// What every connection of a stand-in is told.
pub(super) struct Front {
    pub(super) tls: Option<(Tls, TlsAcceptor)>,
    /// Empty for the default instance.
    pub(super) instance: String,
}

impl Setup {
    pub(super) fn new(database: Database) -> Self {
        Self { database, port: 0, tls: None, client_certificates: false, instance: String::new() }
    }

    /// On this port of 127.0.0.1, where it would take any that is free: that of a stand-in that was stopped is free again.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// With encryption. The certificate is for `localhost` and `127.0.0.1`, by a new [`authority`](SqlServer::authority).
    #[must_use]
    pub fn tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Refuses clients without a [certificate](SqlServer::client_certificate) by its own authority.
    #[must_use]
    pub fn client_certificates(self) -> Self {
        Self { client_certificates: true, ..self }
    }

    /// As the instance of this name; clients that ask for another are told so.
    #[must_use]
    pub fn instance(self, name: impl Into<String>) -> Self {
        Self { instance: name.into(), ..self }
    }

    /// Opens the port.
    ///
    /// # Errors
    ///
    /// If it cannot be had.
    pub async fn start(self) -> io::Result<SqlServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        let port = listener.local_addr()?.port();
        let identity = self.tls.map(|tls| Identity::new(tls, self.client_certificates).map(|identity| (tls, identity))).transpose()?;
        let (tls, identity) = match identity {
            Some((tls, Identity { acceptor, papers })) => (Some((tls, acceptor)), Some(papers)),
            None => (None, None),
        };
        let (stop, stopped) = oneshot::channel();
        let front = Arc::new(Front { tls, instance: self.instance });
        let listener = tokio::spawn(serve(listener, self.database, front, stopped));
        Ok(SqlServer { port, papers: identity, stop: Some(stop), listener: Some(listener) })
    }
}
