use std::{fmt, sync::Arc};

use async_trait::async_trait;
use jabber_archive_core::{Result, Secret, SecretSource};
use tiberius::AuthMethod;

/// How the server learns who reads.
///
/// Windows accounts by NTLM are left out: the library that the driver has for them on Unix is tied to release candidates of a crypto stack of its own, which do not
/// build beside ours.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Login {
    /// A login of SQL Server.
    Sql {
        /// Its name.
        user: String,
        /// Its password.
        password: Secret,
    },
    /// An account of Entra ID, by an access token for `https://database.windows.net/`.
    EntraToken(Arc<dyn AccessTokens>),
    /// The account of Active Directory whose ticket, or keytab with `KRB5_CLIENT_KTNAME`, Kerberos finds on this machine. The server is asked for as
    /// `MSSQLSvc/host:port`, so that `host` has to be as it is registered.
    #[cfg(feature = "kerberos")]
    Kerberos,
}

/// Gives access tokens of Entra ID.
///
/// ```
/// use async_trait::async_trait;
/// use jabber_archive_core::{Result, Secret, SecretSource};
/// use jabber_archive_sql::{AccessTokens, Login, MssqlConfig};
///
/// /// Asks the sign-in service of one's own program.
/// #[derive(Debug)]
/// struct SignIn;
///
/// #[async_trait]
/// impl AccessTokens for SignIn {
///     async fn token(&self) -> Result<Secret> {
///         Ok(Secret::new("eyJ0eXAi…"))
///     }
/// }
///
/// let config = MssqlConfig::with_login("example.database.windows.net", "tcmadb", Login::entra(SignIn));
/// // Or, where something else keeps a token fresh in a place:
/// let fetched = SecretSource::new(|| Ok(Secret::new("eyJ0eXAi…")));
/// let config = MssqlConfig::with_login("example.database.windows.net", "tcmadb", Login::entra(fetched));
/// ```
#[async_trait]
pub trait AccessTokens: fmt::Debug + Send + Sync {
    /// A token that is valid now, for `https://database.windows.net/`. It is asked for before each connection, of which a run opens many: keep it until it expires.
    async fn token(&self) -> Result<Secret>;
}

#[async_trait]
impl AccessTokens for SecretSource {
    async fn token(&self) -> Result<Secret> {
        self.fetch()
    }
}

impl Login {
    /// An account of Entra ID.
    pub fn entra(tokens: impl AccessTokens + 'static) -> Self {
        Self::EntraToken(Arc::new(tokens))
    }

    /// What the driver signs in with, as it is now.
    pub(crate) async fn authentication(&self) -> Result<AuthMethod> {
        Ok(match self {
            Self::Sql { user, password } => AuthMethod::sql_server(user, password.reveal()),
            Self::EntraToken(tokens) => AuthMethod::aad_token(tokens.token().await?.reveal()),
            #[cfg(feature = "kerberos")]
            Self::Kerberos => AuthMethod::Integrated,
        })
    }
}

/// Names the account in messages.
impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql { user, .. } => write!(f, "`{user}`"),
            Self::EntraToken(_) => f.write_str("the access token's account"),
            #[cfg(feature = "kerberos")]
            Self::Kerberos => f.write_str("the Kerberos ticket's account"),
        }
    }
}
