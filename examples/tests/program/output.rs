//! Where the program writes to may be closed or full.

use std::{fs::File, io, process::Stdio};

use crate::program::{Setting, command, program, ran};

/// The end of a pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn code(arguments: &[&str], out: Stdio, err: Stdio) -> Option<i32> {
    command().args(arguments).stdout(out).stderr(err).status().unwrap().code()
}

#[test]
fn whoever_closes_a_pipe_has_read_enough() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    assert_eq!(code(&["demo", "--messages", "100", "--out", out], closed(), closed()), Some(0));
    for name in [&["status"][..], &["status", "--json"], &["verify"], &["log"], &["log", "--format", "csv"], &["log", "--format", "jsonl"]]
    {
        let arguments = [name, &["--archive", out]].concat();
        let quiet = ran(command().args(arguments).stdout(closed()).stderr(Stdio::piped()));
        assert_eq!((quiet.code, &*quiet.err), (Some(0), ""));
    }
}

#[test]
fn an_error_that_nobody_can_be_told_ends_with_its_code() {
    for arguments in [&["run", "--config", "/no/such/file.toml"][..], &["run", "--config", "/no/such/file.toml", "--json"]] {
        assert_eq!(code(arguments, closed(), closed()), Some(2));
    }
}

#[test]
fn output_that_cannot_be_written_is_a_failure_and_no_matter_of_configuration() {
    let setting = Setting::new(56, 100);
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let refused = ran(command().arg("run").arg("--config").arg(setting.config()).stdout(full()).stderr(Stdio::piped()));
    refused.assert(1, &["standard output cannot be written", "only its words are lost"]);
    setting.run("verify", &[]).assert(0, &[]);
}

#[test]
fn the_commands_that_the_demo_suggests_work_in_a_shell_whatever_the_folder_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("it's $HOME & more");
    let shown = program(&["demo", "--messages", "100", "--out", out.to_str().unwrap()]);
    let commands: Vec<&str> = shown.out.lines().filter(|line| line.contains(" --archive ")).collect();
    assert_eq!(commands.len(), 2, "{shown:?}");
    for line in commands {
        ran(std::process::Command::new("sh").args(["-c", line.trim()])).assert(0, &["head digest"]);
    }
}
