use jabber_archive_core::{Result, Secret, SecretSource};

use crate::{TokenSource, config::ImapConfig};

/// How mailboxes are signed in to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SignIn {
    /// By a password, with SASL PLAIN (RFC 4616), or LOGIN where a server has nothing else.
    Password {
        /// Who signs in. With `{mailbox}` in it, which stands for the mailbox's address, or `{local}`, for what is before its `@`, the account of the mailbox itself, or a form such as
        /// `{mailbox}*archiver` that the server understands; without, somebody who may act for all of them: the mailbox is named beside (authorization identity).
        user: String,
        /// Their password.
        password: SecretSource,
    },
    /// By an access token.
    Token {
        /// How it is presented.
        mechanism: Mechanism,
        /// Where it is to be had.
        tokens: TokenSource,
    },
}

/// How an access token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mechanism {
    /// SASL XOAUTH2, of Google; Microsoft has it too.
    XOAuth2,
    /// SASL OAUTHBEARER (RFC 7628).
    OAuthBearer,
}

/// What is presented to open one mailbox.
pub(crate) enum Presented {
    /// As `user`, who acts for somebody else if there is one.
    Password { acts_for: Option<String>, user: String, password: Secret },
    /// `new` says that there is no newer token.
    Token { mechanism: Mechanism, message: Secret, new: bool },
}

impl SignIn {
    /// Fetches what is to be presented.
    pub(crate) async fn presented(&self, config: &ImapConfig, mailbox: &str) -> Result<Presented> {
        match self {
            Self::Password { user, password } => {
                let local = mailbox.rsplit_once('@').map_or(mailbox, |(local, _)| local);
                let own = user.replace("{mailbox}", mailbox).replace("{local}", local);
                let acts_for = (own == *user && own != mailbox).then(|| mailbox.to_owned());
                Ok(Presented::Password { acts_for, user: own, password: password.fetch()? })
            }
            Self::Token { mechanism, tokens } => {
                let (token, new) = tokens.current().await?;
                let (host, port) = (&config.host, config.port_or_usual());
                let message = match mechanism {
                    Mechanism::XOAuth2 => format!("user={mailbox}\x01auth=Bearer {}\x01\x01", token.reveal()),
                    Mechanism::OAuthBearer => {
                        // A name that SASL reads has no bare `,` and `=` in it (RFC 5801, section 4).
                        let name = mailbox.replace('=', "=3D").replace(',', "=2C");
                        format!("n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer {}\x01\x01", token.reveal())
                    }
                };
                Ok(Presented::Token { mechanism: *mechanism, message: Secret::new(message), new })
            }
        }
    }

    /// Forgets a token that was refused.
    pub(crate) async fn renew(&self) {
        if let Self::Token { tokens, .. } = self {
            tokens.forget().await;
        }
    }
}
