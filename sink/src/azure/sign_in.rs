use std::{
    fmt,
    fs::File,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use http::{Uri, uri::Scheme};
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, SecretSource};
use object_store::{
    ClientOptions, StaticCredentialProvider,
    azure::{AzureAccessKey, AzureCredential, AzureCredentialProvider, MicrosoftAzureBuilder, split_sas},
    client::HttpClient,
};

use super::{refusal::Refusal, transport::Given};

/// How the account is signed in to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AzureSignIn {
    /// An access key of the storage account: it may do everything.
    AccessKey(SecretSource),
    /// A shared access signature, with or without `?`. It needs the rights to read, list and create (`rlc`) on the container.
    Sas(SecretSource),
    /// An application in Entra ID, with a secret.
    ClientSecret {
        /// The directory that the application is in.
        tenant_id: String,
        /// The application.
        client_id: String,
        /// Its secret.
        secret: SecretSource,
        /// The sign-in service, where that is not `https://login.microsoftonline.com`.
        authority_host: Option<String>,
    },
    /// The identity of the machine in Azure.
    ManagedIdentity {
        /// Which one, if the machine has several.
        client_id: Option<String>,
        /// The metadata service, where that is not the one of virtual machines.
        endpoint: Option<String>,
    },
    /// A token of Kubernetes or of another issuer that an application in Entra ID trusts.
    WorkloadIdentity {
        /// The directory that the application is in.
        tenant_id: String,
        /// The application.
        client_id: String,
        /// Where the issuer keeps a fresh token.
        token_file: PathBuf,
        /// The sign-in service, where that is not `https://login.microsoftonline.com`.
        authority_host: Option<String>,
    },
}

/// The credential as it is now, for all requests of a store.
pub(super) struct Credentials {
    sign_in: AzureSignIn,
    /// Sends what fetches tokens.
    client: HttpClient,
    current: Mutex<Current>,
    /// Held while a token is fetched; the last failure, which all share who waited for it.
    fetching: futures::lock::Mutex<Option<(Instant, Refusal)>>,
}

#[derive(Default)]
struct Current {
    generation: u64,
    provider: Option<AzureCredentialProvider>,
    /// What the provider gave out last: good for some minutes more when it gives nothing new.
    last: Option<Arc<AzureCredential>>,
}

/// Shows nothing of what it holds: the library's types show credentials.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("sign_in", &self.sign_in).finish_non_exhaustive()
    }
}

impl Credentials {
    pub(super) fn new(sign_in: AzureSignIn, client: HttpClient) -> Self {
        Self { sign_in, client, current: Mutex::default(), fetching: futures::lock::Mutex::default() }
    }

    /// A credential, and which one it is: [`renew`](Self::renew) takes that back.
    pub(super) async fn current(&self) -> Result<(Arc<AzureCredential>, u64), Refusal> {
        let asked = Instant::now();
        let mut failed = self.fetching.lock().await;
        if let Some((at, refusal)) = &*failed
            && *at > asked
        {
            return Err(refusal.clone());
        }
        let (provider, generation) = self.provider().map_err(|error| Refusal::of_setting(&error))?;
        match provider.get_credential().await {
            Ok(credential) => {
                self.with_current(|current| current.last = Some(credential.clone()));
                Ok((credential, generation))
            }
            Err(error) => {
                // The library's own words may hold what was answered.
                let refusal =
                    Refusal::within(&error).cloned().unwrap_or_else(|| Refusal::new(ErrorClass::Credential, "no token is to be had"));
                if refusal.class == ErrorClass::Credential {
                    self.renew(generation);
                } else if let Some(last) = self.with_current(|current| current.last.clone()) {
                    return Ok((last, generation));
                }
                *failed = Some((Instant::now(), refusal.clone()));
                Err(refusal)
            }
        }
    }

    /// Forgets the credential that was given out as this one, so that the next request fetches it anew.
    pub(super) fn renew(&self, generation: u64) {
        self.with_current(|current| {
            if current.generation == generation {
                *current = Current { generation: generation + 1, ..Current::default() };
            }
        });
    }

    fn with_current<T>(&self, act: impl FnOnce(&mut Current) -> T) -> T {
        act(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn provider(&self) -> Result<(AzureCredentialProvider, u64)> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let provider = match &current.provider {
            Some(provider) => provider.clone(),
            None => current.provider.insert(self.sign_in.provider(&self.client)?).clone(),
        };
        Ok((provider, current.generation))
    }
}

impl AzureSignIn {
    /// Refuses what the store's library would stumble over, and what would send a secret in the clear.
    pub(super) fn check(&self) -> Result<()> {
        let name = |setting: &str, value: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if !value.is_empty() && value.bytes().all(plain) {
                Ok(())
            } else {
                Err(wrong(setting, format!("`{value}` is none"), "copy it from Entra ID"))
            }
        };
        match self {
            Self::AccessKey(_) | Self::Sas(_) => Ok(()),
            Self::ClientSecret { tenant_id, client_id, authority_host, .. }
            | Self::WorkloadIdentity { tenant_id, client_id, authority_host, .. } => {
                name("tenant_id", tenant_id)?;
                name("client_id", client_id)?;
                authority_host
                    .as_deref()
                    .map_or(Ok(()), |host| address("authority_host", host, "https://login.microsoftonline.com").map(drop))
            }
            Self::ManagedIdentity { client_id, endpoint } => {
                client_id.as_deref().map_or(Ok(()), |id| name("client_id", id))?;
                let Some(endpoint) = endpoint else { return Ok(()) };
                // On the machine or its host, and never encrypted.
                let uri: Option<Uri> = endpoint.parse().ok();
                let whole = uri.is_some_and(|uri| uri.scheme().is_some() && uri.host().is_some());
                if whole {
                    Ok(())
                } else {
                    Err(wrong("IDENTITY_ENDPOINT", format!("`{endpoint}` is no address"), "it looks like http://127.0.0.1:41234/msi/token"))
                }
            }
        }
    }

    /// Whether the credential comes from a service of the machine itself.
    pub(super) fn asks_the_machine(&self) -> bool {
        matches!(self, Self::ManagedIdentity { .. })
    }

    /// Fetches secrets, not tokens.
    fn provider(&self, client: &HttpClient) -> Result<AzureCredentialProvider> {
        let fixed = |credential| Ok(Arc::new(StaticCredentialProvider::new(credential)) as AzureCredentialProvider);
        // The library hands out its token providers only as those of a store.
        let builder = || {
            MicrosoftAzureBuilder::new()
                .with_account("tokens")
                .with_container_name("tokens")
                .with_http_connector(Given(client.clone()))
                .with_retry(super::transport::ONCE)
                .with_client_options(ClientOptions::new().with_allow_http(true))
        };
        let builder = match self {
            Self::AccessKey(key) => {
                let key = AzureAccessKey::try_new(key.fetch()?.reveal().trim());
                return fixed(AzureCredential::AccessKey(key.map_err(|_| refuse("access_key", "it is not base64"))?));
            }
            Self::Sas(sas) => {
                let pairs = split_sas(sas.fetch()?.reveal().trim()).map_err(|_| refuse("sas", "it is not a query such as `sv=…&sig=…`"))?;
                if !pairs.iter().any(|(name, _)| name == "sig") {
                    return Err(refuse("sas", "it has no signature (`sig=`)"));
                }
                return fixed(AzureCredential::SASToken(pairs));
            }
            Self::ClientSecret { tenant_id, client_id, secret, authority_host } => {
                let builder = builder()
                    .with_credential_type("client_secret")
                    .with_tenant_id(tenant_id)
                    .with_client_id(client_id)
                    .with_client_secret(secret.fetch()?.reveal());
                with_authority(builder, authority_host.as_deref())
            }
            Self::ManagedIdentity { client_id, endpoint } => {
                let mut builder = builder().with_credential_type("managed_identity");
                if let Some(client_id) = client_id {
                    builder = builder.with_client_id(client_id);
                }
                if let Some(endpoint) = endpoint {
                    builder = builder.with_msi_endpoint(endpoint);
                }
                builder
            }
            Self::WorkloadIdentity { tenant_id, client_id, token_file, authority_host } => {
                // The library says neither which file nor why.
                File::open(token_file)
                    .map_err(|error| refuse("token_file", &format!("the file {} cannot be read", token_file.display())).because(error))?;
                let token_file = token_file.to_str().ok_or_else(|| refuse("token_file", "its name is not UTF-8"))?;
                let builder = builder()
                    .with_credential_type("workload_identity")
                    .with_tenant_id(tenant_id)
                    .with_client_id(client_id)
                    .with_federated_token_file(token_file);
                with_authority(builder, authority_host.as_deref())
            }
        };
        let store = builder.build().map_err(|error| refuse("sign-in", "it cannot be used").because(error))?;
        Ok(store.credentials().clone())
    }
}

fn with_authority(builder: MicrosoftAzureBuilder, host: Option<&str>) -> MicrosoftAzureBuilder {
    match host {
        Some(host) => builder.with_authority_host(host.trim_end_matches('/')),
        None => builder,
    }
}

fn wrong(setting: &str, what: String, advice: &str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "open archive", what).about(setting).advise(advice)
}

/// An address whose requests are encrypted, or do not leave the machine.
pub(super) fn address(setting: &str, url: &str, example: &str) -> Result<Uri> {
    let uri: Option<Uri> = url.parse().ok();
    let Some((uri, (scheme, host))) = uri.as_ref().and_then(|uri| Some((uri, (uri.scheme()?, uri.host()?)))) else {
        return Err(wrong(setting, format!("`{url}` is no address"), &format!("it looks like {example}")));
    };
    if *scheme == Scheme::HTTPS || *scheme == Scheme::HTTP && is_loopback(host) {
        return Ok(uri.clone());
    }
    Err(wrong(setting, format!("`{url}` is not encrypted"), "use https; plain http is for an emulator on this machine"))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn refuse(setting: &str, what: &str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Credential, "sign in", what).about(setting)
}
