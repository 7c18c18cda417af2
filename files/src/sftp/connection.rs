//! One connection: the server verified, we signed in, SFTP begun.

use std::{
    fmt,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jabber_archive_core::{Error, ErrorClass, Result, SecretSource};
use russh::{
    Disconnect,
    client::{self, AuthResult, Config, Handle, Handler},
    keys::{self, PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key},
};
use russh_sftp::client::{Config as SftpSettings, RawSftpSession, error::Error as SftpError};
use tokio::time::timeout;

use super::{SftpConfig, SignIn, host_key::Expected};
use crate::fault::{refuse, unreadable};

/// How long a connection is silent before the other side is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(30);

pub(super) struct Connection {
    ssh: Handle<Verifier>,
    pub(super) sftp: RawSftpSession,
    /// Whether an answer has failed to come: nobody knows what comes next.
    broken: AtomicBool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) async fn open(config: &SftpConfig) -> Result<Self> {
        let limit = config.connect_timeout;
        match timeout(limit, Self::begin(config)).await {
            Ok(begun) => begun,
            Err(_) => Err(unreachable(config, format!("no connection within {} s", limit.as_secs_f64()))),
        }
    }

    async fn begin(config: &SftpConfig) -> Result<Self> {
        let expected = Expected::of(config)?;
        let settings = Config { preferred: expected.preferred(), keepalive_interval: Some(KEEPALIVE), nodelay: true, ..Config::default() };
        let address = (config.host.as_str(), config.port);
        let mut ssh = client::connect(Arc::new(settings), address, Verifier(expected)).await.map_err(|fault| fault.explain(config))?;
        sign_in(&mut ssh, config).await?;
        let broke = |error: russh::Error| unreachable(config, "the connection broke").because(error);
        let channel = ssh.channel_open_session().await.map_err(broke)?;
        channel.request_subsystem(true, "sftp").await.map_err(broke)?;
        let settings = SftpSettings { request_timeout_secs: config.answer_timeout.as_secs().max(1), ..SftpSettings::default() };
        let sftp = RawSftpSession::new_with_config(channel.into_stream(), settings);
        sftp.init().await.map_err(|error| {
            unreachable(config, "it does not begin SFTP").advise("check that the account may use the subsystem `sftp`").because(error)
        })?;
        Ok(Self { ssh, sftp, broken: AtomicBool::new(false) })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.broken.load(Ordering::Relaxed) || self.ssh.is_closed()
    }

    /// What may pass. Where the server did not answer, nobody uses this connection again. What it says is not passed on: it may name files.
    pub(super) fn failed(&self, error: &SftpError) -> Error {
        let what = match error {
            SftpError::Status(status) => format!("the server answers: {}", status.status_code),
            SftpError::Timeout => "the server does not answer in time".to_owned(),
            _ => "the connection broke".to_owned(),
        };
        if !matches!(error, SftpError::Status(_)) {
            self.broken.store(true, Ordering::Relaxed);
        }
        unreadable(ErrorClass::Transient, what)
    }
}

async fn sign_in(ssh: &mut Handle<Verifier>, config: &SftpConfig) -> Result<()> {
    let user = config.user.as_str();
    let result = match &config.sign_in {
        SignIn::Key { file, passphrase } => {
            let key = read_key(file, passphrase.as_ref())?;
            ssh.authenticate_publickey(user, PrivateKeyWithHashAlg::new(Arc::new(key), None)).await
        }
        SignIn::Password(password) => ssh.authenticate_password(user, password.fetch()?.reveal()).await,
    };
    match result.map_err(|error| unreachable(config, "the connection broke while signing in").because(error))? {
        AuthResult::Success => Ok(()),
        AuthResult::Failure { .. } => {
            drop(ssh.disconnect(Disconnect::ByApplication, "", "").await);
            let by = match &config.sign_in {
                SignIn::Key { .. } => "key",
                SignIn::Password(_) => "password",
            };
            // Not tried again: too many tries lock accounts.
            Err(refuse(format!("it refuses the {by} of `{user}`"))
                .about(format_args!("{}:{}", config.host, config.port))
                .advise(format!("check `user` and the {by}, and whether the server lets this account in by it")))
        }
    }
}

fn read_key(file: &Path, passphrase: Option<&SecretSource>) -> Result<keys::PrivateKey> {
    let refuse = |what: &str| refuse(what).about(file.display());
    let metadata = std::fs::metadata(file).map_err(|error| refuse("the key cannot be read").because(error))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(refuse("the key can be read by others").advise("chmod 600 it"));
    }
    let passphrase = passphrase.map(SecretSource::fetch).transpose()?;
    let key = load_secret_key(file, passphrase.as_ref().map(jabber_archive_core::Secret::reveal)).map_err(|error| match error {
        keys::Error::KeyIsEncrypted => refuse("the key is encrypted").advise("set `passphrase`"),
        error if passphrase.is_some() => refuse("the key cannot be read with this passphrase").because(error),
        error => refuse("it is no private key that is understood")
            .advise("make one of type Ed25519 with ssh-keygen; keys of type RSA are not understood")
            .because(error),
    })?;
    if key.algorithm().is_rsa() {
        return Err(refuse("keys of type RSA are not understood").advise("make one of type Ed25519 with ssh-keygen"));
    }
    Ok(key)
}

/// Compares the key that the server shows with the one that is expected.
struct Verifier(Expected);

/// What ends a connection while it is made.
#[derive(Debug)]
enum Fault {
    Ssh(russh::Error),
    Untrusted(Error),
}

impl From<russh::Error> for Fault {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

impl Fault {
    fn explain(self, config: &SftpConfig) -> Error {
        match self {
            Self::Untrusted(error) => error,
            Self::Ssh(error @ russh::Error::NoCommonAlgo { .. }) => refuse("the server and this program have no algorithm in common")
                .about(format_args!("{}:{}", config.host, config.port))
                .advise("its host key has to be of type Ed25519 or ECDSA, and its key exchange not older than SHA-2")
                .because(error),
            Self::Ssh(error) => unreachable(config, "it cannot be reached").because(error),
        }
    }
}

impl Handler for Verifier {
    type Error = Fault;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Fault> {
        match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.0.verify(key).map(|()| true).map_err(Fault::Untrusted),
            // Never asked for.
            PublicKeyOrCertificate::Certificate(_) => Ok(false),
        }
    }
}

fn unreachable(config: &SftpConfig, what: impl Into<String>) -> Error {
    unreadable(ErrorClass::Transient, what)
        .about(format_args!("{}:{}", config.host, config.port))
        .advise("check `host`, `port` and the firewall")
}
