//! A stand-in for SQL Server: speaks TDS 7.4 on a loopback port, and 8.0 where it is strict.

mod answer;
mod browser;
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
mod setup;
mod stored;
mod tls;
mod wire;

use std::{fmt, io, sync::Arc};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, task::JoinSet};

pub use self::{
    browser::SqlBrowser,
    database::{Answered, ColumnType, Database, SignIn, Table, Value},
    fault::{Ending, Fault, Moment, Phase},
    setup::{Setup, Tls},
};
use self::{setup::Front, tls::Papers};

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
    papers: Option<Papers>,
    stop: Option<oneshot::Sender<()>>,
    listener: Option<JoinHandle<()>>,
}

impl SqlServer {
    /// Serves a database without encryption, which it says not to support.
    pub async fn start(database: Database) -> io::Result<Self> {
        Self::setup(database).start().await
    }

    /// Serves a database and requires encryption. The certificate is for `localhost` and `127.0.0.1`, by a new [`authority`](Self::authority).
    pub async fn start_encrypted(database: Database) -> io::Result<Self> {
        Self::setup(database).tls(Tls::Required).start().await
    }

    /// Serves a database otherwise.
    pub fn setup(database: Database) -> Setup {
        Setup::new(database)
    }

    /// The port of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate, as PEM, of the authority that vouches for an encrypted server.
    pub fn authority(&self) -> Option<&str> {
        self.papers.as_ref().map(|papers| papers.authority.as_str())
    }

    /// A certificate for a client, and its key, by the same authority, as PEM.
    pub fn client_certificate(&self) -> Option<(&str, &str)> {
        self.papers.as_ref().map(|papers| (papers.client.as_str(), papers.client_key.as_str()))
    }

    /// Closes the port and every connection.
    pub async fn stop(mut self) {
        // Without a receiver the task has ended already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(listener) = self.listener.take() {
            let _ = listener.await;
        }
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
        f.debug_struct("SqlServer").field("port", &self.port).field("encrypted", &self.papers.is_some()).finish_non_exhaustive()
    }
}

async fn serve(listener: TcpListener, database: Database, front: Arc<Front>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(connection::serve(stream, database.clone(), front.clone()));
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}
