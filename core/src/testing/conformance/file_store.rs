use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::join_all};

use super::report::{Report, Rule};
use crate::{ErrorKind, FileStore, Opened, Result, Transfer};

/// A store of files, and what is in it and around it.
pub struct FileStoreSubject<F: ?Sized> {
    store: Arc<F>,
    held: Vec<(Transfer, Bytes)>,
    missing: Vec<Transfer>,
    refused: Vec<Transfer>,
    unreadable: Vec<Transfer>,
    gone: Option<Arc<F>>,
}

impl<F: ?Sized> fmt::Debug for FileStoreSubject<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStoreSubject")
            .field("held", &self.held.len())
            .field("missing", &self.missing.len())
            .field("refused", &self.refused.len())
            .field("unreadable", &self.unreadable.len())
            .field("gone", &self.gone.is_some())
            .finish_non_exhaustive()
    }
}

impl<F: FileStore + ?Sized> FileStoreSubject<F> {
    /// A store with these files and what they hold: the more of different sizes, one of several MiB and an empty one among them, the more is checked.
    pub fn new(store: Arc<F>, held: Vec<(Transfer, Bytes)>) -> Self {
        Self { store, held, missing: Vec::new(), refused: Vec::new(), unreadable: Vec::new(), gone: None }
    }

    /// Files that are not there, in folders that are there and in others.
    #[must_use]
    pub fn missing(self, missing: Vec<Transfer>) -> Self {
        Self { missing, ..self }
    }

    /// Places at which something is that must not be opened: links to files and folders, folders, files outside the roots.
    #[must_use]
    pub fn refused(self, refused: Vec<Transfer>) -> Self {
        Self { refused, ..self }
    }

    /// Files that are there and cannot be read.
    #[must_use]
    pub fn unreadable(self, unreadable: Vec<Transfer>) -> Self {
        Self { unreadable, ..self }
    }

    /// The same store while what it reads from is gone.
    #[must_use]
    pub fn gone(self, gone: Arc<F>) -> Self {
        Self { gone: Some(gone), ..self }
    }
}

/// Checks a store of files; every call of `make` gives one that holds the same.
///
/// # Panics
///
/// If a rule does not hold.
pub async fn file_store<F: FileStore + ?Sized>(make: impl AsyncFn() -> FileStoreSubject<F>) -> Report {
    let mut report = Report::new("file store");
    contents(&make, &mut report).await;
    let subject = make().await;
    let given = |is_empty: bool, what: &'static str| if is_empty { Err(what) } else { Ok(()) };
    report
        .check_if(
            given(subject.missing.is_empty(), "the caller names no file that is missing"),
            "what is not there is missing",
            async |rule| {
                let FileStoreSubject { store, missing, .. } = make().await;
                for transfer in &missing {
                    let opened = rule.works(store.open(transfer).await);
                    rule.ensure(matches!(opened, Opened::Missing), format_args!("{opened:?}"));
                }
            },
        )
        .await;
    report
        .check_if(
            given(subject.refused.is_empty(), "the caller names nothing that must not be opened"),
            "links, folders and what lies outside the roots are refused",
            async |rule| {
                let FileStoreSubject { store, refused, .. } = make().await;
                for transfer in &refused {
                    ensure_refused(rule, &*store, transfer).await;
                }
            },
        )
        .await;
    report
        .check_if(
            given(subject.held.is_empty(), "the store is empty"),
            "a path that is not written as it is resolved is refused, even where it leads to a file",
            async |rule| {
                let FileStoreSubject { store, held, .. } = make().await;
                for (transfer, _) in &held {
                    for path in disguised(transfer.path.as_deref().unwrap_or_default()) {
                        ensure_refused(rule, &*store, &Transfer { path: Some(path), ..transfer.clone() }).await;
                    }
                    ensure_refused(rule, &*store, &Transfer { path: None, ..transfer.clone() }).await;
                }
            },
        )
        .await;
    report
        .check_if(
            given(subject.unreadable.is_empty(), "the caller names no file that cannot be read"),
            "what cannot be read is an error and not missing",
            async |rule| {
                let FileStoreSubject { store, unreadable, .. } = make().await;
                for transfer in &unreadable {
                    let error = rule.fails(read(&*store, transfer).await);
                    rule.equal(&error.kind(), &ErrorKind::File);
                    rule.works(store.check().await);
                }
            },
        )
        .await;
    report
        .check_if(
            given(subject.gone.is_none(), "the caller gives no store that is gone"),
            "of a store that is gone nothing is missing: all are errors, and a check says so",
            async |rule| {
                let FileStoreSubject { held, missing, gone, .. } = make().await;
                let Some(gone) = gone else { return };
                rule.equal(&rule.fails(gone.check().await).kind(), &ErrorKind::File);
                for transfer in held.iter().map(|(transfer, _)| transfer).chain(&missing) {
                    rule.equal(&rule.fails(read(&*gone, transfer).await).kind(), &ErrorKind::File);
                }
            },
        )
        .await;
    report
}

async fn contents<F: FileStore + ?Sized>(make: &impl AsyncFn() -> FileStoreSubject<F>, report: &mut Report) {
    report
        .check("a store that is there says so", async |rule| {
            let FileStoreSubject { store, .. } = make().await;
            rule.works(store.check().await);
        })
        .await;
    report
        .check("a file is given whole, each time", async |rule| {
            let FileStoreSubject { store, held, .. } = make().await;
            for (transfer, content) in held.iter().chain(&held) {
                ensure_held(rule, &*store, transfer, content).await;
            }
        })
        .await;
    report
        .check("several files may be read at the same time, and one that is dropped disturbs no other", async |rule| {
            let FileStoreSubject { store, held, .. } = make().await;
            let largest = held.iter().max_by_key(|(_, content)| content.len());
            if let Some((transfer, _)) = largest
                && let Opened::Content(mut content) = rule.works(store.open(transfer).await)
            {
                let _: Option<Result<Bytes>> = content.next().await;
            }
            let twice = held.iter().chain(&held);
            join_all(twice.map(|(transfer, content)| ensure_held(rule, &*store, transfer, content))).await;
        })
        .await;
}

async fn ensure_held<F: FileStore + ?Sized>(rule: Rule, store: &F, transfer: &Transfer, expected: &Bytes) {
    match rule.works(read(store, transfer).await) {
        Ok(found) => rule.equal_bytes(&found, expected),
        Err(opened) => rule.broken(format_args!("{opened:?} instead of {} bytes", expected.len())),
    }
}

async fn ensure_refused<F: FileStore + ?Sized>(rule: Rule, store: &F, transfer: &Transfer) {
    let opened = rule.works(store.open(transfer).await);
    rule.ensure(matches!(opened, Opened::Refused), format_args!("{opened:?} for {:?}", transfer.path));
}

/// All of a file, or why there is nothing of it.
async fn read<F: FileStore + ?Sized>(store: &F, transfer: &Transfer) -> Result<std::result::Result<Vec<u8>, Opened>> {
    match store.open(transfer).await? {
        Opened::Content(content) => {
            let pieces: Vec<Bytes> = content.try_collect().await?;
            Ok(Ok(pieces.concat()))
        }
        other => Ok(Err(other)),
    }
}

/// Other ways to write a path, and paths that one file system or another would take for it.
fn disguised(path: &str) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = folder.rsplit('/').next().unwrap_or_default();
    vec![
        String::new(),
        "/".to_owned(),
        "..".to_owned(),
        format!("/etc/../{path}"),
        path.trim_start_matches('/').to_owned(),
        format!("/{path}"),
        format!("{path}/"),
        format!("{path}/."),
        format!("{path}\0"),
        format!("{path}\0.txt"),
        format!("{folder}//{name}"),
        format!("{folder}/./{name}"),
        format!("{folder}/../{parent}/{name}"),
        format!("{folder}/{name}/../{name}"),
        format!("{folder}\\{name}"),
        format!("{folder}/..\\{parent}\\{name}"),
        path.replace('/', "\\"),
    ]
}
