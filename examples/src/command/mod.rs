//! What the program does.

mod check;
mod demo;
mod report;
mod run;
mod status;
mod verify;

use jabber_archive_core::{Result, Timestamp};

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

pub(crate) async fn execute(command: Command, console: &Console) -> Result<Outcome> {
    match command {
        Command::Demo(demo) => demo::demo(demo, console).await,
        Command::Check(configured) => check::check(&configured, console).await,
        Command::Run(configured) => run::run(&configured, console).await,
        Command::Status(located) => status::status(&located, console).await,
        Command::Verify(verify) => verify::verify(&verify, console).await,
    }
}

/// The time by our clock.
fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

/// Completes when somebody asks to stop: Ctrl-C, or SIGTERM as service managers send it.
async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                Ok(()) = tokio::signal::ctrl_c() => {}
                Some(()) = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler nobody can ask.
        std::future::pending::<()>().await;
    }
}
