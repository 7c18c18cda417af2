//! Connections that are encrypted, refused or silent.

use std::time::{Duration, Instant};

use jabber_archive_core::{Error, ErrorClass};
use jabber_archive_imap::{Encryption, ImapConfig, ImapMailboxes, testing::DovecotSetup};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const ALICE: &str = "alice@example.com";

async fn fails(config: ImapConfig) -> Error {
    ImapMailboxes::new(config).unwrap().check(ALICE).await.unwrap_err()
}

fn assert_is(error: &Error, class: ErrorClass, words: &[&str]) {
    assert_eq!(error.class(), class, "{error:?}");
    for word in words {
        assert!(error.to_string().contains(word), "`{word}` is not in {error}");
    }
}

#[tokio::test]
async fn every_way_of_encryption_opens_a_mailbox() {
    let Some(dovecot) = DovecotSetup::new([ALICE]).start() else { return };
    let plain_port = |encryption| dovecot.config().port(dovecot.port()).encryption(encryption);
    for config in [dovecot.config(), plain_port(Encryption::StartTls), plain_port(Encryption::Off)] {
        assert_eq!(ImapMailboxes::new(config.clone()).unwrap().check(ALICE).await.unwrap(), None, "{config}");
    }
    // All but the last were encrypted.
    assert_eq!(dovecot.log().matches(", TLS, ").count(), 2);
}

#[tokio::test]
async fn a_certificate_of_somebody_unknown_or_for_another_host_is_refused() {
    let Some(dovecot) = DovecotSetup::new([ALICE]).start() else { return };
    let other = DovecotSetup::new([ALICE]).start().unwrap();
    for (port, encryption) in [(dovecot.tls_port(), Encryption::Tls), (dovecot.port(), Encryption::StartTls)] {
        let of_other = other.config().port(port).encryption(encryption);
        assert_is(&fails(of_other).await, ErrorClass::Fatal, &["connect to mailboxes", "no encrypted connection", "`ca_file`"]);
        let ours = dovecot.config().port(port).encryption(encryption);
        assert_eq!(ImapMailboxes::new(ours).unwrap().check(ALICE).await.unwrap(), None);
    }
    let sign_in = jabber_archive_imap::SignIn::Password {
        user: "{mailbox}".to_owned(),
        password: jabber_archive_core::SecretSource::from(jabber_archive_core::Secret::new("demo")),
    };
    let by_number = ImapConfig::new("127.0.0.1", sign_in).port(dovecot.tls_port()).certificate_authority(dovecot.authority());
    assert_is(&fails(by_number).await, ErrorClass::Fatal, &["no encrypted connection", "the host name that is in the certificate"]);
    // Nobody was given a password.
    assert!(!dovecot.log().contains("unknown user"));
}

#[tokio::test]
async fn a_server_without_starttls_gets_no_password() {
    let Some(dovecot) = DovecotSetup::new([ALICE]).without_tls().start() else { return };
    let error = fails(dovecot.config().port(dovecot.port()).encryption(Encryption::StartTls)).await;
    assert_is(&error, ErrorClass::Fatal, &["no STARTTLS", "encrypt"]);
    assert_eq!(dovecot.sign_ins(), 0);
}

#[tokio::test]
async fn what_is_injected_before_the_encryption_counts_for_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n").await.unwrap();
        let mut read = vec![0; 1024];
        let length = stream.read(&mut read).await.unwrap();
        assert_eq!(&read[..length], b"A1 STARTTLS\r\n");
        // A forged answer to what is asked first behind the encryption.
        stream.write_all(b"A1 OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\nA1 OK done\r\n").await.unwrap();
        // What comes next has to be the beginning of TLS.
        let length = stream.read(&mut read).await.unwrap();
        assert_eq!(&read[..2], [0x16, 0x03], "{:?}", &read[..length]);
    });
    let Some(dovecot) = DovecotSetup::new([ALICE]).start() else { return };
    let error = fails(dovecot.config().port(port).encryption(Encryption::StartTls)).await;
    assert!(error.to_string().contains("connect to mailboxes"), "{error}");
    served.await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_or_silent_may_come_back() {
    let Some(dovecot) = DovecotSetup::new([ALICE]).start() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = |encryption| dovecot.config().port(port).encryption(encryption).timeout(Duration::from_millis(300));
    for encryption in [Encryption::Tls, Encryption::StartTls, Encryption::Off] {
        let begun = Instant::now();
        assert_is(&fails(config(encryption)).await, ErrorClass::Transient, &["`port`"]);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    drop(listener);
    assert_is(&fails(config(Encryption::Tls)).await, ErrorClass::Transient, &["the server cannot be reached"]);
    // TLS where none is, and none where it is.
    let tls_on_plain = dovecot.config().port(dovecot.port()).timeout(Duration::from_secs(2));
    assert!(fails(tls_on_plain).await.to_string().contains("`port`"));
    let plain_on_tls = dovecot.config().encryption(Encryption::StartTls).timeout(Duration::from_secs(2));
    assert!(fails(plain_on_tls).await.to_string().contains("`port`"));
}
