use std::{future, path::Path, sync::Arc, time::Duration};

use jabber_archive_core::{ArchiveFacts, Archiver, JidIsEmail, People, RunReport, Secret, Transcript, TranscriptSettings};
use jabber_archive_sink::{Archive, FileSpool};
use jabber_archive_sql::{Encrypt, MssqlConfig, MssqlSource};

use super::chats::end;

/// Archives everything that is served on this port into a folder, as `jabber-archive run` does by default.
///
/// # Panics
///
/// If it cannot be archived.
pub async fn archive(port: u16, folder: &Path) -> RunReport {
    let config = MssqlConfig::new("127.0.0.1", "tcmadb", "jabber_reader", Secret::new("demo")).port(port).encrypt(Encrypt::Off);
    let facts = ArchiveFacts::new("run").expect("a name");
    let archive = Archive::file(folder).expect("a folder");
    Archiver::new(
        facts.clone(),
        Arc::new(MssqlSource::new(config)),
        Arc::new(Transcript::new(&facts, TranscriptSettings::default()).expect("the default settings are valid")),
        Arc::new(archive.sink()),
        Arc::new(archive.ledger()),
        Arc::new(tokio::time::sleep),
    )
    .spool(Arc::new(FileSpool::of_system().expect("a folder for temporary files")))
    .people(People::new(Arc::new(JidIsEmail::new())))
    .run(end().after(Duration::from_hours(2)), future::pending())
    .await
    .expect("an archive")
}
