//! From the rows of a server to an archive.

use std::{collections::BTreeMap, future::pending, sync::Arc, time::Duration};

use bytes::Bytes;
use jabber_archive_core::{
    ArchiveFacts, Archiver, Digest, ItemKey, KeptKind, MemoryDirectory, People, Timestamp, Transcript, TranscriptSettings,
    testing::memory::{MemoryLedger, MemorySink},
};
use jabber_archive_sql::{
    MssqlSource,
    testing::{Database, Office},
};

use crate::{
    back_end::{BackEnd, on_every_back_end},
    setting::{config, source, start},
};

on_every_back_end!(what_is_archived_is_what_the_company_wrote);

/// Everything that follows from the rows alone.
type Content = (BTreeMap<ItemKey, Bytes>, Vec<BTreeMap<Digest, Bytes>>);

async fn archive(office: &Office, source: MssqlSource, now: Timestamp) -> (Content, u64) {
    let facts = ArchiveFacts::new("office").unwrap();
    let converter = Transcript::new(&facts, TranscriptSettings::default().with_conversation_json(true)).unwrap();
    let (sink, ledger) = (Arc::new(MemorySink::default()), Arc::new(MemoryLedger::new()));
    let directory = MemoryDirectory::from_csv(office.directory_csv().as_bytes()).unwrap();
    let people = People::new(Arc::new(directory)).internal_domains(office.internal_domains());
    let pause = Arc::new(tokio::time::sleep);
    let archiver = Archiver::new(facts, Arc::new(source), Arc::new(converter), sink.clone(), ledger.clone(), pause).people(people);
    let report = archiver.run(now, pending()).await.unwrap();
    let kept = [KeptKind::List, KeptKind::Context, KeptKind::DeadLetter].map(|kind| ledger.kept(kind)).to_vec();
    ((sink.items(), kept), report.messages)
}

async fn what_is_archived_is_what_the_company_wrote(back_end: &BackEnd) {
    // The clock of a real server cannot be set: the company's days are those before yesterday.
    let clock = {
        let nothing = back_end.serve(&crate::setting::database(Vec::new())).await;
        source(&nothing).survey().await.unwrap().clock
    };
    let day = 86_400_000;
    let start_of = Timestamp::from_millis((clock.millis() / day - 5) * day);
    for indexed in [false, true] {
        let office = Office::new(11, 300).starting(start_of).days(4).indexed(indexed);
        let database = Database::new("tcmadb");
        office.fill(&database);
        let served = back_end.serve(&database).await;
        let now = source(&served).survey().await.unwrap().clock;
        let (archived, messages) = archive(&office, MssqlSource::new(config(&served)), now).await;

        database.set_clock(now);
        let stand_in = start(&database).await;
        let (expected, _) = archive(&office, source(&stand_in), now).await;
        assert!(archived == expected, "other rows or other bytes");
        assert_eq!(messages, office.truth().len() as u64);
        assert!(now.distance(clock) < Duration::from_mins(30));
    }
}
