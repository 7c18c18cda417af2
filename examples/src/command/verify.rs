use std::fmt;

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use jabber_archive_sink::{Verification, VerifyOptions};
use serde::Serialize;

use super::Outcome;
use crate::{
    arguments::{Located, Verify},
    config::Config,
    console::{Console, LiveLine},
    wiring,
};

#[derive(Debug, Serialize)]
struct Verified {
    archive: String,
    #[serde(flatten)]
    verification: Verification,
}

pub(super) async fn verify(arguments: &Verify, console: &Console) -> Result<Outcome> {
    let (folder, archive) = open(&arguments.located)?;
    let ledger = archive.ledger();
    // Facts that are missing beside a chain are a problem like others; without either, nothing says that this was ever an archive.
    if matches!(ledger.facts().await, Ok(None)) && ledger.numbers().await?.is_empty() {
        return Err(no_archive(&folder));
    }
    let options = arguments.expect.map_or(VerifyOptions::default(), |digest| VerifyOptions::default().expecting(digest));
    let line = LiveLine::new();
    let verification = jabber_archive_sink::verify(&archive, options, |items| line.show(format_args!("{items} mails read"))).await;
    line.leave();
    let verification = verification?;
    let verified = Verified { archive: folder, verification };
    console.print(&verified)?;
    Ok(if verified.verification.problems.is_empty() { Outcome::Done } else { Outcome::Findings })
}

/// The archive that is named on the command line, else the one of the configuration. Nothing is created.
pub(super) fn open(located: &Located) -> Result<(String, jabber_archive_sink::Archive)> {
    let folder = match &located.archive {
        Some(folder) => folder.clone(),
        None => wiring::archive_folder(&Config::read(&located.configured.config)?),
    };
    Ok((folder.display().to_string(), jabber_archive_sink::Archive::existing_file(&folder)?))
}

/// That a folder is none of an archive.
pub(super) fn no_archive(folder: &str) -> Error {
    Error::new(ErrorKind::Ledger, ErrorClass::Fatal, "open", "there is no archive in this folder")
        .about(folder)
        .advise("name its folder with --archive, or check `path` under [sink]")
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verification { entries, items, bytes, pending, abandoned, head, problems, .. } = &self.verification;
        for problem in problems {
            writeln!(f, "{problem}")?;
        }
        if *pending > 0 {
            writeln!(f, "{pending} mails are of windows that are not sealed yet: a run that was interrupted goes on from there")?;
        }
        if *abandoned > 0 {
            writeln!(f, "{abandoned} mails count for nothing, as the chain says: left over by interrupted attempts")?;
        }
        if let Some(head) = head {
            writeln!(f, "head digest {head}")?;
        }
        match problems.len() {
            0 => write!(f, "{entries} entries and {items} mails of {bytes} bytes are as they were archived"),
            count => write!(f, "{count} problems; {entries} entries, {items} mails of {bytes} bytes are as they were archived"),
        }
    }
}
