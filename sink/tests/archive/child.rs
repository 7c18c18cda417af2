//! Runs one test of this binary again in a process of its own, for what only a process has: a umask, an account.

use std::{env, path::PathBuf, process::Command};

/// Where the child finds what it needs; set only in a child.
const FOLDER: &str = "JABBER_ARCHIVE_TEST_FOLDER";

/// The folder that the parent named, in a child.
pub(crate) fn folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

/// Runs `test` again behind `before`, a command that runs the command behind it; `None` if that cannot be started here.
pub(crate) fn run(before: &[&str], test: &str, folder: &std::path::Path) -> Option<(bool, String)> {
    let (program, arguments) = before.split_first().unwrap();
    let output = Command::new(program)
        .args(arguments)
        .arg(env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(FOLDER, folder)
        .output()
        .ok()?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    said.contains("running 1 test").then(|| (output.status.success(), said))
}
