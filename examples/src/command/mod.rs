//! What the program does.

mod after_run;
pub(crate) mod audit;
mod check;
mod demo;
mod export;
#[cfg(feature = "imap")]
pub(crate) mod import;
mod log;
mod manual;
mod recorded;
mod rehearse;
mod report;
pub(crate) mod run;
mod status;
mod surveyed;
mod unmapped;
mod verify;
mod watch;

use std::path::Path;

use futures::{FutureExt, channel::oneshot};
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Timestamp};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use self::{
    report::{Report, counted},
    surveyed::Surveyed,
    unmapped::printable,
};
use crate::{arguments::Command, console::Console};

/// How a command ended, unless it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// Done, and there is something that a person ought to look at.
    Findings,
    /// Stopped before it was done.
    Stopped,
}

/// Why a command failed, and what it had done by then.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) report: Option<Box<Report>>,
    /// The same of an import.
    #[cfg(feature = "imap")]
    pub(crate) delivered: Option<Box<import::Delivered>>,
}

impl Failure {
    /// Of a run that had done this.
    fn after(error: Error, report: Option<Box<Report>>) -> Self {
        Self { report, ..error.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            report: None,
            #[cfg(feature = "imap")]
            delivered: None,
        }
    }
}

pub(crate) async fn execute(command: Command, console: &Console) -> Result<Outcome, Failure> {
    match command {
        Command::Demo(demo) => demo::demo(demo, console).await,
        Command::Init(configured) => {
            crate::init::init(&configured.config).await?;
            Ok(Outcome::Done)
        }
        Command::Check(resolving) => Ok(check::check(&resolving, console).await?),
        Command::Run(asked) if asked.rehearse => rehearse::rehearse(&asked, console).await,
        Command::Run(asked) => run::run(&asked.archiving, run::Task::Run, console).await,
        Command::Retry(archiving) => run::run(&archiving, run::Task::Retry, console).await,
        Command::Audit(audit) => audit::audit(&audit, console).await,
        Command::Status(status) => Ok(status::status(&status, console).await?),
        Command::Export(export) => Ok(export::export(&export, console).await?),
        #[cfg(feature = "imap")]
        Command::Import(asked) => import::import(&asked, console).await,
        Command::Log(log) => Ok(log::log(&log, console).await?),
        Command::Watch(configured) => watch::watch(&configured, console.is_json()).await,
        Command::Completions { shell } => Ok(manual::completions(shell)?),
        Command::Man { out } => Ok(manual::pages(out.as_deref())?),
        Command::Verify(verify) => Ok(verify::verify(&verify, console).await?),
    }
}

/// The code that the program ends with.
pub(crate) fn exit_code(ended: Result<Outcome, &Failure>) -> u8 {
    match ended {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Findings) => 3,
        Err(Failure { error, .. }) if is_of_configuration(error) => 2,
        Ok(Outcome::Stopped) | Err(_) => 1,
    }
}

/// Whether nothing can go on before the configuration is another one.
pub(crate) fn is_of_configuration(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Config => true,
        // A directory that cannot be used as it is set is a matter of the configuration; one that does not answer is none.
        ErrorKind::Directory => error.class() == ErrorClass::Fatal,
        _ => false,
    }
}

/// Whether a file that may not be there yet lies in a folder.
fn lies_within(file: &Path, folder: &Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (parent.canonicalize(), folder.canonicalize()) {
        (Ok(parent), Ok(folder)) => parent.starts_with(folder),
        _ => false,
    }
}

/// The time by our clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

/// Listens from now on to whoever asks to stop: Ctrl-C, or SIGTERM as service managers send it. The future completes with the first, the process ends with the second:
/// whatever it was doing is found again by the next run.
fn asked_to_stop() -> Result<impl Future<Output = ()> + Send> {
    let listen = |kind| {
        signal(kind)
            .map_err(|error| Error::new(ErrorKind::Config, ErrorClass::Fatal, "start", "signals cannot be listened to").because(error))
    };
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let (asked, stop) = oneshot::channel();
    tokio::spawn(async move {
        let mut signal = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        signal().await;
        // Nobody listens any more once the run is over.
        let _: Result<(), ()> = asked.send(());
        signal().await;
        std::process::exit(1);
    });
    Ok(stop.map(drop))
}
