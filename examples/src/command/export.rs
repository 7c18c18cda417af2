use std::{fmt, path::Path};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use jabber_archive_sink::{ExportFilter, Exported};
use serde::Serialize;

use super::{Outcome, verify::open};
use crate::{
    arguments::Export,
    console::{Console, LiveLine},
    wiring::Place,
};

#[derive(Debug, Serialize)]
struct Copied {
    archive: String,
    out: String,
    #[serde(flatten)]
    exported: Exported,
}

pub(super) async fn export(arguments: &Export, console: &Console) -> Result<Outcome> {
    let filter = filter(arguments)?;
    let (place, archive) = open(&arguments.located).await?;
    if let Place::Folder(folder) = &place {
        refuse_inside(&arguments.out, folder)?;
    }
    let line = LiveLine::new();
    let progress = |items| line.show(format_args!("{items} mails read"));
    let exported = jabber_archive_sink::export(&archive, &filter, arguments.to.into(), &arguments.out, progress).await;
    line.leave();
    let copied = Copied { archive: place.to_string(), out: arguments.out.display().to_string(), exported: exported? };
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
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let inside = match (parent.canonicalize(), archive.canonicalize()) {
        (Ok(parent), Ok(archive)) => parent.starts_with(archive),
        _ => false,
    };
    if inside { Err(refuse("--out", "it would lie in the archive").advise("name a place outside of it")) } else { Ok(()) }
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
        if let Some(head) = head {
            writeln!(f, "head digest {head}")?;
        }
        if !refused.is_empty() {
            writeln!(f, "{} lists or mails were refused: what was asked for may be among them", refused.len())?;
        }
        write!(f, "{items} of {read} mails that were read, with {messages} messages and {bytes} bytes, are in {}", self.out)
    }
}
