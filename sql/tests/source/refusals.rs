//! What an administrator gets wrong, and what is said about it.

use std::error::Error as _;

use futures::StreamExt;
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Secret, Source, Span};
use jabber_archive_sql::{
    Encrypt, MssqlConfig, MssqlSource,
    testing::{ColumnType, Database, Fault, SqlServer, Table, tables},
};

use crate::setting::{SHORT, config, database, source, start};

fn span() -> Span {
    Span::new("2026-11-21T00:00:00Z".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap())
}

/// The error says this, is of this class, and shows no password, whatever it is caused by.
fn assert_refused(error: &Error, class: ErrorClass, words: &[&str]) {
    assert_eq!((error.kind(), error.class()), (ErrorKind::Source, class), "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "`{word}` is not in: {error}");
    }
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&error.to_string());
        cause = error.source();
    }
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn a_wrong_host_and_a_wrong_port_may_pass() {
    let closed = {
        let server = start(&database(Vec::new())).await;
        let port = server.port();
        server.stop().await;
        port
    };
    for (host, port) in [("127.0.0.1", closed), ("no-such-host.invalid", 1433)] {
        let config = MssqlConfig::new(host, "tcmadb", "jabber_reader", Secret::new("s3cret")).port(port).limits(SHORT);
        let error = MssqlSource::new(config).clocks().await.unwrap_err();
        assert_refused(&error, ErrorClass::Transient, &[host, "cannot be reached", "check `host` and `port`"]);
        assert!(error.source().is_some());
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_at_once() {
    let server = start(&database(Vec::new())).await;
    let config = MssqlConfig::new("127.0.0.1", "tcmadb", "jabber_reader", Secret::new("s3cret")).port(server.port()).encrypt(Encrypt::Off);
    let error = MssqlSource::new(config).clocks().await.unwrap_err();
    assert_refused(&error, ErrorClass::Fatal, &["refuses the login of `jabber_reader`", "18456", "check `user` and `password`"]);
}

#[tokio::test]
async fn a_wrong_database_is_named() {
    let server = start(&database(Vec::new())).await;
    let config = MssqlConfig::new("127.0.0.1", "tcmadb2", "jabber_reader", Secret::new("demo")).port(server.port()).encrypt(Encrypt::Off);
    let error = MssqlSource::new(config).clocks().await.unwrap_err();
    assert_refused(&error, ErrorClass::Fatal, &["no database `tcmadb2`", "4060"]);
}

#[tokio::test]
async fn a_database_that_was_open_before_may_open_again() {
    let database = database(Vec::new());
    let server = start(&database).await;
    let source = source(&server);
    database.inject(Fault::close_database().times(2));
    let never_seen = source.clocks().await.unwrap_err();
    assert_refused(&never_seen, ErrorClass::Fatal, &["no database `tcmadb`", "4060"]);
    let another = MssqlSource::new(config(&server));
    assert_refused(&another.clocks().await.unwrap_err(), ErrorClass::Fatal, &["4060"]);
    source.clocks().await.unwrap();
    database.inject(Fault::close_database().times(2));
    let closed = source.clocks().await.unwrap_err();
    assert_refused(&closed, ErrorClass::Transient, &["the database `tcmadb` is not open any more, or not yet", "4060"]);
    // What one source has seen says nothing of another.
    assert_refused(&another.clocks().await.unwrap_err(), ErrorClass::Fatal, &["4060"]);
    source.clocks().await.unwrap();
}

#[tokio::test]
async fn a_database_without_messages_is_refused() {
    let server = start(&Database::new("tcmadb")).await;
    let error = source(&server).extent("2026-11-22T00:00:00Z".parse().unwrap()).await.unwrap_err();
    assert_refused(&error, ErrorClass::Fatal, &["neither `jm` nor `tc_msgarchive`", "schema `dbo`", "GRANT SELECT"]);
}

#[tokio::test]
async fn a_table_that_is_asked_for_must_be_there() {
    let server = start(&database(Vec::new())).await;
    let asked = MssqlSource::new(config(&server).tables(["jm".to_owned(), "tc_timelog".to_owned()]));
    let error = asked.extent("2026-11-22T00:00:00Z".parse().unwrap()).await.unwrap_err();
    assert_refused(&error, ErrorClass::Fatal, &["table tc_timelog", "is not there in schema `dbo`", "check `tables`"]);
}

#[tokio::test]
async fn a_name_of_no_table_is_refused_in_tables() {
    let server = start(&database(Vec::new())).await;
    let error = MssqlSource::new(config(&server).tables(["jn".to_owned()])).extent(span().end).await.unwrap_err();
    assert_eq!((error.kind(), error.class()), (ErrorKind::Config, ErrorClass::Fatal));
    assert!(error.to_string().contains("`jn` is no table") && error.to_string().contains("jm, tc_msgarchive"), "{error}");
}

#[tokio::test]
async fn a_replica_shows_in_the_survey() {
    let database = database(Vec::new());
    let server = start(&database).await;
    assert!(!source(&server).survey().await.unwrap().read_only);
    database.set_read_only(true);
    assert!(source(&server).survey().await.unwrap().read_only);
}

#[tokio::test]
async fn a_missing_column_is_named() {
    let database = Database::new("tcmadb");
    database.put(Table::new("jm").column("to_jid", ColumnType::NVarChar(3071)).column("sent_date", ColumnType::DateTime));
    let server = start(&database).await;
    let error = source(&server).records(span()).next().await.unwrap().unwrap_err();
    assert_refused(&error, ErrorClass::Fatal, &["table jm", "has no column `from_jid`, `direction`"]);
}

#[tokio::test]
async fn a_type_that_is_not_understood_is_refused() {
    let database = Database::new("tcmadb");
    database.put(Table::new("jm").column("sent_date", ColumnType::NVarChar(30)));
    let server = start(&database).await;
    let error = source(&server).records(span()).next().await.unwrap().unwrap_err();
    assert_refused(&error, ErrorClass::Fatal, &["table jm", "`sent_date` is of type nvarchar(30)", "not understood"]);
}

#[tokio::test]
async fn tables_that_differ_in_case_alone_are_refused_by_name() {
    let database = Database::new("tcmadb");
    database.set_collation("Latin1_General_CS_AS");
    database.put(tables::jm());
    database.put(tables::jm().named("JM"));
    let server = start(&database).await;
    let error = source(&server).extent(span().end).await.unwrap_err();
    assert_refused(&error, ErrorClass::Fatal, &["table jm", "differ in case alone: [dbo].[jm] and [dbo].[JM]"]);
    let survey = source(&server).survey().await.unwrap();
    assert!(survey.tables[0].fault.as_deref().unwrap().contains("differ in case alone"), "{:?}", survey.tables[0]);
}

#[tokio::test]
async fn a_missing_permission_says_what_to_grant() {
    let database = database(Vec::new());
    database.deny("jm");
    let server = start(&database).await;
    let error = source(&server).records(span()).next().await.unwrap().unwrap_err();
    assert_refused(&error, ErrorClass::Fatal, &["table jm", "`jabber_reader` may not read it", "GRANT SELECT", "229"]);
    let survey = source(&server).survey().await.unwrap();
    let table = survey.tables.iter().find(|table| table.name == "jm").unwrap();
    assert!(table.found && !table.readable);
    assert!(table.fault.as_deref().unwrap().contains("GRANT SELECT"));
}

#[tokio::test]
async fn an_encrypted_server_is_trusted_by_its_authority_and_by_nothing_less() {
    let server = SqlServer::start_encrypted(database(Vec::new())).await.unwrap();
    let encrypted = |host: &str| {
        MssqlConfig::new(host, "tcmadb", "jabber_reader", Secret::new("demo")).port(server.port()).encrypt(Encrypt::On).limits(SHORT)
    };
    let authority = server.authority().unwrap();
    MssqlSource::new(encrypted("localhost").certificate_authority(authority)).clocks().await.unwrap();
    MssqlSource::new(encrypted("localhost").trust_server_certificate(true)).clocks().await.unwrap();

    let error = MssqlSource::new(encrypted("localhost")).clocks().await.unwrap_err();
    assert_refused(&error, ErrorClass::Fatal, &["no encrypted connection", "`ca_file`"]);
    let other = SqlServer::start_encrypted(database(Vec::new())).await.unwrap();
    let foreign = MssqlSource::new(encrypted("localhost").certificate_authority(other.authority().unwrap()));
    assert_refused(&foreign.clocks().await.unwrap_err(), ErrorClass::Fatal, &["no encrypted connection"]);
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_is_refused_unless_that_is_wanted() {
    let server = start(&database(Vec::new())).await;
    let error = MssqlSource::new(config(&server).encrypt(Encrypt::On)).clocks().await.unwrap_err();
    assert_refused(&error, ErrorClass::Fatal, &["does not encrypt", "encrypt = \"off\""]);
}

#[tokio::test]
async fn another_schema_is_looked_into() {
    let database = Database::new("tcmadb");
    database.put(tables::jm());
    let server = start(&database).await;
    let error = MssqlSource::new(config(&server).schema("cisco]x")).extent(span().end).await.unwrap_err();
    assert_refused(&error, ErrorClass::Fatal, &["schema `cisco]x`"]);
}
