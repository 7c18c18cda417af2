use std::{path::Path, process::Stdio, time::Duration};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::config::Config;

/// A command of the administrator's that is given the report of every run: for alerts, for signing the head, for a time stamp.
#[derive(Debug)]
pub(super) struct AfterRun {
    name: String,
    command: Command,
    limit: Duration,
}

impl AfterRun {
    const LIMIT: Duration = Duration::from_mins(1);

    /// The command of a configuration, if it has one.
    pub(super) fn of(config: &Config) -> Result<Option<Self>> {
        let limit = config.run.after_run_limit.map(|limit| limit.0);
        let refuse = |what: &str| Error::new(ErrorKind::Config, ErrorClass::Fatal, "read configuration", what).about("[run] after_run");
        let Some(words) = &config.run.after_run else {
            return match limit {
                Some(_) => Err(refuse("`after_run_limit` has no meaning without `after_run`").advise("remove it")),
                None => Ok(None),
            };
        };
        let Some((name, arguments)) = words.split_first().filter(|(name, _)| !name.is_empty()) else {
            return Err(refuse("there is no command").advise("name a program and its arguments: [\"/usr/local/bin/report\", \"daily\"]"));
        };
        // A bare name is looked for along PATH; a path begins where all paths of the configuration do.
        let mut command = if name.contains('/') { Command::new(config.path(Path::new(name))) } else { Command::new(name) };
        command.args(arguments).stdin(Stdio::piped()).kill_on_drop(true);
        for variable in config.secret_variables() {
            command.env_remove(variable);
        }
        Ok(Some(Self { name: name.clone(), command, limit: limit.unwrap_or(Self::LIMIT) }))
    }

    /// Runs it with a document on its input. What it prints goes to standard error: standard output is the report's.
    pub(super) async fn run(mut self, document: &Value) -> Result<()> {
        let failed = |what: String| Error::new(ErrorKind::Output, ErrorClass::Fatal, "run after_run", what).about(&self.name);
        let report = "the run is as its report says; what the command was to do is not done";
        self.command.stdout(std::io::stderr());
        let mut child = self.command.spawn().map_err(|error| {
            failed("it cannot be started".to_owned()).advise("name a program that the account that runs this may execute").because(error)
        })?;
        let mut input = child.stdin.take();
        let told = async {
            if let Some(input) = &mut input {
                // Whoever does not read its input needs none of it.
                let _: std::io::Result<()> = input.write_all(format!("{document:#}\n").as_bytes()).await;
            }
            drop(input.take());
            child.wait().await
        };
        let Ok(ended) = timeout(self.limit, told).await else {
            // What it has started itself is not known here.
            let _: std::io::Result<()> = child.kill().await;
            return Err(
                failed(format!("it was killed after {} s", self.limit.as_secs())).advise(format!("{report}; raise `after_run_limit`"))
            );
        };
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failed(format!("it ended with {status}")).advise(report)),
            Err(error) => Err(failed("how it ended is not known".to_owned()).advise(report).because(error)),
        }
    }
}
