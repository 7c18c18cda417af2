//! Reads the files that were sent, before mails are made of the conversations that name them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use futures::TryStreamExt;
use sha2::{Digest as _, Sha256};

use super::{Archiver, issuing::confirm, retry::Stop};
use crate::{
    Conversation, Digest, ErrorClass, ErrorKind, FileRef, FileStore, Finding, Gate, MessageKey, ObjectKey, Opened, Passage, Result, Span,
    Spool, SpoolWriter, Timestamp, Transfer, Window,
    transfer::{NEAR, Place, Uploads, placed, resource},
};

/// The largest file that is held in memory for its mail. The largest mail of the default settings attaches none that is larger.
const HELD: usize = 4 << 20;

/// What the held files of one conversation have together; the first that would be more, and each later one that would, is an object of its own.
const HELD_TOGETHER: usize = 16 << 20;

/// What the files of a window are read with.
pub(super) struct FileReader<'a> {
    store: &'a dyn FileStore,
    spool: &'a dyn Spool,
    /// Bounds what is held of all conversations. Whoever has passed may wait for room for mails, and never the other way round.
    gate: Gate,
}

/// The uploads that files of a window may be: those of its time, and of older ones those with a resource name that was asked for.
#[derive(Debug)]
pub(super) struct WindowUploads {
    /// The time of the window, until it is asked for.
    span: Option<Span>,
    uploads: Uploads,
    /// Resource names that no upload of the window's time has.
    asked: BTreeSet<String>,
}

impl WindowUploads {
    pub(super) fn new(window: &Window) -> Self {
        let span = Span::new(window.start().before(NEAR), window.end().after(NEAR));
        Self { span: Some(span), uploads: Uploads::default(), asked: BTreeSet::new() }
    }

    /// The upload of each file of a conversation.
    pub(super) fn of(&self, conversation: &Conversation) -> Joined {
        self.uploads.join(conversation)
    }
}

/// Which upload each file of a conversation is.
pub(super) type Joined = BTreeMap<Place, Arc<Transfer>>;

/// What came of the files of one conversation.
pub(super) struct ReadFiles {
    pub(super) counts: BTreeMap<MessageKey, FileCounts>,
    _room: Passage,
}

/// What became of files.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct FileCounts {
    pub(super) archived: u64,
    missing: u64,
    unlogged: u64,
    unlocated: u64,
    other_size: u64,
}

impl FileCounts {
    pub(super) fn add(&mut self, other: Self) {
        self.archived += other.archived;
        self.missing += other.missing;
        self.unlogged += other.unlogged;
        self.unlocated += other.unlocated;
        self.other_size += other.other_size;
    }

    /// Adds what an auditor ought to know.
    pub(super) fn note(self, findings: &mut Vec<Finding>) {
        let Self { archived: _, missing, unlogged, unlocated, other_size } = self;
        let found = [
            (missing, Finding::MissingFile { files: missing }),
            (unlogged, Finding::UnloggedFile { files: unlogged }),
            (unlocated, Finding::UnlocatedFile { files: unlocated }),
            (other_size, Finding::FileSize { files: other_size }),
        ];
        findings.extend(found.into_iter().filter(|(files, _)| *files > 0).map(|(_, finding)| finding));
    }
}

/// What came of reading one file.
enum Read {
    Held(Bytes),
    Stored(u64, Digest),
    Missing,
    Refused,
}

impl Archiver {
    /// With what the files of a window are read; none where no files are read.
    pub(super) fn file_reader(&self) -> Option<FileReader<'_>> {
        let (store, spool) = (self.files.as_deref()?, self.spool.as_deref()?);
        Some(FileReader { store, spool, gate: Gate::new(self.settings.in_flight as u64) })
    }

    /// Asks for the uploads of files that these conversations name, as far as they are not known: once for all of the window's time, because a log without an index is
    /// scanned for every question, then for names that were not among them.
    pub(super) async fn look_up<'c>(
        &self,
        known: &mut WindowUploads,
        conversations: impl Iterator<Item = &'c Conversation> + Clone,
        stop: &Stop<'_>,
    ) -> Result<()> {
        let named = || conversations.clone().flat_map(placed);
        if self.files.is_none() || named().next().is_none() {
            return Ok(());
        }
        if let Some(span) = known.span {
            known.uploads.add(self.patience(stop).attempt(|| self.source.transfers(span, &[])).await?);
            known.span = None;
        }
        let unknown: BTreeSet<&str> = named()
            .filter_map(|(_, _, file)| resource(file))
            .filter(|name| !known.uploads.holds(name) && !known.asked.contains(*name))
            .collect();
        if !unknown.is_empty() {
            let unknown: Vec<String> = unknown.into_iter().map(str::to_owned).collect();
            let never = Span::new(Timestamp::PLAUSIBLE, Timestamp::PLAUSIBLE);
            known.uploads.add(self.patience(stop).attempt(|| self.source.transfers(never, &unknown)).await?);
            known.asked.extend(unknown);
        }
        Ok(())
    }

    /// Reads the files of a conversation, in their order. None, and no change, where no files are read.
    ///
    /// # Errors
    ///
    /// Of class [`Item`](ErrorClass::Item) if a file is there and cannot be read: then the whole conversation has to wait, because a mail without the file would be half
    /// a mail.
    pub(super) async fn read_files(
        &self,
        conversation: &mut Conversation,
        joined: &Joined,
        files: Option<&FileReader<'_>>,
        stop: &Stop<'_>,
    ) -> Result<Option<ReadFiles>> {
        let Some(files) = files else { return Ok(None) };
        let number = placed(conversation).count();
        if number == 0 {
            return Ok(None);
        }
        let room = files.gate.enter(joined.len().saturating_mul(HELD).min(HELD_TOGETHER) as u64).await;
        let mut left = HELD_TOGETHER;
        let mut counts: BTreeMap<MessageKey, FileCounts> = BTreeMap::new();
        let mut found: BTreeMap<Place, FileRef> = BTreeMap::new();
        for (place, message, file) in placed(conversation) {
            let counts = counts.entry(message.key).or_default();
            let Some(transfer) = joined.get(&place) else {
                counts.unlogged += 1;
                continue;
            };
            let mut named = file.clone();
            named.path.clone_from(&transfer.path);
            named.size = transfer.size.or(named.size);
            let read = match transfer.path {
                Some(_) => self.patiently(files, transfer, left.min(HELD), stop).await?,
                None => Read::Refused,
            };
            let read = match read {
                Read::Held(content) => {
                    left -= content.len();
                    named.with_content(content)
                }
                Read::Stored(size, digest) => named.stored(size, digest),
                Read::Missing => {
                    counts.missing += 1;
                    found.insert(place, named.missing());
                    continue;
                }
                Read::Refused => {
                    counts.unlocated += 1;
                    found.insert(place, named);
                    continue;
                }
            };
            counts.archived += 1;
            counts.other_size += u64::from(transfer.size.is_some() && transfer.size != read.size);
            found.insert(place, read);
        }
        for ((message, number), file) in found {
            conversation.messages[message].files[number] = file;
        }
        Ok(Some(ReadFiles { counts, _room: room }))
    }

    /// Reads one file again and again while that may help. What then fails is one file, or, where the store as a whole cannot be read, the run.
    async fn patiently(&self, files: &FileReader<'_>, transfer: &Transfer, most: usize, stop: &Stop<'_>) -> Result<Read> {
        // Whoever accepts that the store is gone need not wait for it at every file.
        if self.settings.accept.is_some()
            && let Err(error) = files.store.check().await
            && error.class().is_retried()
        {
            return Err(error.of_class(ErrorClass::Item));
        }
        let error = match self.patience(stop).attempt(|| self.read_file(files, transfer, most)).await {
            Err(error) if error.kind() == ErrorKind::File && error.class().is_retried() => error,
            ended => return ended,
        };
        files.store.check().await?;
        Err(error.of_class(ErrorClass::Item))
    }

    /// Reads one file: at most so many bytes of it stay in memory.
    async fn read_file(&self, files: &FileReader<'_>, transfer: &Transfer, most: usize) -> Result<Read> {
        let mut content = match files.store.open(transfer).await? {
            Opened::Content(content) => content,
            Opened::Missing => return Ok(Read::Missing),
            Opened::Refused => return Ok(Read::Refused),
        };
        let (mut hasher, mut size) = (Sha256::new(), 0);
        let mut held = Vec::new();
        let mut outgrown: Option<Box<dyn SpoolWriter>> = None;
        while let Some(piece) = content.try_next().await? {
            hasher.update(&piece);
            size += piece.len() as u64;
            match &mut outgrown {
                Some(place) => place.append(piece).await?,
                None if held.len() + piece.len() <= most => held.extend_from_slice(&piece),
                None => {
                    let mut place = files.spool.create().await?;
                    place.append(std::mem::take(&mut held).into()).await?;
                    place.append(piece).await?;
                    outgrown = Some(place);
                }
            }
        }
        let Some(mut place) = outgrown else { return Ok(Read::Held(held.into_boxed_slice().into())) };
        // The file server is not kept waiting while the store is slow.
        drop(content);
        let digest = Digest::from_bytes(hasher.finalize().into());
        let key = ObjectKey::new(digest);
        confirm(self.sink.put_object(&key, place.read().await?).await?, &key)?;
        Ok(Read::Stored(size, digest))
    }
}
