//! The program `jabber-archive`.

mod arguments;
mod command;
mod config;
mod console;
mod finding;
mod init;
mod status;
mod watch;
mod wiring;

use std::process::ExitCode;

use clap::Parser;
use jabber_archive_core::{Error, ErrorClass, ErrorKind};

use self::{arguments::Arguments, console::Console};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let console = Console::new(arguments.json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command::execute(arguments.command, &console)),
        Err(error) => Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "start", "the runtime cannot be started").because(error).into()),
    };
    if let Err(failure) = &result {
        console.fail(failure);
    }
    ExitCode::from(command::exit_code(result.as_ref().copied()))
}
