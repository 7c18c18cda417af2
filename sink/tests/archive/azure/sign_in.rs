use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use jabber_archive_core::{Digest, ErrorClass, ObjectKey, Secret, SecretSource, Sink, Stored};
use jabber_archive_sink::{
    Archive, AzureConfig, AzureSignIn,
    testing::{Azurite, TokenServer, sas},
};

use super::Container;
use crate::{
    example::{Example, day, item, run},
    snapshot::files,
};

impl Container {
    fn sas(&self, permissions: &str, lasts: Duration) -> String {
        sas::container(self.azurite.account(), self.azurite.key(), &self.name, permissions, SystemTime::now() + lasts)
    }
}

fn fixed(secret: &str) -> SecretSource {
    Secret::new(secret).into()
}

/// Counts how often it is asked.
pub(super) fn counted(fetch: impl Fn(u32) -> String + Send + Sync + 'static) -> (SecretSource, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    (SecretSource::new(move || Ok(Secret::new(fetch(count.fetch_add(1, Ordering::Relaxed))))), asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_key_signs_in() {
    let Some(container) = Container::new("sign-in-key").await else { return };
    run(&container.archive().await).await;
    assert_eq!(container.blobs().await, files(Example::new().await.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_with_the_rights_to_read_list_and_create_is_enough() {
    let Some(container) = Container::new("sign-in-sas").await else { return };
    let sas = container.sas("rcl", Duration::from_hours(1));
    for sas in [sas.clone(), format!("?{sas}\n")] {
        let archive = Archive::azure(container.signed_in(container.azurite.endpoint(), AzureSignIn::Sas(fixed(&sas)))).await.unwrap();
        run(&archive).await;
        let mail = |content| item(day("2026-12-24"), 'a', content);
        let created = archive.sink().put(&mail("first")).await.unwrap();
        assert_eq!(created, if sas.starts_with('?') { Stored::AlreadyPresent } else { Stored::Created });
        assert_eq!(archive.sink().put(&mail("other")).await.unwrap(), Stored::Different);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_without_the_right_to_create_is_refused_with_what_it_lacks() {
    let Some(container) = Container::new("sign-in-read-only").await else { return };
    let sas = container.sas("rl", Duration::from_hours(1));
    let archive = Archive::azure(container.signed_in(container.azurite.endpoint(), AzureSignIn::Sas(fixed(&sas)))).await.unwrap();
    let error = archive.sink().put(&item(day("2026-11-20"), 'a', "mail")).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    assert!(
        error.to_string().contains("not permitted (403 AuthorizationPermissionMismatch") && error.to_string().contains("`rcl`"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_wrong_is_refused_at_once() {
    let Some(container) = Container::new("sign-in-wrong").await else { return };
    let (key, asked) = counted(|_| "d3Jvbmc=".to_owned());
    let begun = Instant::now();
    let error = Archive::azure(container.signed_in(container.azurite.endpoint(), AzureSignIn::AccessKey(key))).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal, "{error}");
    assert!(error.to_string().contains("the credential is refused") && error.advice().is_some(), "{error}");
    assert!(!error.to_string().contains("d3Jvbmc"), "{error}");
    assert!(asked.load(Ordering::Relaxed) == 1 && begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_has_run_out_is_read_again_and_the_work_goes_on() {
    let Some(container) = Container::new("sign-in-expires").await else { return };
    let lasts = |asked| Duration::from_secs(if asked == 0 { 4 } else { 3_600 });
    let (account, key, name) = (container.azurite.account(), container.azurite.key(), container.name.clone());
    let (sas, asked) = counted(move |asked| sas::container(account, key, &name, "rcl", SystemTime::now() + lasts(asked)));
    let archive = Archive::azure(container.signed_in(container.azurite.endpoint(), AzureSignIn::Sas(sas))).await.unwrap();
    let sink = archive.sink();
    let mut put = 0;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(6) {
        let mail = item(day("2026-11-20"), 'a', &"the same".repeat(put % 2));
        let stored = sink.put(&mail).await.unwrap();
        assert_eq!(stored, [Stored::Created, Stored::Different, Stored::AlreadyPresent][if put == 0 { 0 } else { 2 - put % 2 }]);
        put += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2, "fetched at the beginning, and when it had run out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_is_renewed_late_is_waited_for() {
    let Some(container) = Container::new("sign-in-late").await else { return };
    // The first runs out in the middle; the next two are still that one; then somebody has renewed it.
    let expiry = SystemTime::now() + Duration::from_secs(5);
    let old = sas::container(container.azurite.account(), container.azurite.key(), &container.name, "rcl", expiry);
    let new = container.sas("rcl", Duration::from_hours(1));
    let (sas, asked) = counted(move |asked| if asked < 3 { old.clone() } else { new.clone() });
    let archive = Archive::azure(container.signed_in(container.azurite.endpoint(), AzureSignIn::Sas(sas))).await.unwrap();
    tokio::time::sleep(expiry.duration_since(SystemTime::now()).unwrap_or_default() + Duration::from_secs(1)).await;
    assert_eq!(archive.sink().put(&item(day("2026-11-20"), 'a', "mail")).await.unwrap(), Stored::Created);
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_need_the_right_to_write_and_small_ones_do_not() {
    let Some(container) = Container::new("sign-in-files").await else { return };
    let small = Bytes::from(vec![b's'; 3_000_000]);
    let large = Bytes::from(vec![b'l'; 10_000_000]);
    let put = async |sas: &str, content: &Bytes| {
        let archive = Archive::azure(container.signed_in(container.azurite.endpoint(), AzureSignIn::Sas(fixed(sas)))).await.unwrap();
        let key = ObjectKey::new(Digest::of(content));
        archive.sink().put_object(&key, stream::iter([Ok(content.clone())]).boxed()).await
    };
    let (creates, writes) = (container.sas("rcl", Duration::from_hours(1)), container.sas("rcwl", Duration::from_hours(1)));
    assert_eq!(put(&creates, &small).await.unwrap(), Stored::Created);
    assert_eq!(put(&creates, &small).await.unwrap(), Stored::AlreadyPresent);
    let error = put(&creates, &large).await.unwrap_err();
    assert!(error.to_string().contains("not permitted (403") && error.to_string().contains("`rcwl`"), "{error}");
    assert_eq!(put(&writes, &large).await.unwrap(), Stored::Created);
    assert_eq!(put(&creates, &large).await.unwrap(), Stored::AlreadyPresent);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_is_shown_by_debug() {
    let Some(container) = Container::new("sign-in-debug").await else { return };
    let Some(directory) = Directory::start().await else { return };
    let sas = container.sas("rcl", Duration::from_hours(1));
    let signature = sas.split('&').find_map(|pair| pair.strip_prefix("sig=")).unwrap().to_owned();
    let endpoint = container.azurite.endpoint();
    for (config, secrets) in [
        (container.config(), vec![container.azurite.key().to_owned(), format!("{:?}", container.azurite.key().as_bytes())]),
        (container.signed_in(endpoint, AzureSignIn::Sas(fixed(&sas))), vec![signature]),
        (directory.config(directory.client_secret(fixed("hunter2"))), vec!["hunter2".to_owned(), "eyJ".to_owned()]),
    ] {
        let archive = Archive::azure(config).await.unwrap();
        let put = archive.sink().put(&item(day("2026-11-20"), 'a', "mail")).await.unwrap();
        assert!(matches!(put, Stored::Created | Stored::AlreadyPresent));
        let shown = format!("{archive:?} {:?} {:?}", archive.sink(), archive.ledger());
        for secret in secrets {
            assert!(!shown.contains(&secret), "{secret} is in {shown}");
        }
    }
}

/// An account that takes tokens alone, over HTTPS, and what gives them out.
struct Directory {
    azurite: Azurite,
    tokens: TokenServer,
}

impl Directory {
    async fn start() -> Option<Self> {
        Some(Self { azurite: Azurite::start_with_oauth()?, tokens: TokenServer::start().await.unwrap() })
    }

    fn config(&self, sign_in: AzureSignIn) -> AzureConfig {
        AzureConfig::new(self.azurite.account(), "jabber", sign_in)
            .endpoint(self.azurite.endpoint())
            .certificate_authority(self.azurite.authority().unwrap())
            .create_container(true)
            .retry(super::quick())
            .limits(super::LIMITS)
    }

    fn client_secret(&self, secret: SecretSource) -> AzureSignIn {
        AzureSignIn::ClientSecret {
            tenant_id: "tenant".to_owned(),
            client_id: "client".to_owned(),
            secret,
            authority_host: Some(self.tokens.endpoint().to_owned()),
        }
    }

    /// What the token service was asked with.
    fn asked(&self, name: &str) -> Vec<String> {
        self.tokens.requests().iter().filter_map(|request| request.field(name).map(str::to_owned)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_signs_in_with_its_secret() {
    let Some(directory) = Directory::start().await else { return };
    let archive = Archive::azure(directory.config(directory.client_secret(fixed("its secret")))).await.unwrap();
    assert_eq!(run(&archive).await, Example::new().await.report);
    assert_eq!(directory.asked("client_secret"), ["its secret"], "one token serves the whole run");
    assert_eq!(directory.asked("grant_type"), ["client_credentials"]);
    assert_eq!(directory.asked("scope"), ["https://storage.azure.com/.default"]);
    assert_eq!(directory.tokens.requests()[0].path, "/tenant/oauth2/v2.0/token");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_identity_of_the_machine_signs_in() {
    let Some(directory) = Directory::start().await else { return };
    let endpoint = Some(directory.tokens.identity_endpoint());
    let identity = AzureSignIn::ManagedIdentity { client_id: Some("client".to_owned()), endpoint };
    let archive = Archive::azure(directory.config(identity)).await.unwrap();
    assert_eq!(run(&archive).await, Example::new().await.report);
    assert_eq!((directory.asked("client_id"), directory.tokens.requests().len()), (vec!["client".to_owned()], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_issuer_signs_in() {
    let Some(directory) = Directory::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "a token of Kubernetes").unwrap();
    let identity = AzureSignIn::WorkloadIdentity {
        tenant_id: "tenant".to_owned(),
        client_id: "client".to_owned(),
        token_file,
        authority_host: Some(format!("{}/", directory.tokens.endpoint())),
    };
    let archive = Archive::azure(directory.config(identity)).await.unwrap();
    assert_eq!(run(&archive).await, Example::new().await.report);
    assert_eq!(directory.asked("client_assertion"), ["a token of Kubernetes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_directory_refuses_is_told_at_once_and_never_shown() {
    let Some(directory) = Directory::start().await else { return };
    directory.tokens.refuse(100);
    let error = Archive::azure(directory.config(directory.client_secret(fixed("hunter2")))).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    for word in ["the token service refuses the sign-in (401 invalid_client", "`client_id`"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    assert!(!format!("{error:?}").contains("hunter2"));
    assert_eq!(directory.tokens.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_soon_is_replaced_and_a_directory_that_refuses_for_a_while_is_waited_for() {
    let Some(directory) = Directory::start().await else { return };
    // A new token is fetched five minutes before the old one ends, here from 0.1 s on.
    directory.tokens.set_lifetime(Duration::from_mins(1));
    let (secret, asked) = counted(|asked| format!("secret {asked}"));
    let archive = Archive::azure(directory.config(directory.client_secret(secret))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    directory.tokens.refuse(2);
    assert_eq!(archive.sink().put(&item(day("2026-11-20"), 'a', "mail")).await.unwrap(), Stored::Created);
    assert_eq!(directory.asked("client_secret").last().unwrap(), &format!("secret {}", asked.load(Ordering::Relaxed) - 1));
    assert_eq!(asked.load(Ordering::Relaxed), 3, "read again after each refusal");
}
