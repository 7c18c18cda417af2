//! Builds the parts of the line from a configuration.

mod databases;
mod directory;
mod files;
mod place;

use std::sync::Arc;

use jabber_archive_core::{
    ArchiveFacts, Archiver, Converter, Encryptor, Error, ErrorClass, ErrorKind, Grid, Journal, Ledger, Observer, People, PerMessage,
    Rehearsal, Result, Rsmf, RunIdentity, RunSettings, Sink, Transcript, TranscriptSettings,
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
    settings.limits = run.limits.limits();
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

/// Who is to read dead letters, if it is not everybody.
pub(crate) fn encryptor(config: &Config) -> Result<Option<Arc<dyn Encryptor>>> {
    let Some(recipients) = &config.run.dead_letters_to else { return Ok(None) };
    #[cfg(feature = "age")]
    return Ok(Some(Arc::new(jabber_archive_sink::AgeRecipients::new(recipients.0.iter().map(String::as_str)).map_err(|error| {
        refuse("[run] dead_letters_to", "it names no keys of age").advise("give the public key that `age-keygen` prints").because(error)
    })?)));
    #[cfg(not(feature = "age"))]
    Err(refuse("[run] dead_letters_to", &format!("this program encrypts to none of {} recipients", recipients.0.len()))
        .advise("build it with `--features age`"))
}

/// The whole line.
pub(crate) async fn archiver(
    config: &Config,
    place: &Place,
    people: People,
    accept: Option<&str>,
    observer: Arc<dyn Observer>,
) -> Result<Archiver> {
    let open = async |observer, _| place.open(observer).await.map(|archive| Store::of(&archive));
    line(config, people, accept, observer, open).await
}

/// The whole line, to an archive that is there.
pub(crate) async fn archiver_of_existing(
    config: &Config,
    place: &Place,
    people: People,
    accept: Option<&str>,
    observer: Arc<dyn Observer>,
) -> Result<Archiver> {
    let open = async |observer, _| place.find(observer).await?.as_ref().map(Store::of).ok_or_else(|| place.empty());
    line(config, people, accept, observer, open).await
}

/// The whole line, to an archive that keeps nothing; what is there already is read.
pub(crate) async fn rehearsal(
    config: &Config,
    place: &Place,
    people: People,
    accept: Option<&str>,
    observer: Arc<dyn Observer>,
) -> Result<(Archiver, Arc<Rehearsal>)> {
    let mut rehearsal = None;
    let open = async |observer, spool: Arc<FileSpool>| {
        let archive = place.find(observer).await?;
        let archive = archive.as_ref().map(Store::of).map(|store| (store.sink, store.ledger));
        let made = rehearsal.insert(Arc::new(Rehearsal::new(archive, Some(spool))));
        Ok(Store { sink: made.sink(), ledger: made.ledger() })
    };
    let archiver = line(config, people, accept, observer, open).await?;
    let rehearsal = rehearsal.ok_or_else(|| refuse("[sink]", "it was not opened"))?;
    Ok((archiver, rehearsal))
}

/// Where mails and entries go.
struct Store {
    sink: Arc<dyn Sink>,
    ledger: Arc<dyn Ledger>,
}

impl Store {
    fn of(archive: &Archive) -> Self {
        Self { sink: Arc::new(archive.sink()), ledger: Arc::new(archive.ledger()) }
    }
}

/// The whole line. The store is opened last: it is not made where something else is wrong.
async fn line(
    config: &Config,
    people: People,
    accept: Option<&str>,
    observer: Arc<dyn Observer>,
    open: impl AsyncFnOnce(Arc<dyn Observer>, Arc<FileSpool>) -> Result<Store>,
) -> Result<Archiver> {
    let facts = facts(config)?;
    let source = Databases::of(config)?.together();
    let converter = converter(config, &facts)?;
    let filter = config.filter.read(config)?;
    let encryptor = encryptor(config)?;
    let mut settings = settings(config);
    settings.accept = accept.map(str::to_owned);
    settings.check(&facts)?;
    let files = files(config)?;
    let spool = Arc::new(spool(config)?);
    let store = open(observer.clone(), spool.clone()).await?;
    let line = Archiver::new(facts, source, converter, store.sink, store.ledger, Arc::new(tokio::time::sleep));
    let line = match files {
        Some(files) => line.files(files.store),
        None => line,
    };
    let line = match encryptor {
        Some(encryptor) => line.dead_letters_to(encryptor),
        None => line,
    };
    Ok(line.spool(spool).people(people).filter(filter).settings(settings).identity(identity(Some(config))).observer(observer))
}
