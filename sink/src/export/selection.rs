use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use futures::lock::Mutex;
use jabber_archive_core::{Digest, ErrorKind, ItemKey, KeptKind, List, ListLine, Result, ShortDigest, Window};
use object_store::path::Path;

use super::{
    blocking,
    filter::{ExportFilter, Verdict},
    form::Item,
    mail::Reading,
};
use crate::{Archive, Fault, Problem, verify::chain::SealedList};

/// What came of looking at an item.
#[derive(Debug)]
pub(super) enum Found {
    Wanted(Box<Item>),
    Unwanted,
    Refused(Problem),
}

/// The items of one list, and what is asked for.
pub(super) struct Selection<'a> {
    archive: &'a Archive,
    window: Window,
    list: String,
    lines: &'a List,
    filter: Arc<ExportFilter>,
    /// By conversation and edition, for those whose participants go on from part to part.
    naming: Mutex<HashMap<(ShortDigest, u32), Naming>>,
}

/// Whether a conversation lists one of the persons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    Named,
    Unnamed,
    /// A part that may list them does not verify.
    Unknown,
}

/// The list that a seal names, if it is there and the one that was sealed.
pub(super) async fn read_list(archive: &Archive, sealed: &SealedList) -> Result<Result<List, Problem>> {
    let path = KeptKind::List.path(&sealed.digest);
    let problem = |fault| Ok(Err(Problem { path: path.clone(), fault }));
    let Some(bytes) = archive.find(ErrorKind::Ledger, &Path::from(path.as_str())).await? else { return problem(Fault::Missing) };
    let found = Digest::of(&bytes);
    if found != sealed.digest {
        return problem(Fault::Changed { says: sealed.entry.clone(), expected: sealed.digest, found });
    }
    match List::from_bytes(&bytes) {
        Ok(list) => Ok(Ok(list)),
        Err(error) => problem(Fault::Damaged { why: error.to_string() }),
    }
}

impl<'a> Selection<'a> {
    /// Of a list that has this digest.
    pub(super) fn new(archive: &'a Archive, window: Window, list: Digest, lines: &'a List, filter: Arc<ExportFilter>) -> Self {
        Self { archive, window, list: KeptKind::List.path(&list), lines, filter, naming: Mutex::default() }
    }

    /// Reads an item, compares it with its line, and asks the filter.
    pub(super) async fn examine(&self, line: ListLine) -> Result<Found> {
        let content = match self.content(&line).await? {
            Ok(content) => content,
            Err(problem) => return Ok(Found::Refused(problem)),
        };
        let (filter, whole) = (self.filter.clone(), content.clone());
        let (verdict, mail) = blocking(move || {
            let reading = Reading::of(&whole);
            Ok((filter.judge(&reading), reading.mail))
        })
        .await?;
        let refuse = |fault| Ok(Found::Refused(Problem { path: self.key(&line).path(), fault }));
        match verdict {
            Verdict::Wanted => {}
            Verdict::Unwanted => return Ok(Found::Unwanted),
            Verdict::WantedIfNamed => match self.naming(&line).await? {
                Naming::Named => {}
                Naming::Unnamed => return Ok(Found::Unwanted),
                Naming::Unknown => {
                    let how = "another part of its conversation does not verify, so that nothing tells whether it was asked for";
                    return refuse(Fault::Inconsistent { how: how.to_owned() });
                }
            },
            Verdict::Unreadable => {
                let why = "it is no transcript that this version reads, so that nothing tells whether it was asked for";
                return refuse(Fault::Damaged { why: why.to_owned() });
            }
        }
        Ok(Found::Wanted(Box::new(Item { key: self.key(&line), line, content, mail })))
    }

    fn key(&self, line: &ListLine) -> ItemKey {
        ItemKey::new(self.window, line.id.clone())
    }

    /// The bytes that were archived, or what is there instead.
    async fn content(&self, line: &ListLine) -> Result<Result<Bytes, Problem>> {
        let path = self.key(line).path();
        let Some(content) = self.archive.find(ErrorKind::Sink, &Path::from(path.as_str())).await? else {
            return Ok(Err(Problem { path, fault: Fault::Missing }));
        };
        let whole = content.clone();
        let found = blocking(move || Ok(Digest::of(&whole))).await?;
        if found != line.sha256 || content.len() as u64 != line.bytes {
            let fault = Fault::Changed { says: self.list.clone(), expected: line.sha256, found };
            return Ok(Err(Problem { path, fault }));
        }
        Ok(Ok(content))
    }

    /// Looks for the persons in all parts of the conversation of this line.
    async fn naming(&self, of: &ListLine) -> Result<Naming> {
        let conversation = (of.key, of.edition);
        // Held while the parts are read, so that they are read once for all of them.
        let mut known = self.naming.lock().await;
        if let Some(naming) = known.get(&conversation) {
            return Ok(*naming);
        }
        let mut naming = Naming::Unnamed;
        for line in self.lines.lines().iter().filter(|line| (line.key, line.edition) == conversation) {
            let Ok(content) = self.content(line).await? else {
                naming = Naming::Unknown;
                continue;
            };
            let filter = self.filter.clone();
            if blocking(move || Ok(filter.names(&Reading::of(&content).mail))).await? {
                naming = Naming::Named;
                break;
            }
        }
        known.insert(conversation, naming);
        Ok(naming)
    }
}
