use std::{env, fmt, path::PathBuf, sync::Arc};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Observer, Result, Timestamp};
use jabber_archive_sink::{Archive, AzureConfig, AzureLimits, AzureSignIn, Swept};

use super::refuse;
use crate::config::{Config, SinkConfig, SinkKind};

/// Where an archive is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Folder(PathBuf),
    Container(Box<AzureConfig>),
}

impl Place {
    /// The place that a configuration names.
    pub(crate) fn of(config: &Config) -> Result<Self> {
        let sink = &config.sink;
        sink.check()?;
        match sink.kind {
            SinkKind::File => Ok(Self::Folder(config.path(required("path", sink.path.as_ref())?))),
            SinkKind::Azure => Ok(Self::Container(Box::new(azure(config, sink)?))),
        }
    }

    /// The archive there; made if there is none.
    pub(crate) async fn open(&self, observer: Arc<dyn Observer>) -> Result<Archive> {
        match self {
            Self::Folder(folder) => Archive::file(folder),
            Self::Container(config) => Archive::azure((**config).clone().observer(observer)).await,
        }
    }

    /// The archive there, if there is one; nothing is created or written.
    pub(crate) async fn find(&self, observer: Arc<dyn Observer>) -> Result<Option<Archive>> {
        let archive = match self {
            Self::Folder(folder) if !folder.is_dir() => None,
            Self::Folder(folder) => Some(Archive::existing_file(folder)?),
            Self::Container(config) => {
                let config = (**config).clone().observer(observer);
                // One that a run would create may be missing; every other one is refused as a run refuses it.
                if config.creates_container() { Archive::existing_azure(config).await? } else { Some(Archive::azure(config).await?) }
            }
        };
        // Facts that are missing beside a chain are for a verification to tell of; without either, nothing says that this was ever an archive.
        match archive {
            Some(archive)
                if archive.ledger().facts().await.is_ok_and(|facts| facts.is_none()) && archive.ledger().numbers().await?.is_empty() =>
            {
                Ok(None)
            }
            archive => Ok(archive),
        }
    }

    /// Removes what killed writes have left there and nobody has written to since then. Azure does away with unfinished uploads by itself.
    pub(crate) async fn sweep(&self, before: Timestamp) -> Result<Swept> {
        match self {
            Self::Folder(folder) => Archive::existing_file(folder)?.sweep(before).await,
            Self::Container(_) => Ok(Swept::default()),
        }
    }

    /// That there is no archive.
    pub(crate) fn empty(&self) -> Error {
        let (what, advice) = match self {
            Self::Folder(folder) if !folder.is_dir() => {
                ("there is no such folder", "check `path` under [sink]; the first run makes the folder")
            }
            Self::Folder(_) => ("there is no archive in this folder", "name its folder with --archive, or check `path` under [sink]"),
            Self::Container(_) => {
                ("there is no archive in this container", "check `container` and `prefix` under [sink]; the first run makes the archive")
            }
        };
        Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "open", what).about(self).advise(advice)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Container(config) => config.fmt(f),
        }
    }
}

fn azure(config: &Config, sink: &SinkConfig) -> Result<AzureConfig> {
    let account = required("account", sink.account.as_ref())?.as_str();
    let container = required("container", sink.container.as_ref())?.as_str();
    let mut limits = AzureLimits::default();
    limits.connect = sink.connect_timeout.map_or(limits.connect, |limit| limit.0);
    limits.reply = sink.reply_timeout.map_or(limits.reply, |limit| limit.0);
    let mut built = AzureConfig::new(account, container, sign_in(config, sink)?)
        .create_container(sink.create_container)
        .retry(super::settings(config).retry)
        .limits(limits);
    if let Some(prefix) = &sink.prefix {
        built = built.prefix(prefix.as_str());
    }
    if let Some(endpoint) = &sink.endpoint {
        built = built.endpoint(endpoint.as_str());
    }
    if let Some(path) = &sink.ca_file {
        built = built.certificate_authority(config.authority(path)?);
    }
    Ok(built)
}

/// The one way to sign in that there is; [`SinkConfig::check`] has seen to that.
fn sign_in(config: &Config, sink: &SinkConfig) -> Result<AzureSignIn> {
    // What the identity webhook of Kubernetes sets, where the configuration does not say.
    let or_environment = |setting: &'static str, given: Option<&String>, variable: &str| {
        given.cloned().or_else(|| environment(variable)).ok_or_else(|| {
            refuse("[sink]", &format!("`{setting}` is missing")).advise(format!("add it, or set {variable} in the environment"))
        })
    };
    let authority_host = sink.authority_host.clone().or_else(|| environment("AZURE_AUTHORITY_HOST"));
    if let Some(key) = &sink.access_key {
        return Ok(AzureSignIn::AccessKey(key.source(config, "access_key")?));
    }
    if let Some(sas) = &sink.sas {
        return Ok(AzureSignIn::Sas(sas.source(config, "sas")?));
    }
    if let Some(secret) = &sink.client_secret {
        return Ok(AzureSignIn::ClientSecret {
            tenant_id: required("tenant_id", sink.tenant_id.as_ref())?.clone(),
            client_id: required("client_id", sink.client_id.as_ref())?.clone(),
            secret: secret.source(config, "client_secret")?,
            authority_host,
        });
    }
    if sink.workload_identity {
        let token_file = match &sink.token_file {
            Some(path) => config.path(path),
            None => or_environment("token_file", None, "AZURE_FEDERATED_TOKEN_FILE")?.into(),
        };
        return Ok(AzureSignIn::WorkloadIdentity {
            tenant_id: or_environment("tenant_id", sink.tenant_id.as_ref(), "AZURE_TENANT_ID")?,
            client_id: or_environment("client_id", sink.client_id.as_ref(), "AZURE_CLIENT_ID")?,
            token_file,
            authority_host,
        });
    }
    // App Service and Functions say so where their identity is to be had; virtual machines do not.
    Ok(AzureSignIn::ManagedIdentity { client_id: sink.client_id.clone(), endpoint: environment("IDENTITY_ENDPOINT") })
}

fn environment(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

fn required<'a, T>(setting: &'static str, given: Option<&'a T>) -> Result<&'a T> {
    given.ok_or_else(|| refuse("[sink]", &format!("`{setting}` is missing")).advise("add it"))
}
