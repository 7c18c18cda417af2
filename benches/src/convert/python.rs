use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use super::Finished;

/// Writes the mails and prints for how many seconds that took a core; reading what is to be written does not count.
const SCRIPT: &str = include_str!("email.py");

/// Python's `email`, as a program that writes the same mails would use it.
#[derive(Debug, Clone, Copy)]
pub struct Python;

impl Python {
    /// How long it takes to write these mails; `None` where there is no Python.
    ///
    /// # Panics
    ///
    /// If Python cannot write one of them.
    pub fn time(mails: &[Finished]) -> Option<Duration> {
        let mut python = Command::new("python3").args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let mut input = python.stdin.take().expect("a pipe");
        for mail in mails {
            let line = serde_json::to_string(mail).expect("texts are JSON");
            writeln!(input, "{line}").expect("Python reads");
        }
        drop(input);
        let output = python.wait_with_output().expect("Python ends");
        assert!(output.status.success(), "Python cannot write the mails");
        let seconds: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("seconds");
        Some(Duration::from_secs_f64(seconds))
    }
}
