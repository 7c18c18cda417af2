//! We prove who we are, and say what is wrong where we cannot.

use std::{error::Error as _, fs, os::unix::fs::PermissionsExt, path::PathBuf};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, FileStore, Result, Secret, SecretSource};
use jabber_archive_files::{HostKey, Sftp, SftpConfig, SignIn, testing::Sshd};

use super::{
    place::{Place, SENTINEL},
    proxy::Proxy,
};

async fn signed_in(sshd: &Sshd, port: u16, sign_in: SignIn) -> Result<()> {
    let place = Place::new();
    let fingerprint = HostKey::Fingerprint(sshd.fingerprint());
    let config = SftpConfig::new("127.0.0.1", Sshd::user(), sign_in, fingerprint, place.roots()).port(port).sentinel(SENTINEL);
    Sftp::new(config)?.check().await
}

fn key(file: PathBuf, passphrase: Option<&str>) -> SignIn {
    SignIn::Key { file, passphrase: passphrase.map(|secret| SecretSource::from(Secret::new(secret))) }
}

fn assert_refused(error: &Error, words: &str) {
    assert_eq!((error.kind(), error.class()), (ErrorKind::Config, ErrorClass::Fatal), "{error}");
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&error.to_string());
        cause = error.source();
    }
    assert!(text.contains(words) && !text.contains("s3cret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_lets_us_in_encrypted_or_not_and_no_other_does() {
    let Some(sshd) = Sshd::start() else { return };
    signed_in(&sshd, sshd.port(), key(sshd.folder().join("user_key"), None)).await.unwrap();
    let encrypted = sshd.make_key("encrypted", "s3cret phrase");
    let allowed = sshd.folder().join("authorized_keys");
    let both = fs::read_to_string(&allowed).unwrap() + &fs::read_to_string(encrypted.with_extension("pub")).unwrap();
    fs::write(&allowed, both).unwrap();
    signed_in(&sshd, sshd.port(), key(encrypted.clone(), Some("s3cret phrase"))).await.unwrap();

    let error = signed_in(&sshd, sshd.port(), key(encrypted.clone(), None)).await.unwrap_err();
    assert_refused(&error, "the key is encrypted; set `passphrase`");
    let error = signed_in(&sshd, sshd.port(), key(encrypted, Some("s3cret but wrong"))).await.unwrap_err();
    assert_refused(&error, "the key cannot be read with this passphrase");
    let error = signed_in(&sshd, sshd.port(), key(sshd.folder().join("none"), None)).await.unwrap_err();
    assert_refused(&error, "the key cannot be read");
    let error = signed_in(&sshd, sshd.port(), key(sshd.folder().join("host_key.pub"), None)).await.unwrap_err();
    assert_refused(&error, "the key can be read by others; chmod 600 it");
    let nonsense = sshd.folder().join("nonsense");
    fs::write(&nonsense, "no key").unwrap();
    fs::set_permissions(&nonsense, fs::Permissions::from_mode(0o600)).unwrap();
    assert_refused(&signed_in(&sshd, sshd.port(), key(nonsense, None)).await.unwrap_err(), "it is no private key that is understood");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_or_password_that_is_refused_is_not_tried_again() {
    let Some(sshd) = Sshd::start_with("PasswordAuthentication yes") else { return };
    let stranger = sshd.make_key("stranger", "");
    for (sign_in, by) in [(key(stranger, None), "key"), (SignIn::Password(SecretSource::from(Secret::new("s3cret"))), "password")] {
        let proxy = Proxy::before(sshd.port()).await;
        let error = signed_in(&sshd, proxy.port, sign_in).await.unwrap_err();
        assert_refused(&error, &format!("it refuses the {by} of `{}`", Sshd::user()));
        assert_eq!(proxy.connections(), 1);
    }
}
