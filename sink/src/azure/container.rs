use http::Method;
use jabber_archive_core::{ErrorClass, ErrorKind, Result};
use object_store::client::{HttpClient, HttpError, HttpRequestBody};

use super::{config::AzureConfig, refusal::Refusal};

/// Finds out whether the container is there and may be listed; creates it if it is not and the configuration says so.
pub(super) async fn open(config: &AzureConfig, client: &HttpClient) -> Result<()> {
    match send(config, client, Method::GET, "restype=container&comp=list&maxresults=1").await {
        Err(refusal) if refusal.code == "ContainerNotFound" && config.create_container => create(config, client).await,
        asked => asked,
    }
    .map_err(|refusal| refusal.error(kind(&refusal), "open archive", config))
}

async fn create(config: &AzureConfig, client: &HttpClient) -> Result<(), Refusal> {
    match send(config, client, Method::PUT, "restype=container").await {
        // Another program was faster.
        Err(refusal) if refusal.code == "ContainerAlreadyExists" => Ok(()),
        created => created,
    }
}

async fn send(config: &AzureConfig, client: &HttpClient, method: Method, query: &str) -> Result<(), Refusal> {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{}?{query}", config.container_url()))
        .header(http::header::CONTENT_LENGTH, "0")
        .body(HttpRequestBody::empty())
        .map_err(|error| Refusal::new(ErrorClass::Fatal, format!("the address cannot be: {error}")))?;
    let refused = |error: HttpError| Refusal::within(&error).cloned().unwrap_or_else(|| Refusal::of_transport(error));
    client.execute(request).await.map(|_| ()).map_err(refused)
}

/// A secret that is not to be had is a setting that is wrong.
fn kind(refusal: &Refusal) -> ErrorKind {
    if refusal.code == "secret" { ErrorKind::Config } else { ErrorKind::Sink }
}
