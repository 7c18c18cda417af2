use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What an administrator would script: pymssql reads the rows, copies are told by the stanza's id, Python's `email` writes a mail of each conversation and day.
#[derive(Debug)]
pub struct Script {
    python: PathBuf,
}

impl Script {
    const SCRIPT: &str = include_str!("script.py");

    /// With pymssql, which `benches/setup` installs.
    ///
    /// # Panics
    ///
    /// If there is no shell.
    pub fn install() -> Self {
        let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
        Command::new(benches.join("setup")).arg("pymssql").status().expect("sh runs");
        Self { python: benches.join("../target/pymssql/bin/python") }
    }

    /// Archives everything that is served on this port into a folder; gives how long that took, without Python's start, and how many mails there are.
    ///
    /// # Errors
    ///
    /// If pymssql could not be had, or fails.
    pub fn archive(&self, port: u16, folder: &Path) -> io::Result<(Duration, u64)> {
        let output = Command::new(&self.python).args(["-c", Self::SCRIPT, &port.to_string()]).arg(folder).output()?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let read = told.trim().split_once(' ').and_then(|(seconds, mails)| Some((seconds.parse().ok()?, mails.parse().ok()?)));
        match read {
            Some((seconds, mails)) if output.status.success() => Ok((Duration::from_secs_f64(seconds), mails)),
            _ => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        }
    }
}
