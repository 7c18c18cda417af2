//! A stand-in for SQL Server: speaks TDS 7.4 on a loopback port.

mod answer;
mod collation;
mod connection;
mod database;
mod fault;
mod kind;
mod login;
mod query;
mod refusal;
mod request;
mod response;
mod stored;
mod tls;
mod wire;

use std::{fmt, io, net::Ipv4Addr};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, task::JoinSet};
use tokio_rustls::TlsAcceptor;

use self::tls::Identity;
pub use self::{
    database::{ColumnType, Database, Table, Value},
    fault::{Ending, Fault, Moment, Phase},
};

/// A stand-in for SQL Server on a port of 127.0.0.1: serves one [`Database`] to any client that speaks TDS 7.4.
///
/// It knows what a reader of tables sends, and answers all else with error 102. Like SQL Server it has no order of rows but the one in which it finds them.
/// Stops when dropped.
///
/// ```
/// use jabber_archive_sql::testing::{ColumnType, Database, SqlServer, Table, Value};
/// use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
/// use tokio_util::compat::TokioAsyncWriteCompatExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let database = Database::new("chat");
/// database.put(Table::new("tc_rooms").column("name", ColumnType::NVarChar(50)).rows([vec![Value::text("board")]]));
/// let server = SqlServer::start(database).await?;
///
/// let mut config = Config::new();
/// config.port(server.port());
/// config.database("chat");
/// config.encryption(EncryptionLevel::NotSupported);
/// config.authentication(AuthMethod::sql_server("jabber_reader", "demo"));
/// let stream = tokio::net::TcpStream::connect(("127.0.0.1", server.port())).await?;
/// let mut client = Client::connect(config, stream.compat_write()).await?;
/// let rooms = client.query("SELECT [name] FROM [dbo].[tc_rooms]", &[]).await?.into_first_result().await?;
/// assert_eq!(rooms[0].get("name"), Some("board"));
/// # Ok(())
/// # }
/// ```
pub struct SqlServer {
    port: u16,
    authority: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    listener: Option<JoinHandle<()>>,
}

impl SqlServer {
    /// Serves a database without encryption, which it says not to support.
    pub async fn start(database: Database) -> io::Result<Self> {
        Self::listen(database, None).await
    }

    /// Serves a database and requires encryption. The certificate is for `localhost` and `127.0.0.1`, by a new [`authority`](Self::authority).
    pub async fn start_encrypted(database: Database) -> io::Result<Self> {
        Self::listen(database, Some(Identity::new()?)).await
    }

    /// The port of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate, as PEM, of the authority that vouches for an encrypted server.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// Closes the port and every connection.
    pub async fn stop(mut self) {
        // Without a receiver the task has ended already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(listener) = self.listener.take() {
            let _ = listener.await;
        }
    }

    async fn listen(database: Database, identity: Option<Identity>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (acceptor, authority) = identity.map(|identity| (identity.acceptor, identity.authority)).unzip();
        let (stop, stopped) = oneshot::channel();
        let listener = tokio::spawn(serve(listener, database, acceptor, stopped));
        Ok(Self { port, authority, stop: Some(stop), listener: Some(listener) })
    }
}

impl Drop for SqlServer {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

impl fmt::Debug for SqlServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlServer").field("port", &self.port).field("encrypted", &self.authority.is_some()).finish_non_exhaustive()
    }
}

async fn serve(listener: TcpListener, database: Database, acceptor: Option<TlsAcceptor>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(connection::serve(stream, database.clone(), acceptor.clone()));
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}
