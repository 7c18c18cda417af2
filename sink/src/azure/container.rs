use http::Method;
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use object_store::client::{HttpClient, HttpError, HttpRequestBody};

use super::{config::AzureConfig, refusal::Refusal};

/// What the service says of a container that is not there.
pub(super) const NOT_FOUND: &str = "ContainerNotFound";

/// Whether the container is there; an error if it may not be listed.
pub(super) async fn is_there(config: &AzureConfig, client: &HttpClient) -> Result<bool> {
    match send(config, client, Method::GET, "restype=container&comp=list&maxresults=1").await {
        Ok(()) => Ok(true),
        Err(refusal) if refusal.code == NOT_FOUND => Ok(false),
        Err(refusal) => Err(refusal.error(ErrorKind::Sink, "open archive", config)),
    }
}

pub(super) async fn create(config: &AzureConfig, client: &HttpClient) -> Result<()> {
    match send(config, client, Method::PUT, "restype=container").await {
        Ok(()) => Ok(()),
        // Another program was faster.
        Err(refusal) if refusal.code == "ContainerAlreadyExists" => Ok(()),
        Err(refusal) => Err(refusal.error(ErrorKind::Sink, "create container", config)),
    }
}

/// That it is not there.
pub(super) fn missing(config: &AzureConfig) -> Error {
    Error::new(ErrorKind::Sink, ErrorClass::Fatal, "open archive", "the container is not there").about(config).advise(how_to_create(config))
}

pub(super) fn how_to_create(config: &AzureConfig) -> String {
    let AzureConfig { account, container, .. } = config;
    format!(
        "create it with `az storage container create --account-name {account} --name {container} --auth-mode login`, or set `create_container = true`"
    )
}

async fn send(config: &AzureConfig, client: &HttpClient, method: Method, query: &str) -> Result<(), Refusal> {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{}?{query}", config.container_url()))
        .header(http::header::CONTENT_LENGTH, "0")
        .body(HttpRequestBody::empty())
        .map_err(|error| Refusal::new(ErrorClass::Fatal, format!("the address cannot be: {error}")))?;
    let refused = |error: HttpError| Refusal::within(&error).cloned().unwrap_or_else(|| Refusal::of_transport(error));
    let answer = client.execute(request).await.map_err(refused)?;
    if answer.status().is_success() {
        return Ok(());
    }
    Err(Refusal::new(ErrorClass::Fatal, format!("what answers is no blob service ({})", answer.status())))
}
