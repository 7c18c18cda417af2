//! Archiving from a library: a database, a folder, and what is left to say.
//!
//! `cargo run --example embed` archives a stand-in with a made-up company; put your own [`MssqlConfig`] in its place.

use std::{error::Error, future, path::Path, sync::Arc};

use jabber_archive_core::{ArchiveFacts, Archiver, JidIsEmail, People, Secret, Transcript, TranscriptSettings};
use jabber_archive_sink::{Archive, VerifyOptions, verify};
use jabber_archive_sql::{
    Encrypt, MssqlConfig, MssqlSource,
    testing::{Database, Office, SqlServer},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let office = Office::new(7, 300);
    let database = Database::new("tcmadb");
    database.set_clock(office.end());
    office.fill(&database);
    let server = SqlServer::start(database).await?;
    let config = MssqlConfig::new("127.0.0.1", "tcmadb", "jabber_reader", Secret::new("demo")).port(server.port()).encrypt(Encrypt::Off);
    archive(config, &std::env::temp_dir().join(format!("jabber-archive-embed-{}", std::process::id())), office.end()).await
}

async fn archive(config: MssqlConfig, folder: &Path, now: jabber_archive_core::Timestamp) -> Result<(), Box<dyn Error>> {
    let facts = ArchiveFacts::new("embedded")?;
    let archive = Archive::file(folder)?;
    let archiver = Archiver::new(
        facts.clone(),
        Arc::new(MssqlSource::new(config)),
        Arc::new(Transcript::new(&facts, TranscriptSettings::default())?),
        Arc::new(archive.sink()),
        Arc::new(archive.ledger()),
        Arc::new(tokio::time::sleep),
    )
    .people(People::new(Arc::new(JidIsEmail::new())));
    let report = archiver.run(now, future::pending()).await?;
    println!("{} messages in {} mails below {}", report.messages, report.items, folder.display());
    let verification = verify(&archive, VerifyOptions::default(), |_| {}).await?;
    assert!(verification.problems.is_empty(), "{:?}", verification.problems);
    Ok(())
}
