//! The configuration file.

mod encryption_key;
mod expected;
mod files;
mod filter;
mod kept;
#[cfg(feature = "ldap")]
mod ldap;
mod limits;
#[cfg(feature = "imap")]
mod mailboxes;
mod recipients;
mod schedule;
mod secret;
mod sink;
mod source;
mod toml_error;
mod units;
mod watch;

use std::{
    fs,
    path::{Path, PathBuf},
};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, TimeZone};
use serde::Deserialize;
use serde_json::Value;

pub(crate) use self::{
    encryption_key::EncryptionKeyConfig,
    expected::Expected,
    files::{FilesConfig, FilesKind},
    filter::FilterConfig,
    limits::LimitsConfig,
    recipients::Recipients,
    schedule::Schedule,
    secret::{GivenSecrets, SecretRef},
    sink::{SinkConfig, SinkKind},
    source::SourceConfig,
    units::{Bytes, Span, TimeOfDay},
    watch::{AuditSchedule, WatchConfig},
};

/// A configuration as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) source: Vec<SourceConfig>,
    #[serde(default)]
    pub(crate) directory: DirectoryConfig,
    #[serde(default)]
    pub(crate) filter: FilterConfig,
    pub(crate) files: Option<FilesConfig>,
    #[serde(default)]
    pub(crate) converter: ConverterConfig,
    pub(crate) sink: SinkConfig,
    #[cfg(feature = "imap")]
    pub(crate) mailboxes: Option<mailboxes::MailboxesConfig>,
    /// There, so that a configuration is the same for every program.
    #[cfg(not(feature = "imap"))]
    #[expect(dead_code, reason = "this program fills no mailboxes")]
    pub(crate) mailboxes: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    pub(crate) run: RunConfig,
    /// None where nothing is said of a service.
    pub(crate) watch: Option<WatchConfig>,
    /// Where relative paths begin: the folder of the file.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
    /// What the file says, which is no secret; none where there is no file.
    #[serde(skip)]
    pub(crate) written: Option<Value>,
    /// Secrets that are known without their places.
    #[serde(skip)]
    pub(crate) given: GivenSecrets,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DirectoryConfig {
    pub(crate) csv: Option<PathBuf>,
    #[cfg(feature = "ldap")]
    pub(crate) ldap: Option<ldap::LdapSettings>,
    /// There, so that it can be said that this program has no LDAP.
    #[cfg(not(feature = "ldap"))]
    pub(crate) ldap: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    pub(crate) jid_is_email: bool,
    #[serde(default)]
    pub(crate) internal_domains: Vec<String>,
    pub(crate) catch_all: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConverterConfig {
    #[serde(default)]
    pub(crate) mode: Mode,
    #[serde(default)]
    pub(crate) journal: bool,
    pub(crate) max_item_bytes: Option<usize>,
    pub(crate) conversation_json: Option<bool>,
    pub(crate) raw_stanzas: Option<bool>,
    #[serde(default)]
    pub(crate) time_zone: TimeZone,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    #[default]
    Transcript,
    PerMessage,
    Rsmf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunConfig {
    pub(crate) window: Option<Span>,
    pub(crate) anchor: Option<TimeOfDay>,
    pub(crate) settle: Option<Span>,
    pub(crate) margin: Option<Span>,
    pub(crate) start: Option<jabber_archive_core::Timestamp>,
    pub(crate) message_id_domain: Option<String>,
    pub(crate) memory: Option<Bytes>,
    pub(crate) spool: Option<PathBuf>,
    pub(crate) late_windows: Option<u32>,
    pub(crate) chunk_windows: Option<usize>,
    pub(crate) concurrency: Option<usize>,
    pub(crate) in_flight: Option<Bytes>,
    pub(crate) retry_for: Option<Span>,
    pub(crate) dead_letters_to: Option<Recipients>,
    #[serde(default)]
    pub(crate) expected_findings: Expected,
    pub(crate) after_run: Option<Vec<String>>,
    pub(crate) after_run_limit: Option<Span>,
    #[serde(default)]
    pub(crate) limits: LimitsConfig,
}

impl Config {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| {
            refuse(path, "the file cannot be read".to_owned())
                .advise("name it with --config; `jabber-archive demo` needs none")
                .because(error)
        })?;
        Self::parse(&text, path)
    }

    /// What a file of this path says.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self> {
        let mut config: Self = toml::from_str(text).map_err(|error| toml_error::explain(text, &error, &|what| refuse(path, what)))?;
        config.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        config.written = toml::from_str(text).ok();
        Ok(config)
    }

    /// After how many days the first rows are purged, of the source that purges first.
    pub(crate) fn purge_after_days(&self) -> Option<u32> {
        self.source.iter().filter_map(|source| source.purge_after_days).min()
    }

    /// How a service is to be, whether or not something is said of it.
    pub(crate) fn service(&self) -> &WatchConfig {
        self.watch.as_ref().unwrap_or(&WatchConfig::UNSAID)
    }

    /// A path of the configuration; relative ones begin at its folder.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The certificates of a `ca_file` (PEM).
    pub(crate) fn authority(&self, path: &Path) -> Result<Vec<u8>> {
        let path = self.path(path);
        fs::read(&path).map_err(|error| {
            Error::new(ErrorKind::Config, ErrorClass::Fatal, "read ca_file", "the file cannot be read")
                .about(path.display())
                .advise("name a file of certificates (PEM) that the account that runs this may read")
                .because(error)
        })
    }
}

fn refuse(path: &Path, what: String) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "read configuration", what).about(path.display())
}
