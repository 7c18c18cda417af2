//! What serves a database: the stand-in, and a real SQL Server where one is named.

use std::sync::atomic::{AtomicUsize, Ordering};

use jabber_archive_sql::{
    MssqlConfig,
    testing::{Database, SqlServer},
};

use crate::{
    real_server::{Address, RealDatabase},
    setting::{Served, start},
};

/// How many tests had no real server to run against.
static SKIPPED: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
pub(crate) enum BackEnd {
    StandIn,
    Real(Address),
}

impl BackEnd {
    /// The server that `JABBER_ARCHIVE_TEST_MSSQL` names, unless there is none.
    ///
    /// # Panics
    ///
    /// If it is no address of a server.
    pub(crate) fn real() -> Option<Self> {
        let Ok(url) = std::env::var("JABBER_ARCHIVE_TEST_MSSQL") else {
            let skipped = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
            println!("SKIPPED ({skipped} so far): JABBER_ARCHIVE_TEST_MSSQL is not set");
            return None;
        };
        let form = "JABBER_ARCHIVE_TEST_MSSQL=mssql://user:password@host:port/database[?encrypt=off|login|on|strict&trust=true&ca_file=…]";
        Some(Self::Real(Address::parse(&url).expect(form)))
    }

    /// Serves a database as it is now; what is changed in it afterwards only the stand-in shows.
    pub(crate) async fn serve(&self, database: &Database) -> Serving {
        match self {
            Self::StandIn => Serving::StandIn(start(database).await),
            Self::Real(address) => Serving::Real(Box::pin(RealDatabase::make(address, database)).await),
        }
    }
}

/// A database that is served until this is dropped.
pub(crate) enum Serving {
    StandIn(SqlServer),
    Real(RealDatabase),
}

impl Serving {
    /// Where the server is.
    pub(crate) fn server(&self) -> (String, u16) {
        match self {
            Self::StandIn(server) => ("127.0.0.1".to_owned(), server.port()),
            Self::Real(database) => database.server(),
        }
    }

    /// How it is reached through a port of this machine.
    pub(crate) fn through(&self, port: u16) -> MssqlConfig {
        match self {
            Self::StandIn(server) => server.config().port(port),
            Self::Real(database) => database.through(port),
        }
    }
}

impl Served for Serving {
    fn config(&self) -> MssqlConfig {
        match self {
            Self::StandIn(server) => server.config(),
            Self::Real(database) => database.config(),
        }
    }
}

/// Makes two tests of each function that takes a back end: one for the stand-in, one for the real server.
macro_rules! on_every_back_end {
    ($($test:ident),* $(,)?) => {
        mod on_the_stand_in {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(&$crate::back_end::BackEnd::StandIn).await;
            })*
        }

        mod on_a_real_server {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if let Some(back_end) = $crate::back_end::BackEnd::real() {
                    super::$test(&back_end).await;
                }
            })*
        }
    };
}

pub(crate) use on_every_back_end;
