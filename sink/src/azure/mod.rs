//! Archives in a container of Azure Blob Storage.

mod config;
mod container;
mod refusal;
mod service;
mod sign_in;
mod transport;

use std::sync::Arc;

use async_trait::async_trait;
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use object_store::{ClientOptions, ObjectStore, azure::MicrosoftAzureBuilder, client::HttpClient, path::Path, prefix::PrefixStore};

pub(crate) use self::refusal::Refusal;
pub use self::{
    config::{AzureConfig, AzureLimits},
    sign_in::AzureSignIn,
};
use self::{
    service::BlobService,
    transport::{Given, ONCE},
};
use crate::{Archive, archive::Durability};

impl Archive {
    /// The archive in a container of Azure Blob Storage. Signs in and asks for the container; creates it only if the configuration says so.
    ///
    /// No request of it can overwrite or delete: every write carries `If-None-Match: *`, and a content that is there already is read back and compared.
    /// Requests that fail in a way that may pass are sent again here, as the configuration's retry policy says.
    ///
    /// # Errors
    ///
    /// If a setting cannot be, the sign-in is refused, or the container is not there.
    pub async fn azure(config: AzureConfig) -> Result<Self> {
        let client = client(&config)?;
        if !container::is_there(&config, &client).await? {
            if !config.create_container {
                return Err(container::missing(&config));
            }
            container::create(&config, &client).await?;
        }
        Self::in_container(&config, client)
    }

    /// The archive in a container; `None` if there is no such container. Nothing is created or written by opening it.
    ///
    /// # Errors
    ///
    /// If a setting cannot be, or the sign-in is refused.
    pub async fn existing_azure(config: AzureConfig) -> Result<Option<Self>> {
        let client = client(&config)?;
        if container::is_there(&config, &client).await? { Self::in_container(&config, client).map(Some) } else { Ok(None) }
    }

    fn in_container(config: &AzureConfig, client: HttpClient) -> Result<Self> {
        let store = MicrosoftAzureBuilder::new()
            .with_account(config.account.as_str())
            .with_container_name(config.container.as_str())
            .with_endpoint(config.endpoint_url())
            .with_allow_http(config.is_plain())
            // The service signs: it adds headers that a signature covers, and signs each try anew.
            .with_skip_signature(true)
            .with_retry(ONCE)
            .with_client_options(content_types())
            .with_http_connector(Given(client))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Config, ErrorClass::Fatal, "open archive", "the store cannot be set up").about(config).because(error)
            })?;
        let store: Arc<dyn ObjectStore> = match &config.prefix {
            Some(prefix) => Arc::new(PrefixStore::new(store, prefix.as_str())),
            None => Arc::new(store),
        };
        Ok(Self::new(store, Arc::new(AzureDurability)))
    }
}

fn client(config: &AzureConfig) -> Result<HttpClient> {
    config.check()?;
    Ok(HttpClient::new(BlobService::new(config)?))
}

fn content_types() -> ClientOptions {
    ClientOptions::new()
        .with_default_content_type("application/octet-stream")
        .with_content_type_for_suffix("eml", "message/rfc822")
        .with_content_type_for_suffix("json", "application/json")
        .with_content_type_for_suffix("jsonl", "application/x-ndjson")
}

/// What Blob Storage has confirmed is on stable storage, on three disks at least.
#[derive(Debug)]
struct AzureDurability;

#[async_trait]
impl Durability for AzureDurability {
    async fn settle(&self, _: Vec<Path>) -> Result<()> {
        Ok(())
    }

    fn largest_item(&self) -> u64 {
        // A single put takes 5,000 MiB, but the whole of a mail is held in memory while it is sent; 150 MB is also where Exchange Online ends.
        150 << 20
    }

    fn creates_streams(&self) -> bool {
        true
    }
}
