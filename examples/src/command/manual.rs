use std::{
    fs,
    io::{self, Write, stdout},
    path::Path,
};

use clap::CommandFactory;
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};

use super::Outcome;
use crate::arguments::Arguments;

/// Prints what makes a shell complete our arguments.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<Outcome> {
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    print(&script)
}

/// Prints the page of the program, or writes its page and those of its commands into a folder.
pub(super) fn pages(out: Option<&Path>) -> Result<Outcome> {
    let Some(folder) = out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Arguments::command()).render(&mut page).map_err(|error| failed("the page cannot be made", error))?;
        return print(&page);
    };
    let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Arguments::command(), folder));
    written.map_err(|error| {
        failed("the pages cannot be written", error).about(folder.display()).advise("name a folder that this account may write to")
    })?;
    Ok(Outcome::Done)
}

/// Whoever closes a pipe has read enough.
fn print(content: &[u8]) -> Result<Outcome> {
    match stdout().write_all(content) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failed("standard output cannot be written", error)),
        _ => Ok(Outcome::Done),
    }
}

fn failed(what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Output, ErrorClass::Fatal, "print", what).because(error)
}
