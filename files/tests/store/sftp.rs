//! What is special about a server.

use std::{fs, io::Write, time::Duration};

use futures::StreamExt;
use jabber_archive_core::{ErrorClass, ErrorKind, FileStore, Opened};
use jabber_archive_files::{Root, Sftp, SftpConfig, testing::Sshd};
use tokio::net::TcpListener;

use super::{
    place::{LOGGED, Place, SENTINEL, at, content, read},
    proxy::Proxy,
};

const LARGE: &str = "/opt/mftFileStore/files/im/large.bin";

fn config(sshd: &Sshd, place: &Place) -> SftpConfig {
    sshd.config(place.roots()).sentinel(SENTINEL)
}

/// A place with a file that takes a while.
fn with_large() -> (Place, bytes::Bytes) {
    let (place, large) = (Place::new(), content(3, 20 << 20));
    place.write("files/im/large.bin", &large);
    (place, large)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_is_used_by_all_and_made_anew_when_it_breaks_in_mid_file() {
    let Some(sshd) = Sshd::start() else { return };
    let (place, large) = with_large();
    let proxy = Proxy::before(sshd.port()).await;
    let store = Sftp::new(config(&sshd, &place).port(proxy.port)).unwrap();
    for (transfer, content) in Place::held() {
        assert_eq!(read(&store, &transfer.path.unwrap()).await.unwrap().unwrap(), content);
    }
    store.check().await.unwrap();
    assert_eq!(proxy.connections(), 1);
    proxy.cut_after(10 << 20);
    let error = read(&store, LARGE).await.unwrap_err();
    assert!(proxy.is_cut());
    assert_eq!((error.kind(), error.class()), (ErrorKind::File, ErrorClass::Transient), "{error}");
    assert!(error.to_string().starts_with(&format!("read file upload 4711 in {LOGGED}/files/im: ")), "{error}");
    assert!(read(&store, LARGE).await.unwrap().unwrap() == large);
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_mid_file_and_comes_back_is_read_from_the_start() {
    let Some(mut sshd) = Sshd::start() else { return };
    let (place, large) = with_large();
    let store = Sftp::new(config(&sshd, &place)).unwrap();
    let Opened::Content(mut content) = store.open(&at(LARGE)).await.unwrap() else { panic!("not there") };
    let mut read_so_far = content.next().await.unwrap().unwrap().len();
    sshd.kill();
    let error = loop {
        match content.next().await.expect("it ends as if it were whole") {
            Ok(piece) => read_so_far += piece.len(),
            Err(error) => break error,
        }
    };
    assert!(read_so_far < large.len(), "{read_so_far}");
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(content.next().await.is_none());
    let error = store.check().await.unwrap_err();
    assert_eq!((error.kind(), error.class()), (ErrorKind::File, ErrorClass::Transient), "{error}");
    let expected = format!("127.0.0.1:{}: it cannot be reached; check `host`, `port` and the firewall", sshd.port());
    assert!(error.to_string().contains(&expected), "{error}");
    assert_eq!(store.open(&at(LARGE)).await.unwrap_err().class(), ErrorClass::Transient, "and is not missing");
    sshd.restart();
    assert!(read(&store, LARGE).await.unwrap().unwrap() == large);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_grows_or_shrinks_while_it_is_read_ends_with_an_error() {
    let Some(sshd) = Sshd::start() else { return };
    let (place, large) = with_large();
    let store = Sftp::new(config(&sshd, &place)).unwrap();
    for grows in [true, false] {
        place.write("files/im/large.bin", &large);
        let Opened::Content(mut content) = store.open(&at(LARGE)).await.unwrap() else { panic!("not there") };
        let mut read = content.next().await.unwrap().unwrap().len();
        let mut file = fs::OpenOptions::new().append(true).open(place.store().join("files/im/large.bin")).unwrap();
        if grows {
            file.write_all(b"more").unwrap();
        } else {
            file.set_len(5 << 20).unwrap();
        }
        let error = loop {
            match content.next().await.expect("it ends as if it were whole") {
                Ok(piece) => read += piece.len(),
                Err(error) => break error,
            }
        };
        assert!(read <= large.len());
        assert_eq!(error.to_string(), format!("read file upload 4711 in {LOGGED}/files/im: it changed while it was read"));
        assert!(content.next().await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_without_its_sentinel_is_unreadable_and_not_empty() {
    let Some(sshd) = Sshd::start() else { return };
    let place = Place::new();
    let store = Sftp::new(sshd.config(place.roots())).unwrap();
    for error in [store.check().await.unwrap_err(), store.open(&at(&format!("{LOGGED}/none"))).await.unwrap_err()] {
        assert_eq!((error.kind(), error.class()), (ErrorKind::File, ErrorClass::Transient));
        assert!(error.to_string().contains("it has no file `.jabber-archive-root`"), "{error}");
    }
    fs::write(place.store().join(".jabber-archive-root"), "").unwrap();
    assert!(matches!(store.open(&at(&format!("{LOGGED}/none"))).await.unwrap(), Opened::Missing));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_not_waited_for_for_ever() {
    let Some(sshd) = Sshd::start() else { return };
    let place = Place::new();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(&sshd, &place).port(silent.local_addr().unwrap().port()).connect_timeout(Duration::from_millis(300));
    let error = Sftp::new(config).unwrap().check().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().contains("no connection within 0.3 s"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_in_mid_file_is_given_up_and_made_anew() {
    let Some(sshd) = Sshd::start() else { return };
    let (place, large) = with_large();
    let proxy = Proxy::before(sshd.port()).await;
    let store = Sftp::new(config(&sshd, &place).port(proxy.port).answer_timeout(Duration::from_secs(1))).unwrap();
    store.check().await.unwrap();
    proxy.stall_after(5 << 20);
    let error = read(&store, LARGE).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().ends_with("the server does not answer in time"), "{error}");
    assert!(read(&store, LARGE).await.unwrap().unwrap() == large);
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_may_be_confined_to_the_store() {
    // Only root can confine, and every folder on the way has to be root's alone.
    let Ok(folder) = tempfile::tempdir_in("/run") else {
        println!("SKIPPED: only root can confine an account");
        return;
    };
    let place = Place::within(folder);
    let Some(sshd) = Sshd::start_with(&format!("ChrootDirectory {}", place.store().display())) else { return };
    let root = Root::new(LOGGED, "/").unwrap();
    let store = Sftp::new(sshd.config([root]).sentinel(SENTINEL)).unwrap();
    let found = read(&store, &format!("{LOGGED}/files/im/20261121/09/held0.bin")).await.unwrap();
    assert_eq!(found.unwrap(), content(0, 5));
    assert!(matches!(store.open(&at(&format!("{LOGGED}/files/everything/status"))).await.unwrap(), Opened::Refused));
}
