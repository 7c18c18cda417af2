//! Connections that are encrypted, refused, cut or silent.

use std::time::{Duration, Instant};

use jabber_archive_core::{Error, ErrorClass};
use jabber_archive_ldap::{Encryption, LdapConfig, testing::Slapd};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::entries::{staff, user_id};

fn assert_is(error: &Error, class: ErrorClass, words: &[&str]) {
    assert_eq!(error.class(), class, "{error:?}");
    for word in words {
        assert!(error.to_string().contains(word), "`{word}` is not in {error}");
    }
}

#[tokio::test]
async fn every_way_of_encryption_reads_the_same_people() {
    let Some(slapd) = Slapd::start(&staff()) else { return };
    let config = || slapd.config(user_id());
    let plain_port = |encryption| config().port(slapd.port()).encryption(encryption);
    for config in [config(), plain_port(Encryption::StartTls), plain_port(Encryption::Off)] {
        assert_eq!(config.fetch().await.unwrap().directory.len(), 3, "{config}");
    }
}

#[tokio::test]
async fn a_certificate_of_somebody_unknown_or_for_another_host_is_refused() {
    let Some(slapd) = Slapd::start(&staff()) else { return };
    let other = Slapd::start(&staff()).unwrap();
    for (port, encryption) in [(slapd.tls_port(), Encryption::Tls), (slapd.port(), Encryption::StartTls)] {
        let words = ["connect to directory", "no encrypted connection", "`ca_file`"];
        let of_system = LdapConfig::new("localhost", Slapd::BASE, user_id()).port(port).encryption(encryption);
        assert_is(&of_system.fetch().await.unwrap_err(), ErrorClass::Fatal, &words);
        let of_other = of_system.certificate_authority(other.authority());
        assert_is(&of_other.fetch().await.unwrap_err(), ErrorClass::Fatal, &words);
        let by_number = LdapConfig::new("127.0.0.1", Slapd::BASE, user_id()).port(port).encryption(encryption);
        let by_number = by_number.certificate_authority(slapd.authority());
        assert_is(
            &by_number.fetch().await.unwrap_err(),
            ErrorClass::Fatal,
            &["no encrypted connection", "127.0.0.1", "the host name that is in the certificate"],
        );
    }
}

#[tokio::test]
async fn the_port_for_the_other_kind_of_connection_is_told() {
    let Some(slapd) = Slapd::start(&staff()) else { return };
    let tls_on_plain = slapd.config(user_id()).port(slapd.port()).timeout(Duration::from_secs(2));
    assert_is(&tls_on_plain.fetch().await.unwrap_err(), ErrorClass::Transient, &["`port` is one for TLS from the first byte"]);
    let plain_on_tls = slapd.config(user_id()).encryption(Encryption::StartTls).timeout(Duration::from_secs(2));
    let error = plain_on_tls.fetch().await.unwrap_err();
    assert_is(&error, ErrorClass::Transient, &["check", "`port`"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for encryption in [Encryption::Tls, Encryption::StartTls, Encryption::Off] {
        let config = LdapConfig::new("127.0.0.1", Slapd::BASE, user_id()).port(port).encryption(encryption);
        assert_is(&config.fetch().await.unwrap_err(), ErrorClass::Transient, &["the server cannot be reached", "`host` and `port`"]);
    }
    let nowhere = LdapConfig::new("nowhere.invalid", Slapd::BASE, user_id());
    assert_is(&nowhere.fetch().await.unwrap_err(), ErrorClass::Transient, &["ldaps://nowhere.invalid:636", "cannot be reached"]);
}

#[tokio::test]
async fn a_silent_server_is_waited_for_only_so_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for encryption in [Encryption::Tls, Encryption::StartTls, Encryption::Off] {
        let config = LdapConfig::new("127.0.0.1", Slapd::BASE, user_id()).port(port).encryption(encryption);
        let begun = Instant::now();
        let error = config.timeout(Duration::from_millis(300)).fetch().await.unwrap_err();
        assert_is(&error, ErrorClass::Transient, &["not everything came within 0.3 s", "`timeout`"]);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

/// A server that answers each connection's first message with these bytes, and then hangs up.
async fn answers(bytes: &'static [u8]) -> LdapConfig {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let read = stream.read(&mut [0; 4_096]).await.unwrap();
        assert!(read > 0);
        stream.write_all(bytes).await.unwrap();
    });
    LdapConfig::new("127.0.0.1", Slapd::BASE, user_id()).port(port).encryption(Encryption::Off).timeout(Duration::from_secs(20))
}

#[tokio::test]
async fn answers_that_end_too_early_or_are_none_are_errors() {
    // The message's id is 1; its parts are those of RFC 4511, section 4.5.2.
    let entry_alone = b"\x30\x0c\x02\x01\x01\x64\x07\x04\x03c=x\x30\x00";
    let no_utf8 = b"\x30\x0d\x02\x01\x01\x65\x08\x0a\x01\x00\x04\x00\x04\x01\xff";
    let no_entry = b"\x30\x08\x02\x01\x01\x64\x03\x04\x01x\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00";
    let done = b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00";
    for (bytes, class, words) in [
        (&b""[..], ErrorClass::Transient, "the server closed the connection"),
        (&entry_alone[..], ErrorClass::Transient, "the server closed the connection"),
        (&entry_alone[..7], ErrorClass::Transient, "the connection was lost"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ErrorClass::Transient, "the connection was lost"),
        (no_utf8, ErrorClass::Fatal, "what the server sends is not LDAP"),
        (no_entry, ErrorClass::Fatal, "what the server sends is not LDAP"),
    ] {
        assert_is(&answers(bytes).await.fetch().await.unwrap_err(), class, &[words]);
    }
    // All has come when this ends.
    assert!(answers(done).await.fetch().await.unwrap().directory.is_empty());
}
