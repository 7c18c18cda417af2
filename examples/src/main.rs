//! The program `jabber-archive`.

mod arguments;
mod command;
mod config;
mod console;
mod wiring;

use std::process::ExitCode;

use clap::Parser;
use jabber_archive_core::{Error, ErrorClass, ErrorKind};

use self::{arguments::Arguments, command::Outcome, console::Console};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let console = Console::new(arguments.json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command::execute(arguments.command, &console)),
        Err(error) => Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "start", "the runtime cannot be started").because(error).into()),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Stopped) => ExitCode::from(1),
        Ok(Outcome::Findings) => ExitCode::from(3),
        Err(failure) => {
            console.fail(&failure);
            // A directory that cannot be used as it is set is a matter of the configuration; one that does not answer is none.
            let of_settings = match failure.error.kind() {
                ErrorKind::Config => true,
                ErrorKind::Directory => failure.error.class() == ErrorClass::Fatal,
                _ => false,
            };
            ExitCode::from(if of_settings { 2 } else { 1 })
        }
    }
}
