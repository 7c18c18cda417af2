//! What a program asked of a file system, as strace saw it.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
};

/// What a call did, once it had returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// A name for a new file, or for the one that has it.
    Create(String),
    Folder(String),
    Link(String, String),
    Rename(String, String),
    Remove(String),
    /// The content of the file with this name changed.
    Write(String),
    /// A file or a folder is on stable storage, as it was when the call began: after so many calls.
    Sync(String, usize),
}

const CALLS: &str =
    "openat,mkdir,mkdirat,link,linkat,rename,renameat,renameat2,unlink,unlinkat,rmdir,write,pwrite64,ftruncate,fsync,fdatasync";

/// Whether programs may be traced here; none where there is no strace.
pub(super) fn can_trace() -> Option<bool> {
    let tried = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.ok().map(|status| status.success())
}

/// The command under strace, which lets the command be our child and ends with it.
pub(super) fn traced(command: &Command, log: &Path) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-D", "--seccomp-bpf", "-f", "-y", "-s", "0", "-e", &format!("trace={CALLS}"), "-o"]).arg(log);
    traced.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        traced.env(name, value.unwrap_or_default());
    }
    traced.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    traced
}

/// Whether the log says how this process ended: nothing comes behind.
pub(super) fn is_whole(log: &str, process: u32) -> bool {
    let of = format!("{process} +++ ");
    log.lines().any(|line| line.split_once(char::is_whitespace).is_some_and(|_| normal(line).starts_with(&of)))
}

/// The calls below a folder in the order of their returns, by paths relative to it.
pub(super) fn calls(log: &str, folder: &Path) -> Vec<Call> {
    let below = format!("{}/", folder.display());
    let mut begun: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let line = normal(line);
        let Some((process, rest)) = line.split_once(' ') else { continue };
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(process.to_owned(), (start.trim_end().to_owned(), calls.len()));
            continue;
        }
        let (whole, since) = match rest.strip_prefix("<... ") {
            Some(resumed) => {
                let Some((start, since)) = begun.remove(process) else { continue };
                let Some((_, end)) = resumed.split_once("resumed>") else { continue };
                (format!("{start}{end}"), since)
            }
            None => (rest.to_owned(), calls.len()),
        };
        calls.extend(call(&whole, &below, since));
    }
    calls
}

/// With one space behind the number of the process.
fn normal(line: &str) -> String {
    line.split_once(char::is_whitespace).map_or_else(String::new, |(process, rest)| format!("{process} {}", rest.trim_start()))
}

fn call(text: &str, below: &str, since: usize) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    if result.starts_with('-') {
        return None;
    }
    let relative = |path: &str| path.strip_prefix(below).map(str::to_owned);
    let quoted: Vec<Option<String>> = arguments.split('"').skip(1).step_by(2).map(relative).collect();
    let path = |number: usize| quoted.get(number).cloned().flatten();
    // As -y shows a descriptor: 11</the/path>.
    let open = || relative(arguments.split_once('<')?.1.split_once('>')?.0);
    match name {
        "openat" if arguments.contains("O_CREAT") => path(0).map(Call::Create),
        "mkdir" | "mkdirat" => path(0).map(Call::Folder),
        "link" | "linkat" => Some(Call::Link(path(0)?, path(1)?)),
        "rename" | "renameat" | "renameat2" => Some(Call::Rename(path(0)?, path(1)?)),
        "unlink" | "unlinkat" | "rmdir" => path(0).map(Call::Remove),
        "write" | "pwrite64" | "ftruncate" => open().map(Call::Write),
        "fsync" | "fdatasync" => {
            let of_root = || arguments.contains(&format!("<{}>", below.trim_end_matches('/'))).then(String::new);
            Some(Call::Sync(open().or_else(of_root)?, since))
        }
        _ => None,
    }
}

#[test]
fn calls_are_read_in_the_order_of_their_returns_with_what_was_before_a_sync() {
    let log = r#"
7   mkdir("/p/archive", 0777) = 0
7 openat(AT_FDCWD</>, "/p/archive/a#1", O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0666) = 11</p/archive/a#1>
8 fsync(12</p/archive> <unfinished ...>
7 write(11</p/archive/a#1>, ""..., 5) = 5
7 linkat(AT_FDCWD</>, "/p/archive/a#1", AT_FDCWD</>, "/p/archive/a", 0) = 0
8 <... fsync resumed>) = 0
7 unlink("/p/archive/gone") = -1 ENOENT (No such file or directory)
7 unlink("/elsewhere") = 0
7 fsync(12</p>) = 0
7 +++ killed by SIGKILL +++
"#;
    let name = |name: &str| name.to_owned();
    assert_eq!(
        calls(log, Path::new("/p")),
        [
            Call::Folder(name("archive")),
            Call::Create(name("archive/a#1")),
            Call::Write(name("archive/a#1")),
            Call::Link(name("archive/a#1"), name("archive/a")),
            Call::Sync(name("archive"), 2),
            Call::Sync(name(""), 5),
        ]
    );
    assert!(is_whole(log, 7) && !is_whole(log, 8));
}
