//! A sink of one's own: mails go where no crate of ours goes, the ledger stays in a folder.
//!
//! `cargo run --example custom_sink` appends the mails to memory. The suite that every sink must pass is
//! `jabber_archive_core::testing::conformance::sink`.

use std::{
    collections::BTreeMap,
    error::Error,
    future,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use jabber_archive_core::{
    ArchiveFacts, Archiver, ByteStream, Capability, Digest, Error as ArchiveError, ErrorClass, ErrorKind, ItemKey, MailItem, ObjectKey,
    Result, Sink, Stored, Timestamp, Transcript, TranscriptSettings, Window,
    testing::{memory::MemorySource, rows::Row},
};
use jabber_archive_sink::Archive;

/// Holds every mail in a map; a real one would talk to a mail store that can tell whether a name is taken.
#[derive(Debug, Default)]
struct Shelf {
    mails: Mutex<BTreeMap<String, Bytes>>,
}

impl Shelf {
    fn create(&self, path: String, content: Bytes) -> Stored {
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        match mails.get(&path) {
            Some(there) if *there == content => Stored::AlreadyPresent,
            Some(_) => Stored::Different,
            None => {
                mails.insert(path, content);
                Stored::Created
            }
        }
    }
}

#[async_trait]
impl Sink for Shelf {
    fn capability(&self) -> Capability {
        let mut capability = Capability::full(25 << 20);
        // The archiver then cannot tell what interrupted attempts left behind.
        capability.listable = false;
        capability
    }

    async fn put(&self, item: &MailItem) -> Result<Stored> {
        Ok(self.create(item.key.path(), item.content.clone()))
    }

    async fn put_object(&self, key: &ObjectKey, content: ByteStream) -> Result<Stored> {
        let pieces: Vec<Bytes> = content.try_collect().await?;
        let content = Bytes::from(pieces.concat());
        if Digest::of(&content) != *key.digest() {
            return Err(ArchiveError::new(ErrorKind::Sink, ErrorClass::Item, "put", "the content does not have this digest").about(key));
        }
        Ok(self.create(key.path(), content))
    }

    async fn commit(&self, _: &Window) -> Result<()> {
        Ok(())
    }

    async fn read(&self, key: &ItemKey) -> Result<Bytes> {
        let mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || ArchiveError::new(ErrorKind::Sink, ErrorClass::Fatal, "read", "it is not there").about(key);
        mails.get(&key.path()).cloned().ok_or_else(missing)
    }

    fn list(&self, _: &Window) -> BoxStream<'static, Result<ItemKey>> {
        stream::empty().boxed()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let now: Timestamp = "2026-11-23T02:00:00Z".parse()?;
    let rows = vec![
        Row::jm("alice@example.com/jabber_1", "bob@example.com")
            .at("2026-11-21T09:14:03Z")
            .id("m1")
            .body("Are the figures ready?")
            .record(),
        Row::jm("bob@example.com/phone", "alice@example.com").at("2026-11-21T09:14:40Z").id("m2").body("In an hour.").record(),
    ];
    let facts = ArchiveFacts::new("shelf")?;
    let shelf = Arc::new(Shelf::default());
    let ledger = Archive::file(std::env::temp_dir().join(format!("jabber-archive-sink-{}", std::process::id())))?.ledger();
    let report = Archiver::new(
        facts.clone(),
        Arc::new(MemorySource::new(rows, now)),
        Arc::new(Transcript::new(&facts, TranscriptSettings::default())?),
        shelf.clone(),
        Arc::new(ledger),
        Arc::new(tokio::time::sleep),
    )
    .run(now, future::pending())
    .await?;
    let mails = shelf.mails.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!((report.messages, mails.len()), (2, 1));
    println!("{} messages in {} mail on the shelf", report.messages, mails.len());
    Ok(())
}
