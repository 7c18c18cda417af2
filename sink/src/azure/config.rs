use std::{fmt, sync::Arc, time::Duration};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Observer, Result, RetryPolicy};

use super::{AzureSignIn, sign_in::address};

/// A container of Azure Blob Storage, and how it is reached.
///
/// ```
/// use jabber_archive_core::Secret;
/// use jabber_archive_sink::{AzureConfig, AzureSignIn};
///
/// let config = AzureConfig::new("examplechats", "jabber", AzureSignIn::AccessKey(Secret::new("a2V5").into())).prefix("prod");
/// assert_eq!(config.id(), "https://examplechats.blob.core.windows.net/jabber/prod");
/// ```
#[derive(Debug, Clone)]
pub struct AzureConfig {
    pub(super) account: String,
    pub(super) container: String,
    pub(super) prefix: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) authority: Option<Vec<u8>>,
    pub(super) sign_in: AzureSignIn,
    pub(super) create_container: bool,
    pub(super) retry: RetryPolicy,
    pub(super) limits: AzureLimits,
    pub(super) observer: Option<Arc<dyn Observer>>,
}

/// How long is waited for a service that says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AzureLimits {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until a small request is answered, and until a small answer is complete.
    pub reply: Duration,
    /// How many bytes must pass in each second, both ways, for a large one.
    pub bytes_per_second: u64,
}

impl Default for AzureLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), reply: Duration::from_mins(1), bytes_per_second: 64 << 10 }
    }
}

impl AzureLimits {
    /// These limits.
    pub const fn new(connect: Duration, reply: Duration, bytes_per_second: u64) -> Self {
        Self { connect, reply, bytes_per_second }
    }

    /// How long so many bytes may take.
    pub(super) fn of(&self, bytes: u64) -> Duration {
        self.reply + Duration::from_secs(bytes / self.bytes_per_second.max(1))
    }
}

impl AzureConfig {
    /// A container of an account in the public cloud.
    pub fn new(account: impl Into<String>, container: impl Into<String>, sign_in: AzureSignIn) -> Self {
        Self {
            account: account.into(),
            container: container.into(),
            prefix: None,
            endpoint: None,
            authority: None,
            sign_in,
            create_container: false,
            retry: RetryPolicy::default(),
            limits: AzureLimits::default(),
            observer: None,
        }
    }

    /// Keeps the archive below this path in the container, so that it can hold several.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: Some(prefix.into()), ..self }
    }

    /// The address of the account's blob service, where that is not `https://<account>.blob.core.windows.net`: sovereign clouds, Azure Stack, Azurite.
    #[must_use]
    pub fn endpoint(self, endpoint: impl Into<String>) -> Self {
        Self { endpoint: Some(endpoint.into()), ..self }
    }

    /// Trusts certificates of these authorities (PEM) beside those of the system.
    #[must_use]
    pub fn certificate_authority(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { authority: Some(pem.into()), ..self }
    }

    /// Creates the container if it is not there, or does not, as without this.
    #[must_use]
    pub fn create_container(self, create: bool) -> Self {
        Self { create_container: create, ..self }
    }

    /// Whether a container that is not there is created.
    pub fn creates_container(&self) -> bool {
        self.create_container
    }

    /// How requests that may pass are sent again. When that is over, the error is fatal: nobody above needs to try once more.
    #[must_use]
    pub fn retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// Other time limits.
    #[must_use]
    pub fn limits(self, limits: AzureLimits) -> Self {
        Self { limits, ..self }
    }

    /// Who is told that a request is sent again.
    #[must_use]
    pub fn observer(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Names the place in messages: the address of the container, and the prefix.
    pub fn id(&self) -> String {
        match self.prefix.as_deref().map(|prefix| prefix.trim_matches('/')) {
            None | Some("") => self.container_url(),
            Some(prefix) => format!("{}/{prefix}", self.container_url()),
        }
    }

    pub(super) fn endpoint_url(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://{}.blob.core.windows.net", self.account),
        }
    }

    pub(super) fn container_url(&self) -> String {
        format!("{}/{}", self.endpoint_url(), self.container)
    }

    /// Whether the endpoint is plain HTTP, which is taken on a loopback address only.
    pub(super) fn is_plain(&self) -> bool {
        self.endpoint_url().starts_with("http://")
    }

    pub(super) fn check(&self) -> Result<()> {
        let refuse = |setting: &str, what: String, advice: &str| {
            Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "open archive", what).about(setting).advise(advice))
        };
        // https://learn.microsoft.com/en-us/azure/azure-resource-manager/management/resource-name-rules#microsoftstorage
        let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !(3..=24).contains(&self.account.len()) || !plain(&self.account) {
            return refuse(
                "account",
                format!("`{}` is no name of a storage account", self.account),
                "it has 3 to 24 lower-case letters and digits",
            );
        }
        let words = self.container.split('-');
        if !(3..=63).contains(&self.container.len()) || !words.clone().all(|word| !word.is_empty() && plain(word)) {
            return refuse(
                "container",
                format!("`{}` is no name of a container", self.container),
                "it has 3 to 63 lower-case letters, digits and single hyphens",
            );
        }
        address("endpoint", &self.endpoint_url(), "https://examplechats.blob.core.windows.net")?;
        self.sign_in.check()
    }
}

impl fmt::Display for AzureConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id())
    }
}

#[cfg(test)]
mod tests {
    use jabber_archive_core::Secret;

    use super::*;

    fn config(account: &str, container: &str) -> AzureConfig {
        AzureConfig::new(account, container, AzureSignIn::AccessKey(Secret::new("a2V5").into()))
    }

    #[test]
    fn names_that_azure_does_not_know_are_refused_before_anything_is_sent() {
        for (account, container) in [
            ("no", "jabber"),
            ("UPPER", "jabber"),
            ("under_score", "jabber"),
            ("examplechats", "a"),
            ("examplechats", "-jabber"),
            ("examplechats", "a--b"),
        ] {
            let error = config(account, container).check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{account} {container}");
        }
        config("examplechats", "jabber-2026").check().unwrap();
    }

    #[test]
    fn plain_http_is_taken_on_a_loopback_address_only() {
        for endpoint in [
            "http://127.0.0.1:10000/devstoreaccount1",
            "http://localhost:10000/devstoreaccount1",
            "http://[::1]:1/a",
            "https://example.com",
        ] {
            config("devstoreaccount1", "jabber").endpoint(endpoint).check().unwrap();
        }
        for (endpoint, says) in
            [("http://example.com", "not encrypted"), ("ftp://127.0.0.1", "not encrypted"), ("example.com", "no address")]
        {
            let error = config("devstoreaccount1", "jabber").endpoint(endpoint).check().unwrap_err();
            assert!(error.to_string().contains(says), "{endpoint}: {error}");
        }
    }

    #[test]
    fn a_sign_in_that_would_go_wrong_or_in_the_clear_is_refused_before_anything_is_sent() {
        let signed = |tenant_id: &str, host: &str| {
            let sign_in = AzureSignIn::ClientSecret {
                tenant_id: tenant_id.to_owned(),
                client_id: "client".to_owned(),
                secret: Secret::new("hunter2").into(),
                authority_host: Some(host.to_owned()),
            };
            AzureConfig::new("examplechats", "jabber", sign_in).check()
        };
        signed("72f988bf-86f1-41af-91ab-2d7cd011db47", "https://login.microsoftonline.us/").unwrap();
        for (tenant, host, says) in [
            ("tenant", "login.microsoftonline.us", "authority_host: `login.microsoftonline.us` is no address"),
            ("tenant", "", "authority_host: `` is no address"),
            ("tenant", "/x", "authority_host: `/x` is no address"),
            ("tenant", "http://login.example.com", "authority_host: `http://login.example.com` is not encrypted"),
            ("my tenant", "https://login.microsoftonline.us", "tenant_id: `my tenant` is none"),
            ("", "https://login.microsoftonline.us", "tenant_id: `` is none"),
        ] {
            let error = signed(tenant, host).unwrap_err();
            assert!(error.kind() == ErrorKind::Config && error.to_string().contains(says), "{error}");
        }
        let identity = AzureSignIn::ManagedIdentity { client_id: None, endpoint: Some("msi/token".to_owned()) };
        let error = AzureConfig::new("examplechats", "jabber", identity).check().unwrap_err();
        assert!(error.to_string().contains("IDENTITY_ENDPOINT: `msi/token` is no address"), "{error}");
    }

    #[test]
    fn a_large_request_has_more_time() {
        let limits = AzureLimits::new(Duration::from_secs(1), Duration::from_secs(5), 1_000);
        assert_eq!(limits.of(100), Duration::from_secs(5));
        assert_eq!(limits.of(10_000), Duration::from_secs(15));
    }
}
