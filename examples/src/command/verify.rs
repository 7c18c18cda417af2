use std::{fmt, sync::Arc};

use jabber_archive_core::Result;
use jabber_archive_sink::{Archive, Verification, VerifyOptions};
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

pub(super) async fn verify(arguments: &Verify, console: &Console) -> Result<Outcome> {
    let (place, archive) = open(&arguments.located).await?;
    let options = arguments.expect.map_or(VerifyOptions::default(), |digest| VerifyOptions::default().expecting(digest));
    let line = LiveLine::new();
    let verification = jabber_archive_sink::verify(&archive, options, |items| line.show(format_args!("{items} mails read"))).await;
    line.leave();
    let verification = verification?;
    let verified = Verified { archive: place.to_string(), verification };
    console.print(&verified)?;
    Ok(if verified.verification.problems.is_empty() { Outcome::Done } else { Outcome::Findings })
}

/// The archive that is named on the command line, else the one of the configuration. Nothing is created.
pub(super) async fn open(located: &Located) -> Result<(Place, Archive)> {
    let place = match &located.archive {
        Some(folder) => Place::Folder(folder.clone()),
        None => Place::of(&Config::read(&located.configured.config)?)?,
    };
    match place.find(Arc::new(Console::progress())).await? {
        Some(archive) => Ok((place, archive)),
        None => Err(place.empty()),
    }
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
