//! Bytes to a server and back.

use std::{io, sync::Arc};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{self, ClientConfig, pki_types::ServerName},
};

use crate::{config::ImapConfig, connection::CONNECT};

/// A connection that carries bytes.
pub(crate) enum Wire {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Wire {
    pub(crate) async fn connect(config: &ImapConfig) -> Result<Self> {
        let connecting = timeout(config.timeout, TcpStream::connect((config.host.as_str(), config.port_or_usual()))).await;
        let stream = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).and_then(|stream| {
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        stream.map(Self::Plain).map_err(|error| {
            Error::new(ErrorKind::Mailbox, ErrorClass::Transient, CONNECT, "the server cannot be reached")
                .about(config)
                .advise("check `host` and `port`, the server's name and the firewall")
                .because(error)
        })
    }

    /// Encrypted from here on, to whom a certificate vouches for.
    pub(crate) async fn encrypt(self, config: &ImapConfig, tls: &Arc<ClientConfig>) -> Result<Self> {
        let Self::Plain(stream) = self else { return Ok(self) };
        let error = |class, what: String| Error::new(ErrorKind::Mailbox, class, CONNECT, what).about(config);
        let name = ServerName::try_from(config.host.clone()).map_err(|source| {
            error(ErrorClass::Fatal, "no certificate can be for this host".to_owned())
                .advise("use the host name that is in the server's certificate")
                .because(source)
        })?;
        let shaking = timeout(config.timeout, TlsConnector::from(tls.clone()).connect(name, stream)).await;
        let shaken = shaking.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        shaken.map(|stream| Self::Encrypted(Box::new(stream))).map_err(|source| {
            match source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(refused @ rustls::Error::InvalidCertificate(_)) => {
                    error(ErrorClass::Fatal, format!("no encrypted connection: {refused}")).advise(
                        "name the authority that signed the server's certificate with `ca_file`, and use the host name that is in the certificate",
                    )
                }
                Some(refused) => error(ErrorClass::Fatal, format!("no encrypted connection: {refused}"))
                    .advise("check that `port` is right for `encrypt`, and that the server has TLS 1.2 or later"),
                None => error(ErrorClass::Transient, "the connection was lost before it was encrypted".to_owned())
                    .advise("if it always is: check that `port` is right for `encrypt`"),
            }
            .because(source)
        })
    }

    pub(crate) async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(into).await,
            Self::Encrypted(stream) => stream.read(into).await,
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Encrypted(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }
}
