//! Builds the parts of the line from a configuration.

mod databases;
mod directory;
mod files;
mod place;

use std::sync::Arc;

use jabber_archive_core::{
    ArchiveFacts, Archiver, Converter, Error, ErrorClass, ErrorKind, Grid, Journal, Observer, People, PerMessage, Result, Rsmf,
    RunIdentity, RunSettings, Transcript, TranscriptSettings,
};
use jabber_archive_sink::{Archive, FileSpool};

pub(crate) use self::{
    databases::Databases,
    directory::{DirectorySurvey, Known, people, people_patiently},
    files::{FilesSurvey, files},
    place::Place,
};
use crate::config::{Config, Mode};

fn refuse(setting: &str, what: &str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "read configuration", what).about(setting)
}

/// What never changes in the archive.
pub(crate) fn facts(config: &Config) -> Result<ArchiveFacts> {
    let mut facts = ArchiveFacts::new(config.name.as_str())?;
    let run = &config.run;
    let length = run.window.map_or(facts.grid.length(), |window| window.0);
    let anchor = run.anchor.map_or(facts.grid.anchor(), |anchor| anchor.0);
    let margin = run.margin.map_or(facts.margin(), |margin| margin.0);
    facts = facts.with_windows(Grid::new(length, anchor)?, margin)?;
    if let Some(domain) = &run.message_id_domain {
        facts.message_id_domain.clone_from(domain);
    }
    Ok(facts)
}

/// How conversations become mails.
pub(crate) fn converter(config: &Config, facts: &ArchiveFacts) -> Result<Arc<dyn Converter>> {
    let mut settings = TranscriptSettings::default().with_time_zone(config.converter.time_zone.clone());
    if let Some(bytes) = config.converter.max_item_bytes {
        settings = settings.with_max_item_bytes(bytes);
    }
    if let Some(attached) = config.converter.conversation_json {
        settings = settings.with_conversation_json(attached);
    }
    if let Some(attached) = config.converter.raw_stanzas {
        settings = settings.with_raw_stanzas(attached);
    }
    if let Some(address) = &config.directory.catch_all {
        settings = settings.with_catch_all(address.as_str());
    }
    if !config.converter.journal {
        return Ok(match config.converter.mode {
            Mode::Transcript => Arc::new(Transcript::new(facts, settings)?),
            Mode::PerMessage => Arc::new(PerMessage::new(facts, settings)?),
            Mode::Rsmf => Arc::new(Rsmf::new(facts, settings)?),
        });
    }
    let settings = settings.journaled()?;
    Ok(match config.converter.mode {
        Mode::Transcript => Arc::new(Journal::new(facts, Transcript::new(facts, settings)?)?),
        Mode::PerMessage => Arc::new(Journal::new(facts, PerMessage::new(facts, settings)?)?),
        Mode::Rsmf => Arc::new(Journal::new(facts, Rsmf::new(facts, settings)?)?),
    })
}

/// How the archive is run.
pub(crate) fn settings(config: &Config) -> RunSettings {
    let run = &config.run;
    let mut settings = RunSettings::default();
    settings.start = run.start;
    settings.settle = run.settle.map_or(settings.settle, |settle| settle.0);
    settings.memory = run.memory.map_or(settings.memory, |memory| memory.0);
    settings.late_windows = run.late_windows.unwrap_or(settings.late_windows);
    settings.chunk_windows = run.chunk_windows.unwrap_or(settings.chunk_windows);
    settings.concurrency = run.concurrency.unwrap_or(settings.concurrency);
    settings.in_flight = run.in_flight.map_or(settings.in_flight, |bytes| bytes.0);
    settings.purge_after_days = config.purge_after_days();
    settings.retry.total = run.retry_for.map_or(settings.retry.total, |total| total.0);
    settings
}

/// Where what outgrows memory goes.
pub(crate) fn spool(config: &Config) -> Result<FileSpool> {
    let opened = match &config.run.spool {
        Some(folder) => FileSpool::new(config.path(folder)),
        None => FileSpool::of_system(),
    };
    opened.map_err(|error| refuse("`spool`", &error.to_string()).because(error))
}

/// Who runs it, for the chain.
pub(crate) fn identity(config: Option<&Config>) -> RunIdentity {
    let unknown = |_| "unknown".to_owned();
    let identity = RunIdentity::new(
        whoami::hostname().unwrap_or_else(unknown),
        whoami::username().unwrap_or_else(unknown),
        concat!("jabber-archive ", env!("CARGO_PKG_VERSION")),
    );
    match config.and_then(Config::kept) {
        Some(configuration) => identity.configured(configuration),
        None => identity,
    }
}

/// The whole line, whose archive is made if there is none.
pub(crate) async fn archiver(config: &Config, place: &Place, people: People, observer: Arc<dyn Observer>) -> Result<Archiver> {
    let archive = async || place.open(observer.clone()).await;
    archiver_of(config, archive, people, observer.clone()).await
}

/// The whole line, with an archive that is opened once everything else is as it should be.
pub(crate) async fn archiver_of(
    config: &Config,
    archive: impl AsyncFnOnce() -> Result<Archive>,
    people: People,
    observer: Arc<dyn Observer>,
) -> Result<Archiver> {
    let facts = facts(config)?;
    let source = Databases::of(config)?.together();
    let converter = converter(config, &facts)?;
    let filter = config.filter.read(config)?;
    let settings = settings(config);
    settings.check(&facts)?;
    let files = files(config)?;
    let spool = Arc::new(spool(config)?);
    let archive = archive().await?;
    let line = Archiver::new(facts, source, converter, Arc::new(archive.sink()), Arc::new(archive.ledger()), Arc::new(tokio::time::sleep));
    let line = match files {
        Some(files) => line.files(files.store),
        None => line,
    };
    Ok(line.spool(spool).people(people).filter(filter).settings(settings).identity(identity(Some(config))).observer(observer))
}
