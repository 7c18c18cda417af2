use std::{fmt, path::Path};

use bytes::Bytes;
use futures::{StreamExt, stream};
use jabber_archive_core::{Act, Digest, EntryRecord, Error, ErrorClass, ErrorKind, ExportEntry, KeptKind, Ledger, LedgerExt, Result};
use jabber_archive_sink::{Archive, ExportFilter, ExportForm, Exported, ObjectLedger};
use serde::Serialize;

use super::{Outcome, lies_within, now, verify::open_configured};
use crate::{
    arguments::{Export, Form},
    config::Config,
    console::{Console, LiveLine},
    wiring::{self, Place},
};

#[derive(Debug, Serialize)]
struct Copied {
    archive: String,
    out: String,
    #[serde(flatten)]
    exported: Exported,
    /// Where the chain says that this was done; its digest is the new head.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<Recorded>,
}

#[derive(Debug, Serialize)]
struct Recorded {
    entry: u64,
    sha256: Digest,
}

/// What the chain is to say of an export.
struct Record<'a> {
    place: &'a Place,
    ledger: ObjectLedger,
    facts: Digest,
    by: Act,
    selection: Digest,
}

impl<'a> Record<'a> {
    /// Keeps what is asked for, and by which configuration, before anything is copied: an archive that does not take these would not take the entry.
    async fn begin(place: &'a Place, archive: &Archive, config: Option<&Config>, filter: &ExportFilter) -> Result<Self> {
        let ledger = archive.ledger();
        let Some((_, facts)) = ledger.facts().await? else { return Err(place.empty()) };
        // What a newer version has written behind the head is not gone on from.
        ledger.head().await?;
        let identity = wiring::identity(config);
        let by = identity.act(now());
        if let Some(configuration) = identity.configuration {
            keep(&ledger, configuration).await.map_err(|error| unrecorded(place, error))?;
        }
        let selection = keep(&ledger, filter.to_bytes()).await.map_err(|error| unrecorded(place, error))?;
        Ok(Self { place, ledger, facts, by, selection })
    }

    /// Appends the entry.
    async fn end(self, form: Form, exported: &Exported) -> Result<Recorded> {
        let mut entry = ExportEntry::new(self.by, self.selection, ExportForm::from(form).to_string());
        (entry.items, entry.messages, entry.bytes) = (exported.items, exported.messages, exported.bytes);
        (entry.refused, entry.sha256) = (exported.refused.len() as u64, exported.sha256);
        let recorded = self.ledger.record(&self.facts, EntryRecord::Export(Box::new(entry))).await;
        let link = recorded.map_err(|error| {
            Error::new(ErrorKind::Ledger, error.class(), "record export", "the copy is made, and the chain does not say so")
                .about(self.place)
                .advise("make the archive writable, remove the copy and export again")
                .because(error)
        })?;
        Ok(Recorded { entry: link.entry.number, sha256: link.digest })
    }
}

async fn keep(ledger: &ObjectLedger, content: Bytes) -> Result<Digest> {
    ledger.keep(KeptKind::Context, stream::iter([Ok(content)]).boxed()).await
}

fn unrecorded(place: &Place, error: Error) -> Error {
    Error::new(ErrorKind::Ledger, error.class(), "record export", "the archive cannot be written, and nothing was copied")
        .about(place)
        .advise("give the account that runs this the right to create there; of a copy, or where only reading is allowed, export with --unrecorded")
        .because(error)
}

pub(super) async fn export(arguments: &Export, console: &Console) -> Result<Outcome> {
    let filter = filter(arguments)?;
    let (place, archive, config) = open_configured(&arguments.located).await?;
    if let Place::Folder(folder) = &place {
        refuse_inside(&arguments.out, folder)?;
    }
    let record = if arguments.unrecorded { None } else { Some(Record::begin(&place, &archive, config.as_ref(), &filter).await?) };
    let line = LiveLine::new();
    let progress = |items| line.show(format_args!("{items} mails read"));
    let exported = jabber_archive_sink::export(&archive, &filter, arguments.to.into(), &arguments.out, progress).await;
    line.leave();
    let exported = exported?;
    let recorded = match record {
        Some(record) => Some(record.end(arguments.to, &exported).await?),
        None => None,
    };
    let copied = Copied { archive: place.to_string(), out: arguments.out.display().to_string(), exported, recorded };
    console.print(&copied)?;
    let whole = copied.exported.refused.is_empty() && copied.exported.problems.is_empty();
    Ok(if whole { Outcome::Done } else { Outcome::Findings })
}

fn filter(arguments: &Export) -> Result<ExportFilter> {
    let Export { person, room, kind, since, until, word, .. } = arguments;
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(refuse("--until", "it is not after --since").advise("no mail is from such a time: the first instant after it is meant"));
    }
    let mut filter = ExportFilter::new();
    filter = person.iter().fold(filter, |filter, person| filter.person(person));
    filter = room.iter().fold(filter, |filter, room| filter.room(room));
    filter = kind.iter().fold(filter, |filter, kind| filter.kind((*kind).into()));
    filter = word.iter().fold(filter, |filter, word| filter.word(word));
    filter = since.iter().fold(filter, |filter, since| filter.since(*since));
    Ok(until.iter().fold(filter, |filter, until| filter.until(*until)))
}

/// What is no part of an archive would be found in it by the next `verify`.
fn refuse_inside(out: &Path, archive: &Path) -> Result<()> {
    if lies_within(out, archive) {
        Err(refuse("--out", "it would lie in the archive").advise("name a place outside of it"))
    } else {
        Ok(())
    }
}

fn refuse(argument: &str, what: &str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "read arguments", what).about(argument)
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exported { items, messages, bytes, read, refused, problems, head, .. } = &self.exported;
        for problem in problems {
            writeln!(f, "{problem}")?;
        }
        for problem in refused {
            writeln!(f, "not exported: {problem}")?;
        }
        match (&self.recorded, head) {
            (Some(Recorded { entry, sha256 }), _) => writeln!(f, "entry {entry} says that this was done; head digest {sha256}")?,
            (None, Some(head)) => writeln!(f, "head digest {head}")?,
            (None, None) => {}
        }
        if !refused.is_empty() {
            writeln!(f, "{} lists or mails were refused: what was asked for may be among them", refused.len())?;
        }
        write!(f, "{items} of {read} mails that were read, with {messages} messages and {bytes} bytes, are in {}", self.out)
    }
}
