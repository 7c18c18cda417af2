//! How a server is found, what is encrypted on the way, and who signs in.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Secret, SecretSource, Source};
use jabber_archive_sql::{
    AccessTokens, Encrypt, Login, MssqlConfig, MssqlSource,
    testing::{Database, SqlBrowser, SqlServer, Tls},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::setting::{SHORT, config, database, start};

/// A database with one message that says what nobody may read on the way.
fn confidential() -> Database {
    database(vec![crate::setting::jm_row(
        jabber_archive_sql::testing::Value::time("2026-11-21T10:00:00Z".parse().unwrap()),
        "c0nf1d3nt1al",
    )])
}

async fn serve(tls: Tls) -> SqlServer {
    SqlServer::setup(confidential()).tls(tls).start().await.unwrap()
}

fn encrypted(server: &SqlServer, encrypt: Encrypt) -> MssqlConfig {
    let config = MssqlConfig::new("localhost", "tcmadb", "jabber_reader", Secret::new("demo")).port(server.port()).limits(SHORT);
    config.encrypt(encrypt).certificate_authority(server.authority().unwrap())
}

async fn read(config: MssqlConfig) -> Result<usize> {
    use futures::TryStreamExt;
    let span = jabber_archive_core::Span::new("2026-11-21T00:00:00Z".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap());
    let rows: Vec<Vec<_>> = MssqlSource::new(config).records(span).try_collect().await?;
    Ok(rows.concat().len())
}

/// What passes through a wire to a server, both ways.
async fn tapped(server: &SqlServer) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let (listener, port) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), server.port());
    let (front, seen) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let tap = seen.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
            for (mut from, mut to) in [(from_client, to_server), (from_server, to_client)] {
                let tap = tap.clone();
                tokio::spawn(async move {
                    let mut bytes = vec![0; 16 << 10];
                    while let Ok(read @ 1..) = from.read(&mut bytes).await {
                        tap.lock().unwrap().extend_from_slice(&bytes[..read]);
                        if to.write_all(&bytes[..read]).await.is_err() {
                            break;
                        }
                    }
                });
            }
        }
    });
    (front, seen)
}

fn holds(seen: &Mutex<Vec<u8>>, text: &str) -> bool {
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    seen.lock().unwrap().windows(wide.len()).any(|window| window == wide)
}

#[tokio::test]
async fn what_is_encrypted_cannot_be_read_on_the_way() {
    let (login, required, strict) = (serve(Tls::Login).await, serve(Tls::Required).await, serve(Tls::Strict).await);
    let plain = SqlServer::start(confidential()).await.unwrap();
    // Whether the login's name, and whether a message, can be read on the wire.
    for (server, encrypt, name, text) in [
        (&plain, Encrypt::Off, true, true),
        (&login, Encrypt::Off, true, true),
        (&login, Encrypt::Login, false, true),
        (&login, Encrypt::On, false, false),
        (&required, Encrypt::Login, false, false),
        (&required, Encrypt::On, false, false),
        (&strict, Encrypt::Strict, false, false),
    ] {
        let (port, seen) = tapped(server).await;
        let config =
            MssqlConfig::new("localhost", "tcmadb", "jabber_reader", Secret::new("demo")).port(port).encrypt(encrypt).limits(SHORT);
        let config = match server.authority() {
            Some(authority) => config.certificate_authority(authority),
            None => config,
        };
        assert_eq!(read(config).await.unwrap(), 1, "{encrypt:?}");
        assert_eq!((holds(&seen, "jabber_reader"), holds(&seen, "c0nf1d3nt1al")), (name, text), "{encrypt:?}");
    }
}

fn assert_error(error: &Error, class: ErrorClass, words: &[&str]) {
    assert_eq!((error.kind(), error.class()), (ErrorKind::Source, class), "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "`{word}` is not in: {error}");
    }
}

#[tokio::test]
async fn strict_servers_and_others_are_told_apart() {
    let (strict, required) = (serve(Tls::Strict).await, serve(Tls::Required).await);
    let error = read(encrypted(&strict, Encrypt::On)).await.unwrap_err();
    assert_error(&error, ErrorClass::Transient, &["closed the connection before the login", "encrypt = \"strict\""]);
    let error = read(encrypted(&required, Encrypt::Strict)).await.unwrap_err();
    assert_error(&error, ErrorClass::Transient, &["closed the connection before the login", "TDS 8.0", "encrypt = \"on\""]);
}

#[tokio::test]
async fn the_certificate_is_checked_in_every_mode() {
    for (tls, encrypt) in [(Tls::Login, Encrypt::Login), (Tls::Required, Encrypt::On), (Tls::Strict, Encrypt::Strict)] {
        let (server, other) = (serve(tls).await, serve(tls).await);
        let foreign = encrypted(&server, encrypt).certificate_authority(other.authority().unwrap());
        assert_error(&read(foreign).await.unwrap_err(), ErrorClass::Fatal, &["no encrypted connection", "`ca_file`"]);
        assert_eq!(read(encrypted(&server, encrypt)).await.unwrap(), 1);

        let misnamed = encrypted(&server, encrypt).host_name_in_certificate("sql01.example.com");
        assert_error(&read(misnamed).await.unwrap_err(), ErrorClass::Fatal, &["no encrypted connection", "sql01.example.com"]);
    }
}

#[tokio::test]
async fn the_name_in_the_certificate_may_be_another_than_the_host() {
    let server = serve(Tls::Required).await;
    // An address that is not in the certificate, as behind a tunnel.
    let elsewhere = MssqlConfig::new("127.1", "tcmadb", "jabber_reader", Secret::new("demo"));
    let elsewhere = elsewhere.port(server.port()).certificate_authority(server.authority().unwrap()).limits(SHORT);
    assert_eq!(read(elsewhere.clone()).await.unwrap_err().class(), ErrorClass::Fatal);
    assert_eq!(read(elsewhere.host_name_in_certificate("localhost")).await.unwrap(), 1);
}

#[tokio::test]
async fn a_certificate_of_ours_is_shown_to_a_server_that_asks_for_it() {
    let folder = std::env::temp_dir().join(format!("jabber-archive-{}-certificate", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for tls in [Tls::Required, Tls::Strict] {
        let server = SqlServer::setup(confidential()).tls(tls).client_certificates().start().await.unwrap();
        let encrypt = if tls == Tls::Strict { Encrypt::Strict } else { Encrypt::On };
        let (certificate, key) = (folder.join("client.pem"), folder.join("client.key"));
        let (pem, key_pem) = server.client_certificate().unwrap();
        fs::write(&certificate, pem).unwrap();
        fs::write(&key, key_pem).unwrap();
        let config = encrypted(&server, encrypt);
        assert_eq!(read(config.clone().client_certificate(&certificate, &key)).await.unwrap(), 1, "{tls:?}");
        read(config.clone()).await.unwrap_err();
        let error = read(config.client_certificate(&certificate, folder.join("missing.key"))).await.unwrap_err();
        assert_error(&error, ErrorClass::Fatal, &["no encrypted connection", "missing.key"]);
    }
    fs::remove_dir_all::<&PathBuf>(&folder).unwrap();
}

#[tokio::test]
async fn a_named_instance_is_found_by_the_browser() {
    let server = SqlServer::setup(confidential()).instance("CISCO").start().await.unwrap();
    let browser = SqlBrowser::start("CISCO", server.port()).await.unwrap();
    let at = |instance: &str, browser: u16| config(&server).instance(instance).browser_port(browser);
    assert_eq!(at("cisco", 1).id().to_string(), r"127.0.0.1\cisco/tcmadb");
    assert_eq!(read(at("cisco", browser.port())).await.unwrap(), 1);

    let error = read(at("other", browser.port())).await.unwrap_err();
    assert_error(
        &error,
        ErrorClass::Transient,
        &[r"127.0.0.1\other/tcmadb", "does not say where the instance `other` listens", "UDP 1434"],
    );
    // What the browser says is out of date: somebody else listens there.
    let stale = SqlBrowser::start("OTHER", server.port()).await.unwrap();
    let error = read(at("other", stale.port())).await.unwrap_err();
    assert_error(&error, ErrorClass::Fatal, &["of another instance than the one asked for"]);
    // Nothing listens there any more.
    let closed = {
        let gone = SqlServer::start(confidential()).await.unwrap();
        let port = gone.port();
        gone.stop().await;
        port
    };
    let stale = SqlBrowser::start("CISCO", closed).await.unwrap();
    assert_error(&read(at("cisco", stale.port())).await.unwrap_err(), ErrorClass::Transient, &["cannot be reached"]);
}

#[tokio::test]
async fn who_only_reads_is_sent_on_to_a_replica() {
    let (primary, replica) = (database(Vec::new()), confidential());
    let (front, back) = (start(&primary).await, start(&replica).await);
    primary.route_readers_to("127.0.0.1", back.port());
    assert_eq!(read(config(&front)).await.unwrap(), 1, "rows of the replica");
    assert!(primary.statements().is_empty());
    // By whatever name the replica is known there.
    primary.route_readers_to(r"localhost\CISCO", back.port());
    assert_eq!(read(config(&front)).await.unwrap(), 1);
    assert_eq!(replica.sign_ins().last().unwrap().server, "localhost");

    assert_eq!(read(config(&front).read_only_intent(false)).await.unwrap(), 0, "rows of the primary");
    replica.route_readers_to("127.0.0.1", front.port());
    let error = read(config(&front)).await.unwrap_err();
    assert_error(&error, ErrorClass::Fatal, &["from one server to another without end"]);
}

/// Gives tokens that say how many were asked for.
#[derive(Debug, Default)]
struct Counted(AtomicU32);

#[async_trait]
impl AccessTokens for Counted {
    async fn token(&self) -> Result<Secret> {
        Ok(Secret::new(format!("token-{}", self.0.fetch_add(1, Ordering::Relaxed))))
    }
}

#[tokio::test]
async fn an_access_token_is_fetched_for_each_connection() {
    let database = confidential();
    let server = SqlServer::setup(database.clone()).tls(Tls::Required).start().await.unwrap();
    let with = |login: Login| {
        let config = MssqlConfig::with_login("localhost", "tcmadb", login).port(server.port()).limits(SHORT);
        MssqlSource::new(config.certificate_authority(server.authority().unwrap()))
    };
    let source = with(Login::entra(Counted::default()));
    database.accept_token("token-1");
    let error = source.clocks().await.unwrap_err();
    assert_error(
        &error,
        ErrorClass::Credential,
        &["refuses the login of the access token's account", "18456", "https://database.windows.net/"],
    );
    assert!(!format!("{error:?}").contains("token-0"));
    source.clocks().await.unwrap();
    let sign_in = database.sign_ins().pop().unwrap();
    assert_eq!((sign_in.user.as_str(), sign_in.by_token), ("", true));

    // Longer than a packet.
    let long = "eyJ0".repeat(1_500);
    database.accept_token(long.as_str());
    with(Login::entra(SecretSource::from(Secret::new(long)))).clocks().await.unwrap();

    let lost = || Error::new(ErrorKind::Config, ErrorClass::Fatal, "fetch secret", "the file is gone").about("token");
    let error = with(Login::entra(SecretSource::new(move || Err(lost())))).clocks().await.unwrap_err();
    assert_eq!(error.to_string(), "fetch secret token: the file is gone");
}
