use std::fmt;

use jabber_archive_core::{Digest, Error, ErrorClass, ErrorKind, Ledger, Result};
use jabber_archive_sink::{Archive, Sample, Sampled, Verification, VerifyOptions, VerifyProgress};
use serde::Serialize;

use super::Outcome;
use crate::{
    arguments::{Located, Verify},
    config::Config,
    console::{Console, LiveLine},
    wiring::Place,
};

#[derive(Debug, Serialize)]
struct Verified {
    archive: String,
    #[serde(flatten)]
    verification: Verification,
}

/// The last entry, and what the next one would name of it.
#[derive(Debug, Serialize)]
struct Head {
    archive: String,
    entry: u64,
    sha256: Digest,
}

pub(super) async fn verify(arguments: &Verify, console: &Console) -> Result<Outcome> {
    let (place, archive) = open(&arguments.located).await?;
    if arguments.head {
        return head(&place, &archive, console).await;
    }
    let mut options = VerifyOptions::default();
    options.expect = arguments.expect;
    options.sample = arguments.sample.map(|items| arguments.seed.map_or(Sample::new(items), |seed| Sample::new(items).seeded(seed)));
    let line = LiveLine::new();
    let verification = jabber_archive_sink::verify(&archive, options, |progress| line.show(shown(progress))).await;
    line.leave();
    let verified = Verified { archive: place.to_string(), verification: verification? };
    console.print(&verified)?;
    Ok(if verified.verification.problems.is_empty() { Outcome::Done } else { Outcome::Findings })
}

async fn head(place: &Place, archive: &Archive, console: &Console) -> Result<Outcome> {
    let Some(head) = archive.ledger().head().await? else {
        return Err(Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "read head", "the chain has no entry yet")
            .about(place)
            .advise("`jabber-archive run` appends the first when a window is closed"));
    };
    console.print(&Head { archive: place.to_string(), entry: head.entry.number, sha256: head.digest })?;
    Ok(Outcome::Done)
}

/// The line of a terminal.
fn shown(VerifyProgress { items, of, bytes, .. }: VerifyProgress) -> String {
    let percent = if of == 0 { 100 } else { u128::from(items) * 100 / u128::from(of) };
    format!("{percent} %: {items} of {of} mails, {} MiB read", bytes >> 20)
}

/// The archive that is named on the command line, else the one of the configuration. Nothing is created.
pub(super) async fn open(located: &Located) -> Result<(Place, Archive)> {
    open_configured(located).await.map(|(place, archive, _)| (place, archive))
}

/// The same, with the configuration where that named it.
pub(super) async fn open_configured(located: &Located) -> Result<(Place, Archive, Option<Config>)> {
    let (place, config) = match &located.archive {
        Some(folder) => (Place::Folder(folder.clone()), None),
        None => {
            let config = Config::read(&located.configured.config)?;
            (Place::of(&config)?, Some(config))
        }
    };
    match place.find(Console::progress()).await? {
        Some(archive) => Ok((place, archive, config)),
        None => Err(place.empty()),
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verification {
            entries, items, bytes, sampled, attachments, pending, abandoned, unreferenced, leftover, head, problems, ..
        } = &self.verification;
        for problem in problems {
            writeln!(f, "{problem}")?;
        }
        if *pending > 0 {
            writeln!(f, "{pending} mails are of windows that are not sealed yet: a run that was interrupted goes on from there")?;
        }
        if *abandoned > 0 {
            writeln!(f, "{abandoned} mails count for nothing, as the chain says: left over by interrupted attempts")?;
        }
        if *unreferenced > 0 {
            writeln!(f, "{unreferenced} lists, contexts and dead letters are named by no seal: left over by interrupted attempts")?;
        }
        if *leftover > 0 {
            writeln!(
                f,
                "{leftover} files, in `incoming` or with `#` and a number behind their name, are of writes that did not come to their end"
            )?;
        }
        if *attachments > 0 {
            writeln!(f, "{attachments} attachments have the content that their names say")?;
        }
        if let Some(head) = head {
            writeln!(f, "head digest {head}")?;
        }
        if let Some(Sampled { items, of, seed, .. }) = sampled {
            writeln!(
                f,
                "a sample: of {of} mails the content of {items} was to be read; --sample {items} --seed {seed} chooses the same again"
            )?;
        }
        if !problems.is_empty() {
            write!(f, "{} problems; ", problems.len())?;
        }
        match sampled {
            Some(Sampled { of, .. }) => write!(f, "{entries} entries, and of {of} mails a sample of {items} with {bytes} bytes,")?,
            None => write!(f, "{entries} entries and {items} mails of {bytes} bytes")?,
        }
        f.write_str(" are as they were archived")
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}  sha256 {}", self.entry, self.sha256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_shown_how_much_of_all_is_read() {
        let progress = |items, of, bytes| {
            let mut progress = VerifyProgress::default();
            (progress.items, progress.of, progress.bytes) = (items, of, bytes);
            progress
        };
        assert_eq!(shown(progress(1, 3, 5 << 20)), "33 %: 1 of 3 mails, 5 MiB read");
        assert_eq!(shown(progress(3, 3, 0)), "100 %: 3 of 3 mails, 0 MiB read");
        assert_eq!(shown(progress(0, 0, 0)), "100 %: 0 of 0 mails, 0 MiB read");
    }
}
