use std::{
    env, io,
    net::{TcpStream, ToSocketAddrs},
    panic,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use jabber_archive_sink::testing::{Azurite, Request};

/// Tells this program, run by a test, to start Azurite and wait to be killed.
const CHILD: &str = "JABBER_ARCHIVE_TEST_AZURITE_CHILD";

#[tokio::test]
async fn what_is_put_into_azurite_can_be_read() {
    let Some(azurite) = Azurite::shared() else { return };
    azurite.create_container("read").await;
    let put = Request::new("PUT", "read/mail.eml").header("x-ms-blob-type", "BlockBlob").body("hello").signed(&azurite.sas());
    assert_eq!(put.send(azurite.endpoint()).await.unwrap().status, 201);
    let reply = Request::new("GET", "read/mail.eml").signed(&azurite.sas()).send(azurite.endpoint()).await.unwrap();
    assert_eq!((reply.status, reply.body.as_ref()), (200, b"hello".as_slice()));
}

#[test]
fn azurite_ends_when_dropped() {
    let Some(azurite) = Azurite::start() else { return };
    let endpoint = azurite.endpoint().to_owned();
    assert!(listens(&endpoint));
    drop(azurite);
    assert!(!listens(&endpoint));
}

#[test]
fn azurite_ends_where_a_test_panics() {
    let Some(azurite) = Azurite::start() else { return };
    let endpoint = azurite.endpoint().to_owned();
    let panicked = panic::catch_unwind(move || {
        let _azurite = azurite;
        panic!("a test that fails");
    });
    assert!(panicked.is_err());
    assert!(!listens(&endpoint));
}

#[test]
fn azurite_ends_with_a_process_that_is_killed() {
    if Azurite::shared().is_none() {
        return;
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "azurite::child", "--nocapture", "--include-ignored"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = io::BufRead::lines(io::BufReader::new(child.stdout.take().unwrap()));
    let endpoint = lines.map(Result::unwrap).find(|line| line.starts_with("http://")).unwrap();
    assert!(listens(&endpoint));
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while listens(&endpoint) {
        assert!(Instant::now() < deadline, "{endpoint} still listens");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
#[ignore = "is run by another test, which kills it"]
fn child() {
    if env::var_os(CHILD).is_some() {
        println!("\n{}", Azurite::shared().unwrap().endpoint());
        // Until the test that runs it ends, if that does not kill it before.
        let _ = io::stdin().read_line(&mut String::new());
    }
}

fn listens(endpoint: &str) -> bool {
    let host = endpoint.trim_start_matches("http://").split('/').next().unwrap();
    TcpStream::connect(host.to_socket_addrs().unwrap().next().unwrap()).is_ok()
}
