use std::{
    fmt, io,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use jabber_archive_core::{Sink, Stored};
use jabber_archive_sink::{
    Archive,
    object_store::{ObjectStore, PutMode, PutOptions, PutPayload, path},
    testing::Azurite,
};

use super::{Items, Programs, azcopy, place::Place};

/// How many items are under way at once, where a way does not say otherwise.
const CONCURRENCY: usize = 32;

/// A way to put items into a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Our sink, so many at once.
    Sink(usize),
    /// The library of stores alone: no digests, no metadata.
    Bare,
    /// azcopy, which sends MD5 digests; whether it asks for the length of each blob afterwards, as is its default.
    Azcopy(bool),
    /// The client library of Azure for Python, in threads.
    Python,
}

impl Way {
    /// The sink as the other ways are compared with it.
    pub const SINK: Self = Self::Sink(CONCURRENCY);

    /// Puts all items into a new container. Returns how long that took, under one or more names; the first is that of the way.
    ///
    /// # Errors
    ///
    /// If another program is not there or fails.
    ///
    /// # Panics
    ///
    /// If Azurite, the sink or the library fails, or the container does not hold the items afterwards.
    pub async fn put(self, items: &Items, azurite: &Azurite, programs: &Programs) -> io::Result<Vec<(String, Duration)>> {
        let place = Place::new(azurite).await;
        let name = self.to_string();
        let times = match self {
            Self::Sink(concurrency) => vec![(name, sink(items, &place, concurrency).await)],
            Self::Bare => vec![(name, bare(items, &place).await)],
            Self::Azcopy(check_length) => {
                let copied = azcopy::copy(&programs.azcopy, &items.folder, &place.signed("/items"), CONCURRENCY, check_length)?;
                let of = |what: &str| format!("{name}, {what}");
                vec![(name.clone(), copied.transfers), (of("as it reports"), copied.reported), (of("the process"), copied.process)]
            }
            Self::Python => vec![(name, python(&programs.python, items, &place.signed(""))?)],
        };
        assert_eq!(place.holds().await, (items.mails.len(), items.bytes()), "{self} has put everything");
        place.delete().await;
        Ok(times)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sink(concurrency) => write!(f, "sink, {concurrency} at once"),
            Self::Bare => f.write_str("bare object_store"),
            Self::Azcopy(true) => f.write_str("azcopy"),
            Self::Azcopy(false) => f.write_str("azcopy --check-length=false"),
            Self::Python => f.write_str("Python"),
        }
    }
}

async fn sink(items: &Items, place: &Place<'_>, concurrency: usize) -> Duration {
    let sink = Archive::azure(place.config()).await.expect("an archive").sink();
    let begun = Instant::now();
    let stored: Vec<_> = stream::iter(items.mails.iter().map(|mail| sink.put(mail)))
        .buffer_unordered(concurrency)
        .try_collect()
        .await
        .expect("every item is put");
    assert!(stored.iter().all(|stored| *stored == Stored::Created));
    begun.elapsed()
}

async fn bare(items: &Items, place: &Place<'_>) -> Duration {
    let store = &place.store();
    let begun = Instant::now();
    let puts = items.mails.iter().map(|mail| async move {
        let path = path::Path::from(mail.key.path());
        store.put_opts(&path, PutPayload::from(mail.content.clone()), PutOptions::from(PutMode::Create)).await
    });
    let put: Vec<_> = stream::iter(puts).buffer_unordered(CONCURRENCY).try_collect().await.expect("every item is put");
    assert_eq!(put.len(), items.mails.len());
    begun.elapsed()
}

fn python(program: &Path, items: &Items, address: &str) -> io::Result<Duration> {
    let output = Command::new(program)
        .args(["-c", include_str!("put.py"), address, "items"])
        .arg(&items.folder)
        .arg(CONCURRENCY.to_string())
        .output()?;
    let seconds = String::from_utf8_lossy(&output.stdout).trim().parse().map(Duration::from_secs_f64);
    seconds.map_err(|_| io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}
