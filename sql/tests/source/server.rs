//! The same statements against a real server, where one is named.

use std::env;

use futures::TryStreamExt;
use jabber_archive_core::{Grid, Record, Secret, Source, Span, Timestamp, Window};
use jabber_archive_sql::{Encrypt, MssqlConfig, MssqlSource};

/// `mssql://user:password@host:port/database`; reads at most the last window.
#[tokio::test]
async fn a_real_server_takes_every_statement() {
    let Ok(url) = env::var("JABBER_ARCHIVE_TEST_MSSQL") else {
        println!("SKIPPED: JABBER_ARCHIVE_TEST_MSSQL is not set");
        return;
    };
    let source = MssqlSource::new(parse(&url).expect("mssql://user:password@host:port/database"));
    let survey = source.survey().await.unwrap();
    println!("{survey:?}");
    source.context().await.unwrap();
    let extent = source.extent(survey.clock).await.unwrap();
    source.tally(Window::UNDATED.span(), &Grid::daily()).await.unwrap();
    let window = Grid::daily().window_at(extent.last.unwrap_or(Timestamp::PLAUSIBLE));
    let tallies = source.tally(window.span(), &Grid::daily()).await.unwrap();
    let batches: Vec<Vec<Record>> = source.records(Span::new(window.start(), window.end())).try_collect().await.unwrap();
    let dated = batches.iter().flatten().filter(|record| window.contains(record.sent())).count() as u64;
    assert_eq!(tallies.iter().map(|tally| tally.rows).sum::<u64>(), dated);
    let length: u64 = batches.iter().flatten().filter(|record| window.contains(record.sent())).map(Record::length).sum();
    assert_eq!(tallies.iter().map(|tally| tally.length).sum::<u64>(), length);
}

fn parse(url: &str) -> Option<MssqlConfig> {
    let (login, place) = url.strip_prefix("mssql://")?.rsplit_once('@')?;
    let (user, password) = login.split_once(':')?;
    let (server, database) = place.split_once('/')?;
    let (host, port) = server.split_once(':')?;
    let encrypt = if env::var_os("JABBER_ARCHIVE_TEST_MSSQL_PLAIN").is_some() { Encrypt::Off } else { Encrypt::On };
    Some(
        MssqlConfig::new(host, database, user, Secret::new(password))
            .port(port.parse().ok()?)
            .encrypt(encrypt)
            .trust_server_certificate(true),
    )
}
