//! File systems of our own, without being root: a namespace in which they are mounted, for as long as it is held.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A namespace with a small file system on a folder.
pub(crate) struct Namespace {
    /// Holds it until its standard input ends, which it does with this process too.
    holder: Child,
    folder: PathBuf,
}

impl Namespace {
    /// None where such a thing is not to be had, which has been said then.
    pub(crate) fn with_disk(folder: &Path, size: u64) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let mount = format!("mount -t tmpfs -o size={size} none '{}' && echo ready && exec cat >/dev/null", folder.display());
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", &mount]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let skipped = || println!("SKIPPED: no namespace of one's own is to be had");
        let Ok(mut holder) = command.spawn() else {
            skipped();
            return None;
        };
        let mut ready = [0; 6];
        if holder.stdout.as_mut().unwrap().read_exact(&mut ready).is_err() {
            holder.wait().unwrap();
            skipped();
            return None;
        }
        Some(Self { holder, folder: folder.to_owned() })
    }

    /// The command, inside.
    pub(crate) fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--target", &self.holder.id().to_string(), "--user", "--mount", "--preserve-credentials", "--"]);
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            inside.env(name, value.unwrap_or_default());
        }
        inside.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        inside
    }

    /// Mounts the file system anew with other options; whether that was possible.
    pub(crate) fn remount(&self, options: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{options}")]).arg(&self.folder);
        self.inside(&mount).output().unwrap().status.success()
    }

    /// A path inside as it is reached from outside.
    pub(crate) fn seen(&self, path: &Path) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.holder.id(), path.display()))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _: std::io::Result<_> = self.holder.wait();
    }
}
