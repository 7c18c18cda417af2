use std::time::{Duration, SystemTime};

use jabber_archive_sink::testing::{Azurite, Request, Response, sas};

/// Reads, creates and lists: neither overwrites nor deletes.
const APPEND_ONLY: &str = "rcl";

#[tokio::test]
async fn a_signature_for_a_container_gives_what_it_permits_and_nothing_else() {
    let Some(azurite) = Azurite::shared() else { return };
    azurite.create_container("permits").await;
    azurite.create_container("permits-not").await;
    let signature = sas::container(azurite.account(), azurite.key(), "permits", APPEND_ONLY, in_an_hour());

    assert_eq!(send(azurite, put("permits/a"), &signature).await.status, 201);
    assert_eq!(send(azurite, Request::new("GET", "permits/a"), &signature).await.status, 200);
    assert_eq!(send(azurite, Request::new("GET", "permits?restype=container&comp=list"), &signature).await.status, 200);
    assert_eq!(send(azurite, put("permits/a"), &signature).await.status, 403, "overwriting");
    assert_eq!(send(azurite, Request::new("DELETE", "permits/a"), &signature).await.status, 403);
    assert_eq!(send(azurite, put("permits-not/a"), &signature).await.status, 403, "another container");
}

#[tokio::test]
async fn a_signature_for_an_account_gives_what_it_permits_and_nothing_else() {
    let Some(azurite) = Azurite::shared() else { return };
    azurite.create_container("account").await;
    let signature = sas::account(azurite.account(), azurite.key(), APPEND_ONLY, in_an_hour());

    assert_eq!(send(azurite, put("account/a"), &signature).await.status, 201);
    assert_eq!(send(azurite, Request::new("GET", "account/a"), &signature).await.status, 200);
    assert_eq!(send(azurite, Request::new("GET", "?comp=list"), &signature).await.status, 200);
    assert_eq!(send(azurite, put("account/a"), &signature).await.status, 403, "overwriting");
    assert_eq!(send(azurite, Request::new("DELETE", "account/a"), &signature).await.status, 403);
}

#[tokio::test]
async fn an_expired_signature_is_refused_by_azurite() {
    let Some(azurite) = Azurite::shared() else { return };
    azurite.create_container("expired").await;
    let ago = SystemTime::now() - Duration::from_mins(1);
    for signature in [
        sas::container(azurite.account(), azurite.key(), "expired", APPEND_ONLY, ago),
        sas::account(azurite.account(), azurite.key(), APPEND_ONLY, ago),
    ] {
        assert_eq!(send(azurite, put("expired/a"), &signature).await.status, 403);
    }
}

#[tokio::test]
async fn a_signature_of_another_key_is_refused_by_azurite() {
    let Some(azurite) = Azurite::shared() else { return };
    azurite.create_container("other-key").await;
    for signature in [
        sas::container(azurite.account(), "b3RoZXI=", "other-key", APPEND_ONLY, in_an_hour()),
        sas::account(azurite.account(), "b3RoZXI=", APPEND_ONLY, in_an_hour()),
    ] {
        assert_eq!(send(azurite, put("other-key/a"), &signature).await.status, 403);
    }
}

fn in_an_hour() -> SystemTime {
    SystemTime::now() + Duration::from_hours(1)
}

fn put(path: &str) -> Request {
    Request::new("PUT", path).header("x-ms-blob-type", "BlockBlob").body("hello")
}

async fn send(azurite: &Azurite, request: Request, signature: &str) -> Response {
    request.signed(signature).send(azurite.endpoint()).await.unwrap()
}
