use std::{fmt, sync::Arc};

use crate::Result;

/// A password, key or token: readable only through [`reveal`](Secret::reveal), shown nowhere.
///
/// ```
/// let secret = jabber_archive_core::Secret::new("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// assert_eq!(secret.reveal(), "hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes the secret text.
    pub fn new(secret: impl Into<Box<str>>) -> Self {
        Self(secret.into())
    }

    /// The secret text, for handing to the service that asks for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret comes from. It is fetched anew whenever it is needed again, so that one that was renewed in its place is found by a run that is under way.
///
/// ```
/// use jabber_archive_core::{Secret, SecretSource};
///
/// let fixed = SecretSource::from(Secret::new("hunter2"));
/// assert_eq!(fixed.fetch()?.reveal(), "hunter2");
/// # Ok::<(), jabber_archive_core::Error>(())
/// ```
#[derive(Clone)]
pub struct SecretSource(Arc<dyn Fn() -> Result<Secret> + Send + Sync>);

impl SecretSource {
    /// A secret that `fetch` gets from where it is kept.
    pub fn new(fetch: impl Fn() -> Result<Secret> + Send + Sync + 'static) -> Self {
        Self(Arc::new(fetch))
    }

    /// The secret as it is now.
    pub fn fetch(&self) -> Result<Secret> {
        (self.0)()
    }
}

impl From<Secret> for SecretSource {
    fn from(secret: Secret) -> Self {
        Self::new(move || Ok(secret.clone()))
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretSource(…)")
    }
}
