use std::sync::atomic::{AtomicU32, Ordering};

use futures::TryStreamExt;
use jabber_archive_core::Secret;
use jabber_archive_sink::{
    AzureConfig, AzureSignIn,
    object_store::{
        ObjectStore,
        azure::{MicrosoftAzure, MicrosoftAzureBuilder},
    },
    testing::{Azurite, Request},
};

/// A container for one way in one round.
#[derive(Debug)]
pub(super) struct Place<'a> {
    azurite: &'a Azurite,
    name: String,
}

impl<'a> Place<'a> {
    pub(super) async fn new(azurite: &'a Azurite) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("place-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        azurite.create_container(&name).await;
        Self { azurite, name }
    }

    pub(super) fn config(&self) -> AzureConfig {
        let key = AzureSignIn::AccessKey(Secret::new(self.azurite.key()).into());
        AzureConfig::new(self.azurite.account(), &self.name, key).endpoint(self.azurite.endpoint())
    }

    /// The library's store as it is by default.
    pub(super) fn store(&self) -> MicrosoftAzure {
        MicrosoftAzureBuilder::new()
            .with_account(self.azurite.account())
            .with_access_key(self.azurite.key())
            .with_container_name(&self.name)
            .with_endpoint(self.azurite.endpoint().to_owned())
            .with_allow_http(true)
            .build()
            .expect("a store")
    }

    /// The address of a path in it, with a signature.
    pub(super) fn signed(&self, path: &str) -> String {
        format!("{}/{}{path}?{}", self.azurite.endpoint(), self.name, self.azurite.sas())
    }

    /// How many blobs and bytes are in it.
    pub(super) async fn holds(&self) -> (usize, u64) {
        let blobs = self.store().list(None).map_ok(|blob| blob.size);
        blobs.try_fold((0, 0), |(count, bytes), size| async move { Ok((count + 1, bytes + size)) }).await.expect("a list")
    }

    /// Deletes it: Azurite becomes slower with every blob that it holds.
    pub(super) async fn delete(self) {
        let request = Request::new("DELETE", &format!("{}?restype=container", self.name)).signed(&self.azurite.sas());
        let reply = request.send(self.azurite.endpoint()).await.expect("Azurite answers");
        assert_eq!(reply.status, 202, "{}", String::from_utf8_lossy(&reply.body));
    }
}
