//! People without an address, as a list to be completed.

use std::{fmt, fs::File, io::Write, path::Path};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Unmapped};

/// So many are named where people read; the file has all.
const NAMED: usize = 10;

/// Refuses a file that is there already: somebody may have begun to fill it in.
pub(super) fn refuse_existing(file: Option<&Path>) -> Result<()> {
    match file {
        Some(path) if path.exists() => Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "write --unmapped", "it is there already")
            .about(path.display())
            .advise("name a new file")),
        _ => Ok(()),
    }
}

/// Writes the list, if there is anybody in it; gives the file's name then.
pub(super) fn write(file: Option<&Path>, unmapped: &Unmapped) -> Result<Option<String>> {
    let Some(path) = file.filter(|_| !unmapped.is_empty()) else { return Ok(None) };
    let written = File::create_new(path).and_then(|mut file| file.write_all(unmapped.to_csv().as_bytes()));
    written.map_err(|error| {
        Error::new(ErrorKind::Output, ErrorClass::Fatal, "write --unmapped", "the list of people without an address cannot be written")
            .about(path.display())
            .because(error)
    })?;
    Ok(Some(path.display().to_string()))
}

/// Shows the first, and where all are.
pub(super) fn show(f: &mut fmt::Formatter<'_>, unmapped: &Unmapped, file: Option<&str>) -> fmt::Result {
    for (party, counted) in unmapped.by_count().into_iter().take(NAMED) {
        write!(f, "       {}", printable(&party.to_string()))?;
        if let Some(unescaped) = party.unescaped() {
            write!(f, ", that is {}", printable(&unescaped))?;
        }
        writeln!(f, " ({} messages in {} conversations)", counted.messages, counted.conversations)?;
    }
    if unmapped.len() > NAMED {
        writeln!(f, "       and {} more", unmapped.len() - NAMED)?;
    }
    match file {
        Some(file) => writeln!(f, "       all with a JID are in {file}: fill in the addresses, and it is a directory"),
        None => writeln!(f, "       --unmapped FILE writes all with a JID as a directory to be filled in"),
    }
}

/// A JID is what somebody chose: nothing in it may move the cursor or turn what follows.
pub(crate) fn printable(text: &str) -> String {
    let moves = |char: char| char.is_control() || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace(moves, "\u{fffd}")
}
