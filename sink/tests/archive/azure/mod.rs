//! Archives in containers of a real Azurite.

mod conformance;
mod faults;
mod opening;
mod putting;
mod races;
mod sign_in;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::TryStreamExt;
use jabber_archive_core::{RetryPolicy, Secret};
use jabber_archive_sink::{
    Archive, AzureConfig, AzureLimits, AzureSignIn,
    object_store::{ObjectStore, ObjectStoreExt, azure::MicrosoftAzureBuilder},
    testing::{Azurite, FaultProxy, Rule},
};

/// A container for one test alone.
#[derive(Debug)]
struct Container {
    azurite: &'static Azurite,
    name: String,
}

impl Container {
    /// The container of this name; none where there is no Azurite, which has been said then.
    async fn new(name: &str) -> Option<Self> {
        let container = Self { azurite: Azurite::shared()?, name: name.to_owned() };
        container.azurite.create_container(name).await;
        Some(container)
    }

    fn key(&self) -> AzureSignIn {
        AzureSignIn::AccessKey(Secret::new(self.azurite.key()).into())
    }

    fn config(&self) -> AzureConfig {
        self.config_at(self.azurite.endpoint())
    }

    fn config_at(&self, endpoint: &str) -> AzureConfig {
        self.signed_in(endpoint, self.key())
    }

    fn signed_in(&self, endpoint: &str, sign_in: AzureSignIn) -> AzureConfig {
        AzureConfig::new(self.azurite.account(), &self.name, sign_in).endpoint(endpoint).retry(quick()).limits(LIMITS)
    }

    async fn archive(&self) -> Archive {
        Archive::azure(self.config()).await.unwrap()
    }

    /// A proxy before the account that breaks what the rules say.
    async fn proxy(&self, rules: impl IntoIterator<Item = Rule>) -> FaultProxy {
        FaultProxy::start(self.azurite.endpoint(), rules).await.unwrap()
    }

    fn store(&self) -> impl ObjectStore {
        MicrosoftAzureBuilder::new()
            .with_account(self.azurite.account())
            .with_access_key(self.azurite.key())
            .with_container_name(&self.name)
            .with_endpoint(self.azurite.endpoint().to_owned())
            .with_allow_http(true)
            .build()
            .unwrap()
    }

    /// Everything in it, by path, as another client sees it.
    async fn blobs(&self) -> BTreeMap<String, Vec<u8>> {
        let store = Arc::new(self.store());
        let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
        let mut blobs = BTreeMap::new();
        for object in listed {
            let content: Bytes = store.get(&object.location).await.unwrap().bytes().await.unwrap();
            blobs.insert(object.location.to_string(), content.to_vec());
        }
        blobs
    }
}

const LIMITS: AzureLimits = AzureLimits::new(Duration::from_secs(5), Duration::from_secs(10), 64 << 10);

/// Gives up after two seconds.
fn quick() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    (policy.first, policy.longest, policy.total) = (Duration::from_millis(10), Duration::from_millis(100), Duration::from_secs(2));
    policy
}
