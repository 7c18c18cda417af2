//! The server proves that it is the right one, or nothing is told to it.

use std::{fs, process::Command};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, FileStore};
use jabber_archive_files::{HostKey, Sftp, SftpConfig, SignIn, testing::Sshd};

use super::place::{Place, SENTINEL};

/// A store whose server is to be known by this.
fn store(sshd: &Sshd, place: &Place, host_key: HostKey) -> Sftp {
    let key = SignIn::Key { file: sshd.folder().join("user_key"), passphrase: None };
    Sftp::new(SftpConfig::new("127.0.0.1", Sshd::user(), key, host_key, place.roots()).port(sshd.port()).sentinel(SENTINEL)).unwrap()
}

fn known_hosts(sshd: &Sshd, lines: &str) -> HostKey {
    let path = sshd.folder().join("known_hosts");
    fs::write(&path, lines).unwrap();
    HostKey::KnownHosts(path)
}

fn assert_untrusted(error: &Error, words: &[&str]) {
    assert_eq!((error.kind(), error.class()), (ErrorKind::Config, ErrorClass::Fatal), "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "`{word}` is not in: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_known_by_known_hosts_hashed_or_not() {
    let Some(sshd) = Sshd::start() else { return };
    let place = Place::new();
    let others = format!("# a comment\nother.example.com {}", sshd.known_hosts().split_once(' ').unwrap().1);
    store(&sshd, &place, known_hosts(&sshd, &format!("{others}{}", sshd.known_hosts()))).check().await.unwrap();
    let HostKey::KnownHosts(path) = known_hosts(&sshd, &sshd.known_hosts()) else { panic!("a file") };
    assert!(Command::new("ssh-keygen").arg("-Hf").arg(&path).output().unwrap().status.success());
    assert!(fs::read_to_string(&path).unwrap().starts_with("|1|"));
    store(&sshd, &place, HostKey::KnownHosts(path)).check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_known_is_refused_with_its_fingerprint_and_what_to_do() {
    let Some(sshd) = Sshd::start() else { return };
    let place = Place::new();
    let others = format!("other.example.com {}", sshd.known_hosts().split_once(' ').unwrap().1);
    for lines in ["", &others] {
        let error = store(&sshd, &place, known_hosts(&sshd, lines)).check().await.unwrap_err();
        let fingerprint = sshd.fingerprint();
        let pin = format!("set host_key = \"{fingerprint}\", or add the line that `ssh-keyscan -p {} 127.0.0.1` prints", sshd.port());
        assert_untrusted(&error, &["the server cannot be trusted: it is not in", &format!("ssh-ed25519 {fingerprint}"), &pin]);
        // What it says to set is right.
        store(&sshd, &place, HostKey::Fingerprint(fingerprint)).check().await.unwrap();
    }
    let error = store(&sshd, &place, HostKey::KnownHosts(sshd.folder().join("none"))).check().await.unwrap_err();
    assert_untrusted(&error, &["none: the file cannot be read"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_key_has_changed_is_refused_however_it_was_known() {
    let Some(mut sshd) = Sshd::start() else { return };
    let place = Place::new();
    let (before, fingerprint) = (known_hosts(&sshd, &sshd.known_hosts()), sshd.fingerprint());
    let known = [store(&sshd, &place, before), store(&sshd, &place, HostKey::Fingerprint(fingerprint.clone()))];
    for store in &known {
        store.check().await.unwrap();
    }
    sshd.make_key("host_key", "");
    sshd.restart();
    for store in &known {
        let error = store.check().await.unwrap_err();
        assert_untrusted(&error, &["it shows another key than the one that is known", &sshd.fingerprint(), "somebody may be in between"]);
        assert!(!error.to_string().contains(&fingerprint));
    }
}

#[test]
fn what_is_no_fingerprint_is_refused_before_anything_is_sent() {
    let key = || SignIn::Key { file: "none".into(), passphrase: None };
    for text in ["", "SHA256:", "SHA256:short", "16:27:ac:a5", "ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og"] {
        let config = SftpConfig::new("files1", "archive", key(), HostKey::Fingerprint(text.to_owned()), []);
        assert_untrusted(&Sftp::new(config).unwrap_err(), &["host_key: it is no fingerprint", "SHA256:…"]);
    }
    let config = SftpConfig::new("sftp://files1", "archive", key(), HostKey::KnownHosts("x".into()), []);
    assert_untrusted(&Sftp::new(config).unwrap_err(), &["host: `sftp://files1` is no host"]);
}
