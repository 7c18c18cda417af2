use std::{collections::HashMap, sync::Arc};

use futures::lock::Mutex;
use jabber_archive_core::{Digest, List, ListLine, Result, ShortDigest, Window};

use super::{
    blocking,
    filter::{ExportFilter, Verdict},
    form::Item,
};
use crate::{Archive, Fault, Problem, mail::Reading, verify::listed::Listed};

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
    list: Digest,
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

impl<'a> Selection<'a> {
    /// Of a list that has this digest.
    pub(super) fn new(archive: &'a Archive, window: Window, list: Digest, lines: &'a List, filter: Arc<ExportFilter>) -> Self {
        Self { archive, window, list, lines, filter, naming: Mutex::default() }
    }

    /// Reads an item, compares it with its line, and asks the filter.
    pub(super) async fn examine(&self, line: ListLine) -> Result<Found> {
        let item = self.listed(&line);
        let content = match item.read(self.archive).await? {
            Ok(content) => content,
            Err(problem) => return Ok(Found::Refused(problem)),
        };
        let (filter, whole) = (self.filter.clone(), content.clone());
        let (verdict, mail) = blocking(move || {
            let reading = Reading::of(&whole);
            Ok((filter.judge(&reading), reading.mail))
        })
        .await?;
        let refuse = |fault| Ok(Found::Refused(Problem { path: item.key.path(), fault }));
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
        Ok(Found::Wanted(Box::new(Item { key: item.key, line, content, mail })))
    }

    fn listed(&self, line: &ListLine) -> Listed {
        Listed::new(self.window, line, self.list)
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
            let Ok(content) = self.listed(line).read(self.archive).await? else {
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
