use std::{io::ErrorKind, time::Duration};

use jabber_archive_sink::testing::{Azurite, Request, Response, TokenServer};
use serde_json::Value;

const ASSERTION: &str = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.b.c";
const CLIENT: &str = "grant_type=client_credentials&client_id=archiver&scope=https%3A%2F%2Fstorage.azure.com%2F.default";

#[tokio::test]
async fn azurite_accepts_tokens_for_a_secret_an_assertion_and_a_machine() {
    let Some(azurite) = Azurite::start_with_oauth() else { return };
    azurite.create_container("tokens").await;
    let server = TokenServer::start().await.unwrap();
    let replies = [
        client(&server, &format!("{CLIENT}&client_secret=s%26+cret")).await,
        client(&server, &format!("{CLIENT}&{ASSERTION}")).await,
        machine().send(server.endpoint()).await.unwrap(),
    ];
    for (number, reply) in replies.iter().enumerate() {
        let put = put(&format!("tokens/{number}")).header("Authorization", &format!("Bearer {}", token(reply)));
        let written = azurite.send(put).await.unwrap();
        assert_eq!(written.status, 201, "{}", String::from_utf8_lossy(&written.body));
    }
    let [secret, assertion, identity] = server.requests().try_into().unwrap();
    assert_eq!((secret.path.as_str(), secret.field("client_secret")), ("/tenant/oauth2/v2.0/token", Some("s& cret")));
    assert_eq!((assertion.field("client_assertion"), assertion.field("client_id")), (Some("a.b.c"), Some("archiver")));
    assert_eq!((identity.field("resource"), identity.status), (Some("https://storage.azure.com"), 200));
}

#[tokio::test]
async fn azurite_refuses_tokens_that_have_expired_and_what_is_no_token() {
    let Some(azurite) = Azurite::start_with_oauth() else { return };
    azurite.create_container("expired").await;
    let server = TokenServer::start().await.unwrap();
    server.set_lifetime(Duration::ZERO);
    let expired = token(&machine().send(server.endpoint()).await.unwrap());
    tokio::time::sleep(Duration::from_millis(10)).await;
    for token in [expired.as_str(), "none"] {
        let reply = azurite.send(put("expired/a").header("Authorization", &format!("Bearer {token}"))).await.unwrap();
        assert_eq!(reply.status, 403, "{}", String::from_utf8_lossy(&reply.body));
    }
}

#[tokio::test]
async fn only_who_trusts_the_authority_speaks_with_azurite_over_tls() {
    let Some(azurite) = Azurite::start_with_oauth() else { return };
    let another = Azurite::start_with_oauth().unwrap();
    let list = || Request::new("GET", "?comp=list").signed(&azurite.sas());
    assert_eq!(list().send_trusting(azurite.endpoint(), azurite.authority().unwrap()).await.unwrap().status, 200);
    let error = list().send_trusting(azurite.endpoint(), another.authority().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
}

#[tokio::test]
async fn lifetimes_are_a_number_for_clients_and_text_for_machines() {
    let server = TokenServer::start().await.unwrap();
    server.set_lifetime(Duration::from_mins(10));
    let for_a_client: Value = serde_json::from_slice(&client(&server, &format!("{CLIENT}&client_secret=s")).await.body).unwrap();
    assert_eq!(for_a_client["expires_in"], 600);
    let for_a_machine: Value = serde_json::from_slice(&machine().send(server.endpoint()).await.unwrap().body).unwrap();
    assert_eq!(for_a_machine["expires_in"], "600");
    assert!(for_a_machine["expires_on"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000);
    assert_ne!(for_a_client["access_token"], for_a_machine["access_token"]);
}

#[tokio::test]
async fn refusals_are_given_as_often_as_told() {
    let server = TokenServer::start().await.unwrap();
    server.refuse(2);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let reply = client(&server, &format!("{CLIENT}&client_secret=s")).await;
        statuses.push(reply.status);
        assert_eq!(String::from_utf8_lossy(&reply.body).contains("\"invalid_client\""), reply.status == 401);
    }
    assert_eq!(statuses, [401, 401, 200]);
    assert_eq!(server.requests().iter().map(|request| request.status).collect::<Vec<_>>(), statuses);
}

#[tokio::test]
async fn requests_that_lack_something_get_no_token() {
    let server = TokenServer::start().await.unwrap();
    assert_eq!(client(&server, CLIENT).await.status, 401);
    assert_eq!(client(&server, "client_secret=s").await.status, 400);
    let unmarked = Request::new("GET", "metadata/identity/oauth2/token?api-version=2019-08-01&resource=r");
    assert_eq!(unmarked.send(server.endpoint()).await.unwrap().status, 400);
    assert_eq!(Request::new("GET", "elsewhere").send(server.endpoint()).await.unwrap().status, 404);
}

/// What a client's own library makes of these servers.
#[cfg(feature = "azure")]
mod with_the_library_of_stores {
    use jabber_archive_sink::object_store::{ClientOptions, ObjectStoreExt, azure::MicrosoftAzureBuilder, client::Certificate, path::Path};

    use super::*;

    #[tokio::test]
    async fn blobs_are_written_with_tokens_for_a_secret_an_assertion_and_a_machine() {
        let Some(azurite) = Azurite::start_with_oauth() else { return };
        azurite.create_container("stores").await;
        let server = TokenServer::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let assertion = folder.path().join("assertion");
        std::fs::write(&assertion, "a.b.c").unwrap();

        let authority = Certificate::from_pem(azurite.authority().unwrap().as_bytes()).unwrap();
        let options = ClientOptions::new().with_allow_http(true).with_root_certificate(authority);
        let store = || {
            MicrosoftAzureBuilder::new()
                .with_account(azurite.account())
                .with_container_name("stores")
                .with_endpoint(azurite.endpoint().to_owned())
                .with_client_options(options.clone())
        };
        let stores = [
            store().with_client_secret_authorization("archiver", "secret", "tenant").with_authority_host(server.endpoint()),
            store()
                .with_client_id("archiver")
                .with_tenant_id("tenant")
                .with_federated_token_file(assertion.to_str().unwrap())
                .with_authority_host(server.endpoint()),
            store().with_msi_endpoint(server.identity_endpoint()),
        ];
        for (number, store) in stores.into_iter().enumerate() {
            let store = store.build().unwrap();
            let path = Path::from(number.to_string());
            store.put(&path, "hello".into()).await.unwrap();
            assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "hello");
        }
        let [secret, assertion, machine] = server.requests().try_into().unwrap();
        assert_eq!(secret.field("client_secret"), Some("secret"));
        assert_eq!(assertion.field("client_assertion"), Some("a.b.c"));
        assert_eq!(machine.path, "/metadata/identity/oauth2/token");
    }
}

fn put(path: &str) -> Request {
    Request::new("PUT", path).header("x-ms-blob-type", "BlockBlob").header("x-ms-version", "2021-12-02").body("hello")
}

fn machine() -> Request {
    Request::new("GET", "metadata/identity/oauth2/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com")
        .header("metadata", "true")
}

async fn client(server: &TokenServer, form: &str) -> Response {
    Request::new("POST", "tenant/oauth2/v2.0/token").body(form.to_owned()).send(server.endpoint()).await.unwrap()
}

fn token(reply: &Response) -> String {
    let document: Value = serde_json::from_slice(&reply.body).unwrap();
    document["access_token"].as_str().unwrap().to_owned()
}
