//! Runs the program, and looks at what it leaves behind.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use jabber_archive_core::{ItemId, List};
use jabber_archive_sql::testing::{Database, Office, Setup, SqlServer};
use serde_json::Value;
use tempfile::TempDir;

/// What came of running the program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The JSON document that it printed.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Ended with this code, and said this.
    pub(crate) fn assert(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "`{word}` is not in {self:?}");
        }
        self
    }
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jabber-archive"));
    command.stdin(Stdio::null()).env("JABBER_TEST_PASSWORD", "demo");
    command
}

pub(crate) fn program(arguments: &[&str]) -> Ran {
    ran(command().args(arguments))
}

pub(crate) fn ran(command: &mut Command) -> Ran {
    ended(command.output().unwrap())
}

pub(crate) fn ended(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A database that is served, a directory, a configuration, and room for an archive.
pub(crate) struct Setting {
    pub(crate) office: Office,
    pub(crate) database: Database,
    pub(crate) folder: TempDir,
    server: Option<SqlServer>,
    port: u16,
    runtime: tokio::runtime::Runtime,
}

impl Setting {
    pub(crate) fn new(seed: u64, messages: usize) -> Self {
        Self::of(Office::new(seed, messages))
    }

    /// That of this company.
    pub(crate) fn of(office: Office) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let database = Database::new("tcmadb");
        office.fill(&database);
        let server = runtime.block_on(SqlServer::start(database.clone())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("users.csv"), office.directory_csv()).unwrap();
        let setting = Self { office, database, folder, port: server.port(), server: Some(server), runtime };
        setting.configure(|text| text);
        setting
    }

    /// Writes the configuration after a change to it.
    pub(crate) fn configure(&self, change: impl FnOnce(String) -> String) {
        let text = format!(
            "name = \"test\"\n\n[[source]]\nkind = \"mssql\"\nhost = \"127.0.0.1\"\nport = {}\ndatabase = \"tcmadb\"\nuser = \"jabber_reader\"\n\
             password = {{ env = \"JABBER_TEST_PASSWORD\" }}\nencrypt = \"off\"\n\n[directory]\ncsv = \"users.csv\"\n\
             internal_domains = [\"{}\"]\n\n[converter]\nconversation_json = true\n\n[sink]\nkind = \"file\"\npath = \"archive\"\n\n\
             [run]\nretry_for = \"1s\"\n",
            self.port,
            self.office.internal_domains().join("\", \""),
        );
        fs::write(self.config(), change(text)).unwrap();
    }

    /// The port on which it is served.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("jabber-archive.toml")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    /// Runs a command with the configuration.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> Ran {
        ran(command().arg(name).arg("--config").arg(self.config()).args(arguments))
    }

    /// Stops the server, until it is started again.
    pub(crate) fn stop_server(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }

    /// Starts the server again, on its port.
    pub(crate) fn start_server(&mut self) {
        self.server = Some(self.runtime.block_on(SqlServer::setup(self.database.clone()).port(self.port).start()).unwrap());
    }

    /// Serves another database beside, for as long as what is given back lives.
    pub(crate) fn serve(&self, setup: Setup) -> SqlServer {
        self.runtime.block_on(setup.start()).unwrap()
    }

    /// Starts a command with the configuration.
    pub(crate) fn spawn(&self, name: &str) -> Child {
        let mut command = command();
        command.arg(name).arg("--config").arg(self.config()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }
}

/// Every file below a folder, by its path there.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(path, fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// The files of an archive whose bytes follow from the rows alone.
pub(crate) fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    of_rows(files(folder))
}

/// Those of these files of an archive.
pub(crate) fn of_rows(mut files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    // What a run was configured with is its own.
    for entry in files.iter().filter(|(path, _)| path.starts_with("ledger/0")).map(|(_, entry)| entry.clone()).collect::<Vec<_>>() {
        let entry: Value = serde_json::from_slice(&entry).unwrap();
        if let Some(configuration) = entry["run"]["configuration"].as_str() {
            files.remove(&format!("context/{configuration}.json"));
        }
    }
    files.retain(|path, _| ["items/", "ledger/lists/", "context/", "dead-letters/"].iter().any(|start| path.starts_with(start)));
    files
}

/// The mails of every conversation, as the chain lists them.
pub(crate) fn conversations(folder: &Path) -> Vec<Vec<Vec<u8>>> {
    let files = files(folder);
    let mail = |id: &ItemId| files.iter().find(|(path, _)| path.ends_with(&format!("/{id}.eml"))).unwrap().1.clone();
    let mut conversations = BTreeMap::new();
    for (path, content) in files.iter().filter(|(path, _)| path.starts_with("ledger/lists/")) {
        for line in List::from_bytes(content).unwrap().lines() {
            let parts: &mut BTreeMap<(u32, ItemId), Vec<u8>> = conversations.entry((path, line.key, line.edition)).or_default();
            parts.insert((line.part, line.id.clone()), mail(&line.id));
        }
    }
    conversations.into_values().map(|parts| parts.into_values().collect()).collect()
}
