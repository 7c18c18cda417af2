use jabber_archive_core::{ErrorClass, ErrorKind, Ledger, Secret};
use jabber_archive_sink::{Archive, AzureSignIn};

use super::Container;
use crate::example::{facts, run};

#[tokio::test]
async fn a_container_that_is_not_there_is_an_error_with_the_command_that_creates_it() {
    let Some(mut container) = Container::new("opening-missing").await else { return };
    container.name = "opening-nowhere".to_owned();
    let error = Archive::azure(container.config()).await.unwrap_err();
    assert_eq!((error.kind(), error.class()), (ErrorKind::Sink, ErrorClass::Fatal));
    assert_eq!(error.subject(), Some(container.config().id().as_str()));
    let advice = error.advice().unwrap();
    for word in ["az storage container create --account-name devstoreaccount1 --name opening-nowhere", "create_container = true"] {
        assert!(advice.contains(word), "{error}");
    }
    assert!(Archive::existing_azure(container.config()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_container_is_created_if_that_is_asked_for_and_found_the_next_time() {
    let Some(mut container) = Container::new("opening-asked").await else { return };
    container.name = "opening-created".to_owned();
    for _ in 0..2 {
        let archive = Archive::azure(container.config().create_container(true)).await.unwrap();
        archive.ledger().open(&facts()).await.unwrap();
    }
    assert_eq!(container.blobs().await, [("archive.json".to_owned(), facts().to_bytes())].into());
    assert!(Archive::existing_azure(container.config()).await.unwrap().is_some());
}

#[tokio::test]
async fn archives_under_two_prefixes_of_one_container_do_not_see_each_other() {
    let Some(container) = Container::new("opening-prefixes").await else { return };
    for prefix in ["left", "right/deeper"] {
        run(&Archive::azure(container.config().prefix(prefix)).await.unwrap()).await;
    }
    let blobs = container.blobs().await;
    let below = |prefix: &str| -> Vec<(String, Vec<u8>)> {
        blobs.iter().filter_map(|(path, content)| Some((path.strip_prefix(prefix)?.to_owned(), content.clone()))).collect()
    };
    assert_eq!(below("left/"), below("right/deeper/"));
    assert_eq!(below("left/").len() * 2, blobs.len());
}

#[tokio::test]
async fn a_container_that_cannot_be_reached_is_told_after_the_time_for_retries() {
    let Some(container) = Container::new("opening-unreachable").await else { return };
    // The discard port of the loopback interface, where nobody listens.
    let error = Archive::azure(container.config_at("http://127.0.0.1:9/devstoreaccount1")).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    assert!(error.to_string().contains("the service cannot be reached, ") && error.to_string().contains(" times in "), "{error}");
}

#[tokio::test]
async fn a_secret_that_is_none_is_a_wrong_setting() {
    let Some(container) = Container::new("opening-secret").await else { return };
    let secret = || Secret::new("not base64!").into();
    for (sign_in, setting) in [(AzureSignIn::AccessKey(secret()), "access_key"), (AzureSignIn::Sas(secret()), "sas")] {
        let error = Archive::azure(container.signed_in(container.azurite.endpoint(), sign_in)).await.unwrap_err();
        assert_eq!((error.kind(), error.class()), (ErrorKind::Config, ErrorClass::Fatal), "{error}");
        assert!(error.to_string().contains(setting) && !error.to_string().contains("not base64!"), "{error}");
    }
}
