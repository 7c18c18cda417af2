//! Copies of archived mails for other programs to read.

mod filter;
mod form;
mod load_file;
mod maildir;
mod mbox;
mod selection;
mod target;
mod zip;

use std::{collections::BTreeSet, fmt, fs::File, io, path::Path, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};
use jabber_archive_core::{Digest, Error, ErrorClass, ErrorKind, ListLine, Result};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub use self::{filter::ExportFilter, form::ExportForm};
use self::{
    form::Form,
    selection::{Found, Selection},
};
use crate::{
    Archive, Problem, Verification, VerifyOptions,
    verify::{chain, listed},
};

/// How many mails are read at the same time; each is held whole, and its text beside it.
const CONCURRENCY: usize = 8;

/// What an export did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Exported {
    /// Items that were exported.
    pub items: u64,
    /// The messages in them.
    pub messages: u64,
    /// Their bytes, as archived.
    pub bytes: u64,
    /// Items that were read to find these.
    pub read: u64,
    /// Lists and items that do not verify, or that no filter can judge: nothing of them was exported. In the order of the chain.
    pub refused: Vec<Problem>,
    /// What else is not as it should be with the chain.
    pub problems: Vec<Problem>,
    /// The digest of the chain's last entry: the state of the archive that was exported.
    pub head: Option<Digest>,
    /// SHA-256 of the file that was written; none of a folder.
    pub sha256: Option<Digest>,
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { items, messages, bytes, read, refused, problems, .. } = self;
        write!(f, "{items} of {read} items exported, {messages} messages, {bytes} bytes")?;
        write!(f, "; {} refused, {} problems of the chain", refused.len(), problems.len())
    }
}

/// Copies the items that a filter selects to `path`, which must not be there yet. `progress` is told how many items have been read.
///
/// Only what verifies is exported: an item whose bytes are those that its list names, in a list that is the one that its seal names, in an
/// entry against which nothing speaks. What does not is [`refused`](Exported::refused), whether the filter would have selected it or not.
/// The same archive and filter give the same bytes. Windows outside the filter's dates are not read.
///
/// Until it is whole, the export lies in `<path>.partial`, which goes away with an error and stays where the process is killed.
///
/// # Errors
///
/// If the store fails, if `path` or `<path>.partial` is there already (an empty folder may be, for a Maildir), or if the export cannot be
/// written.
pub async fn export(
    archive: &Archive,
    filter: &ExportFilter,
    form: ExportForm,
    path: impl AsRef<Path>,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Exported> {
    let place = path.as_ref().to_owned();
    let mut written = blocking(move || form.begin(&place)).await?;
    let mut verification = Verification::default();
    let sealed = chain::walk(archive, &VerifyOptions::default(), &mut verification).await?;
    let Verification { mut problems, head, .. } = verification;
    problems.sort();
    problems.dedup();
    let accused: BTreeSet<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    let filter = Arc::new(filter.clone());
    let mut exported = Exported { head, ..Exported::default() };

    for (window, seals) in sealed.windows.iter().filter(|(window, _)| filter.meets(window.span())) {
        // What two lists name is one item.
        let mut seen = BTreeSet::new();
        for list in &seals.lists {
            let lines = match listed::list_unless(archive, list, &accused).await? {
                Ok(lines) => lines,
                Err(problem) => {
                    exported.refused.push(problem);
                    continue;
                }
            };
            let selection = Selection::new(archive, *window, list.digest, &lines, filter.clone());
            let wanted: Vec<ListLine> = filter.dated(lines.lines()).filter(|line| seen.insert(line.id.clone())).cloned().collect();
            let mut found = std::pin::pin!(stream::iter(wanted).map(|line| selection.examine(line)).buffered(CONCURRENCY));
            while let Some(found) = found.try_next().await? {
                exported.read += 1;
                match found {
                    Found::Wanted(item) => {
                        exported.items += 1;
                        exported.messages += item.line.messages.len() as u64;
                        exported.bytes += item.line.bytes;
                        written = add(written, *item).await?;
                    }
                    Found::Unwanted => {}
                    Found::Refused(problem) => exported.refused.push(problem),
                }
                progress(exported.read);
            }
        }
    }
    blocking(move || written.finish()).await?;
    let place = path.as_ref().to_owned();
    exported.sha256 = blocking(move || file_digest(&place)).await?;
    exported.problems = problems;
    Ok(exported)
}

/// Files are written one after the other, and not where others wait.
async fn add(mut written: Box<dyn Form>, item: form::Item) -> Result<Box<dyn Form>> {
    blocking(move || {
        written.add(&item)?;
        Ok(written)
    })
    .await
}

/// What a file holds, as it is read back.
fn file_digest(path: &Path) -> Result<Option<Digest>> {
    if path.is_dir() {
        return Ok(None);
    }
    let mut hasher = Sha256::new();
    let read = File::open(path).and_then(|mut file| io::copy(&mut file, &mut HashWriter(&mut hasher)));
    read.map_err(|error| target::fault(path, error))?;
    Ok(Some(Digest::from_bytes(hasher.finalize().into())))
}

struct HashWriter<'h>(&'h mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.update(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|error| Error::new(ErrorKind::Output, ErrorClass::Fatal, "export", "a task ended early").because(error))?
}
