use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

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
#[derive(Debug)]
pub(super) struct Credentials {
    sign_in: AzureSignIn,
    /// Sends what fetches tokens.
    client: HttpClient,
    current: Mutex<Current>,
}

#[derive(Debug, Default)]
struct Current {
    generation: u64,
    provider: Option<AzureCredentialProvider>,
}

impl Credentials {
    pub(super) fn new(sign_in: AzureSignIn, client: HttpClient) -> Self {
        Self { sign_in, client, current: Mutex::default() }
    }

    /// A credential, and which one it is: [`renew`](Self::renew) takes that back.
    pub(super) async fn current(&self) -> Result<(Arc<AzureCredential>, u64), Refusal> {
        let (provider, generation) = self.provider().map_err(|error| Refusal::of_setting(&error))?;
        match provider.get_credential().await {
            Ok(credential) => Ok((credential, generation)),
            // The token service may come to itself; what was fetched so far is not to be asked again.
            Err(error) => {
                self.renew(generation);
                Err(Refusal::within(&error).cloned().unwrap_or_else(|| {
                    let mut refusal = Refusal::new(ErrorClass::Credential, format!("no token is to be had: {error}"));
                    refusal.advice = Some("check the sign-in under [sink]".to_owned());
                    refusal
                }))
            }
        }
    }

    /// Forgets the credential that was given out as this one, so that the next request fetches it anew.
    pub(super) fn renew(&self, generation: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.generation == generation {
            *current = Current { generation: generation + 1, provider: None };
        }
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

fn refuse(setting: &str, what: &str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Credential, "sign in", what).about(setting)
}
