//! One connection to the database: logged in, set up, and used for one statement after another.

use std::{borrow::Cow, time::Duration};

use futures::{StreamExt, stream::BoxStream};
use jabber_archive_core::{Error, ErrorClass, Result, Timestamp};
use tiberius::{AuthMethod, Client, ColumnData, Config, EncryptionLevel, ToSql};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::{
    config::{Encrypt, MssqlConfig, Place},
    date::{self, DateType},
    fault::Operation,
    reach::reach,
    statements,
};

/// A server may send us on to another one; no availability group does so more often.
const REDIRECTIONS: usize = 3;

/// How the connection shows in the server's lists of sessions.
const APPLICATION: &str = concat!("jabber-archive ", env!("CARGO_PKG_VERSION"));

/// A value as the driver gives it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Text(String),
    Int(i64),
    Time(Timestamp),
    /// Of a type that is not read.
    Other,
}

impl From<ColumnData<'static>> for Value {
    fn from(data: ColumnData<'static>) -> Self {
        match data {
            ColumnData::String(Some(text)) => Self::Text(text.into_owned()),
            ColumnData::U8(Some(number)) => Self::Int(number.into()),
            ColumnData::I16(Some(number)) => Self::Int(number.into()),
            ColumnData::I32(Some(number)) => Self::Int(number.into()),
            ColumnData::I64(Some(number)) => Self::Int(number),
            ColumnData::String(None)
            | ColumnData::U8(None)
            | ColumnData::I16(None)
            | ColumnData::I32(None)
            | ColumnData::I64(None)
            | ColumnData::SmallDateTime(None)
            | ColumnData::DateTime(None)
            | ColumnData::DateTime2(None) => Self::Null,
            other => date::timestamp(&other).map_or(Self::Other, Self::Time),
        }
    }
}

/// A parameter of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Parameter<'a> {
    Text(&'a str),
    Int(i32),
    /// A bound of a column of this type.
    Time(DateType, Timestamp),
}

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> ColumnData<'_> {
        match self {
            Self::Text(text) => ColumnData::String(Some(Cow::Borrowed(text))),
            Self::Int(number) => ColumnData::I32(Some(*number)),
            Self::Time(kind, time) => kind.bound(*time),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Connection<'a> {
    config: &'a MssqlConfig,
    client: Client<Compat<TcpStream>>,
}

impl<'a> Connection<'a> {
    /// Connects, logs in and sets the session up. What signs in is fetched anew each time.
    pub(crate) async fn open(config: &'a MssqlConfig, snapshot: bool) -> Result<Self> {
        let operation = Operation { config, verb: "connect to", table: "" };
        let limit = config.limits.connect;
        let client = timeout(limit, Self::log_in(config, operation)).await.map_err(|_| operation.too_slow("no connection", limit))??;
        let mut connection = Self { config, client };
        connection.set_up(snapshot).await?;
        config.see();
        Ok(connection)
    }

    async fn log_in(config: &MssqlConfig, operation: Operation<'_>) -> Result<Client<Compat<TcpStream>>> {
        let authentication = config.login.authentication().await?;
        let (mut host, mut place) = (config.host.clone(), config.place.clone());
        for _ in 0..=REDIRECTIONS {
            let (stream, driver) = reach(driver_config(config, authentication.clone()), &host, &place, operation).await?;
            match Box::pin(Client::connect(driver, stream.compat_write())).await {
                Ok(client) => return Ok(client),
                Err(tiberius::error::Error::Routing { host: other, port }) => {
                    // A server may name the instance too, of which the port says all.
                    let name = other.split_once('\\').map_or(other.as_str(), |(name, _)| name);
                    (host, place) = (name.to_owned(), Place::Port(port));
                }
                Err(error) => return Err(operation.classify_login(error)),
            }
        }
        Err(operation.error(ErrorClass::Fatal, "the server sends the connection from one server to another without end"))
    }

    async fn set_up(&mut self, snapshot: bool) -> Result<()> {
        let operation = Operation { config: self.config, verb: "set up session on", table: "" };
        let limit = self.config.limits.connect;
        let batch = async { self.client.simple_query(statements::session(snapshot)).await?.into_results().await };
        timeout(limit, batch).await.map_err(|_| operation.too_slow("no answer", limit))?.map_err(|error| operation.classify(error))?;
        Ok(())
    }

    /// Sends a statement. A connection whose answer was not read to its end is dropped, never used again.
    pub(crate) async fn query(
        &mut self,
        verb: &'static str,
        table: &'a str,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Answer<'_>> {
        let operation = Operation { config: self.config, verb, table };
        let parameters: Vec<&dyn ToSql> = parameters.iter().map(|parameter| parameter as &dyn ToSql).collect();
        let first_row = self.config.limits.first_row;
        let deadline = Instant::now() + first_row;
        let asked = timeout_at(deadline, self.client.query(statement.to_owned(), &parameters)).await;
        let stream = asked.map_err(|_| operation.too_slow("no first row", first_row))?.map_err(|error| operation.classify(error))?;
        Ok(Answer { operation, rows: stream.into_row_stream(), deadline, first: true, idle: first_row })
    }

    /// All rows of a small answer.
    pub(crate) async fn rows(
        &mut self,
        verb: &'static str,
        table: &'a str,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Vec<Value>>> {
        let mut answer = self.query(verb, table, statement, parameters).await?;
        let mut rows = Vec::new();
        while let Some(row) = answer.next().await? {
            rows.push(row);
        }
        Ok(rows)
    }

    /// The one row of an answer that always has one.
    pub(crate) async fn row<const N: usize>(
        &mut self,
        verb: &'static str,
        table: &'a str,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<[Value; N]> {
        let rows = self.rows(verb, table, statement, parameters).await?;
        let row = rows.into_iter().next().and_then(|row| row.try_into().ok());
        row.ok_or_else(|| unexpected(Operation { config: self.config, verb, table }))
    }
}

/// The answer does not have the form that the statement gives it.
pub(crate) fn unexpected(operation: Operation<'_>) -> Error {
    operation.error(ErrorClass::Fatal, "the server's answer is not one to the statement")
}

/// The rows of an answer as they come.
pub(crate) struct Answer<'a> {
    operation: Operation<'a>,
    rows: BoxStream<'a, tiberius::Result<tiberius::Row>>,
    deadline: Instant,
    /// Whether no row has come yet.
    first: bool,
    idle: Duration,
}

impl Answer<'_> {
    /// An answer that an index spares a scan: its rows follow each other closely.
    pub(crate) fn sought(mut self) -> Self {
        self.idle = self.operation.config.limits.idle;
        self
    }

    /// The next row, `None` after the last; an error if the server stays silent for too long or the connection ends before the answer does.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Value>>> {
        let next = timeout_at(self.deadline, self.rows.next()).await.map_err(|_| {
            let limits = &self.operation.config.limits;
            if self.first {
                self.operation.too_slow("no first row", limits.first_row)
            } else {
                self.operation.too_slow("neither a further row nor the end", self.idle)
            }
        })?;
        self.first = false;
        self.deadline = Instant::now() + self.idle;
        let row = next.transpose().map_err(|error| self.operation.classify(error))?;
        Ok(row.map(|row| row.into_iter().map(Value::from).collect()))
    }
}

/// Everything but where the server is.
fn driver_config(config: &MssqlConfig, authentication: AuthMethod) -> Config {
    let mut driver = Config::new();
    driver.database(&config.database);
    driver.authentication(authentication);
    driver.application_name(APPLICATION);
    driver.readonly(config.read_only_intent);
    // Limits of time are ours: the driver's counts between tokens, and a scan may take long to its first row.
    driver.command_timeout(None);
    driver.handshake_timeout(None);
    // One broken surrogate would end the stream otherwise.
    driver.lossy_utf16_decoding(true);
    driver.encryption(match config.encrypt {
        Encrypt::Off => EncryptionLevel::NotSupported,
        Encrypt::Login => EncryptionLevel::Off,
        Encrypt::On => EncryptionLevel::Required,
        Encrypt::Strict => EncryptionLevel::Strict,
    });
    if let Some(name) = &config.host_name_in_certificate {
        driver.hostname_in_certificate(name);
    }
    if let Some((certificate, key)) = &config.client_certificate {
        driver.client_certificate(certificate, key);
    }
    if config.trust_server_certificate {
        driver.trust_cert();
    } else if let Some(authority) = &config.authority {
        driver.trust_cert_ca_bundle(authority.clone());
    }
    driver
}
