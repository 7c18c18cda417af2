use std::{fmt, path::PathBuf, sync::Arc};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, MemoryDirectory, People, Result, Secret};
use jabber_archive_sql::testing::{Database, Office, SqlServer};
use serde::Serialize;

use super::{
    Failure, Outcome, asked_to_stop,
    report::Report,
    run::{Task, archive},
};
use crate::{
    arguments::Demo,
    config::{Config, ConverterConfig, DirectoryConfig, FilterConfig, GivenSecrets, RunConfig, SecretRef, SinkConfig, SourceConfig},
    console::Console,
};

const DATABASE: &str = "tcmadb";
const USER: &str = "jabber_reader";
const PASSWORD: &str = "demo";

#[derive(Debug, Serialize)]
struct Demonstrated {
    #[serde(flatten)]
    report: Report,
    seed: u64,
    /// How many messages were asked for.
    asked: usize,
    /// How many messages the company wrote.
    written: usize,
}

/// Starts a stand-in for SQL Server, fills it, and archives it by the code that `run` uses.
pub(super) async fn demo(demo: Demo, console: &Console) -> Result<Outcome, Failure> {
    let office = Office::new(demo.seed, demo.messages);
    let database = Database::new(DATABASE);
    database.login(USER, PASSWORD);
    database.set_clock(office.end());
    office.fill(&database);
    let server = SqlServer::start(database).await.map_err(|error| {
        Error::new(ErrorKind::Source, ErrorClass::Fatal, "start stand-in", "no port of the loopback interface can be had").because(error)
    })?;

    let directory = MemoryDirectory::from_csv(office.directory_csv().as_bytes())?;
    let people = People::new(Arc::new(directory)).internal_domains(office.internal_domains());
    let config = config(&demo, server.port());
    let report = archive(&config, Task::Run, people, None, office.end(), Console::progress(), asked_to_stop()?).await?;
    let stopped = report.run.cancelled;
    console.print(&Demonstrated { report, seed: demo.seed, asked: demo.messages, written: office.truth().len() })?;
    // The company's oddities are findings of its archive, not of the demonstration.
    Ok(if stopped { Outcome::Stopped } else { Outcome::Done })
}

/// The configuration that a user would write for the stand-in.
fn config(demo: &Demo, port: u16) -> Config {
    let source = SourceConfig::local(port, DATABASE, USER, SecretRef::Given(Secret::new(PASSWORD)));
    Config {
        // Another company is another archive: its chats never come behind those of this one.
        name: format!("demo-{}-{}", demo.seed, demo.messages),
        source: vec![source],
        directory: DirectoryConfig::default(),
        filter: FilterConfig::default(),
        files: None,
        converter: ConverterConfig::default(),
        mailboxes: None,
        sink: SinkConfig::file(demo.out.clone()),
        run: RunConfig::default(),
        watch: None,
        folder: PathBuf::new(),
        written: None,
        given: GivenSecrets::default(),
    }
}

impl fmt::Display for Demonstrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let archive = &self.report.archive;
        writeln!(f, "{}", self.report)?;
        writeln!(f)?;
        writeln!(f, "The company of seed {} wrote {} messages; look at them in {archive}/items.", self.seed, self.written)?;
        let program = quoted(&std::env::args().next().unwrap_or_else(|| "jabber-archive".to_owned()));
        let archive = quoted(archive);
        writeln!(f, "Next, try:")?;
        if let Some(head) = self.report.run.head {
            writeln!(f, "  {program} verify --archive {archive} --expect {head}")?;
        }
        writeln!(f, "  {program} demo --out {archive} --messages {} --seed {}    (adds nothing)", self.asked, self.seed)?;
        write!(f, "  {program} status --archive {archive}")
    }
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_a_shell_would_split_or_change_are_quoted() {
        for (word, shown) in [
            ("/srv/archive-1", "/srv/archive-1"),
            ("my archive", "'my archive'"),
            ("$HOME", "'$HOME'"),
            ("it's", r"'it'\''s'"),
            ("~", "'~'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }
}
