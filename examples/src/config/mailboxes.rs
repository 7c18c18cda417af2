use std::path::PathBuf;

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Timestamp, is_addr_spec};
use jabber_archive_imap::{ClientCredential, Encryption, ImapConfig, Mechanism, SignIn, TokenSource};
use jabber_archive_sink::{ImportSettings, Recipients};
use serde::Deserialize;

use super::{Config, Mode, SecretRef, Span};

/// What an application asks for where it is not said: the mailboxes of Exchange Online.
const SCOPE: &str = "https://outlook.office365.com/.default";

/// The mailboxes that an import fills; [`server`](Self::server) and [`settings`](Self::settings) tell what does not belong together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailboxesConfig {
    host: String,
    port: Option<u16>,
    #[serde(default)]
    encrypt: Encrypt,
    ca_file: Option<PathBuf>,
    user: Option<String>,
    password: Option<SecretRef>,
    mechanism: Option<Presents>,
    client_id: Option<String>,
    client_secret: Option<SecretRef>,
    client_certificate: Option<SecretRef>,
    tenant_id: Option<String>,
    token_endpoint: Option<String>,
    scope: Option<String>,
    folder: Option<String>,
    #[serde(default)]
    received: Received,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    rooms_to: Vec<String>,
    most_mailboxes: Option<usize>,
    since: Option<Timestamp>,
    connections: Option<usize>,
    timeout: Option<Span>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Encrypt {
    #[default]
    Tls,
    StartTls,
    Off,
}

/// How an access token is presented.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Presents {
    XOAuth2,
    OAuthBearer,
}

/// When a mailbox says that a mail was received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Received {
    #[default]
    Chat,
    Import,
}

impl MailboxesConfig {
    /// The server and the way in; nothing is sent.
    pub(crate) fn server(&self, config: &Config) -> Result<ImapConfig> {
        let mut built = ImapConfig::new(self.host.as_str(), self.sign_in(config)?).encryption(match self.encrypt {
            Encrypt::Tls => Encryption::Tls,
            Encrypt::StartTls => Encryption::StartTls,
            Encrypt::Off => Encryption::Off,
        });
        if let Some(authority) = self.authority(config)? {
            built = built.certificate_authority(authority);
        }
        if let Some(port) = self.port {
            built = built.port(port);
        }
        if let Some(folder) = &self.folder {
            built = built.folder(folder.as_str());
        }
        if let Some(connections) = self.connections {
            built = built.connections(connections);
        }
        if let Some(timeout) = self.timeout {
            built = built.timeout(timeout.0);
        }
        Ok(built)
    }

    /// What is put into them.
    pub(crate) fn settings(&self, config: &Config) -> Result<ImportSettings> {
        let addresses = self.to.iter().chain(&self.rooms_to).chain(&config.directory.catch_all);
        if let Some(address) = addresses.into_iter().find(|address| !is_addr_spec(address)) {
            return Err(
                refuse(format!("`{}` is no address of a mailbox", address.escape_debug())).advise("write it such as archive@example.com")
            );
        }
        if !self.to.is_empty() && !self.rooms_to.is_empty() {
            return Err(refuse("`rooms_to` has no meaning beside `to`").advise("`to` gets everything: remove one of them"));
        }
        if self.to.is_empty() && matches!(config.converter.mode, Mode::Rsmf) {
            return Err(
                refuse("files for review tools are no mails for people").advise("name the mailboxes that get all of them with `to`")
            );
        }
        let mut recipients = Recipients::new().to(&self.to).rooms_to(&self.rooms_to);
        if let Some(address) = config.directory.catch_all.as_ref().filter(|_| self.to.is_empty()) {
            recipients = recipients.catch_all(address);
        }
        if let Some(most) = self.most_mailboxes {
            recipients = recipients.most(most);
        }
        let mut settings = ImportSettings::default();
        settings.recipients = recipients;
        settings.received_when_said = self.received == Received::Chat;
        settings.connections = self.connections.unwrap_or(settings.connections);
        settings.span.start = self.since.unwrap_or(settings.span.start);
        Ok(settings)
    }

    fn authority(&self, config: &Config) -> Result<Option<Vec<u8>>> {
        self.ca_file.as_ref().map(|path| config.authority(path)).transpose()
    }

    fn sign_in(&self, config: &Config) -> Result<SignIn> {
        let of_tokens = [
            ("mechanism", self.mechanism.is_some()),
            ("client_secret", self.client_secret.is_some()),
            ("client_certificate", self.client_certificate.is_some()),
            ("tenant_id", self.tenant_id.is_some()),
            ("token_endpoint", self.token_endpoint.is_some()),
            ("scope", self.scope.is_some()),
        ];
        let Some(client_id) = &self.client_id else {
            if let Some((name, _)) = of_tokens.into_iter().find(|(_, given)| *given) {
                return Err(refuse(format!("`{name}` has no meaning without `client_id`")).advise("add it, or remove this"));
            }
            let (Some(user), Some(password)) = (&self.user, &self.password) else {
                return Err(
                    refuse("it does not say how to sign in").advise("add `user` and `password`, or `client_id` and what belongs to it")
                );
            };
            return Ok(SignIn::Password { user: user.clone(), password: password.source(config, "password")? });
        };
        if self.user.is_some() || self.password.is_some() {
            return Err(refuse("`client_id` and `user` with `password` exclude each other").advise("keep one way to sign in"));
        }
        let endpoint = match (&self.token_endpoint, &self.tenant_id) {
            (Some(endpoint), None) => endpoint.clone(),
            (None, Some(tenant)) if tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) => {
                format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token")
            }
            (None, Some(tenant)) => {
                return Err(refuse(format!("`{}` is no `tenant_id`", tenant.escape_debug())).advise("copy it from Entra ID"));
            }
            (Some(_), Some(_)) => return Err(refuse("`tenant_id` and `token_endpoint` exclude each other").advise("keep one of them")),
            (None, None) => return Err(refuse("`tenant_id` is missing").advise("add it, or `token_endpoint` of another service")),
        };
        let credential = match (&self.client_secret, &self.client_certificate) {
            (Some(secret), None) => ClientCredential::Secret(secret.source(config, "client_secret")?),
            (None, Some(pem)) => ClientCredential::Certificate(pem.source(config, "client_certificate")?),
            _ => return Err(refuse("the application has no credential, or two").advise("add `client_secret` or `client_certificate`")),
        };
        let mechanism = match self.mechanism {
            None | Some(Presents::XOAuth2) => Mechanism::XOAuth2,
            Some(Presents::OAuthBearer) => Mechanism::OAuthBearer,
        };
        let (scope, authority) = (self.scope.as_deref().unwrap_or(SCOPE), self.authority(config)?);
        let tokens = TokenSource::new(&endpoint, client_id.as_str(), credential, scope, authority.as_deref())?;
        Ok(SignIn::Token { mechanism, tokens })
    }
}

fn refuse(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "read configuration", what).about("[mailboxes]")
}
