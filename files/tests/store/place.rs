//! A folder full of what a store must read, and of what it must not.

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::{Path, PathBuf},
    process::Command,
};

use bytes::Bytes;
use futures::TryStreamExt;
use jabber_archive_core::{FileStore, Opened, Result, Transfer};
use jabber_archive_files::Root;
use tempfile::TempDir;

/// What the log calls the root.
pub(crate) const LOGGED: &str = "/opt/mftFileStore";
/// What the log calls a root whose files cannot be read; see [`Place::roots`].
pub(crate) const BROKEN: &str = "/opt/broken";
/// A file that every root of these tests has: that of a process, too.
pub(crate) const SENTINEL: &str = "status";

pub(crate) fn at(path: &str) -> Transfer {
    let mut transfer = Transfer::new(4_711, "x");
    transfer.path = Some(path.to_owned());
    transfer
}

pub(crate) fn content(seed: usize, size: usize) -> Bytes {
    (0..size).map(|place| (place.wrapping_mul(31) ^ (place >> 8) ^ seed) as u8).collect()
}

/// All of a file, as long as nothing goes wrong.
pub(crate) async fn read(store: &impl FileStore, path: &str) -> Result<Option<Vec<u8>>> {
    match store.open(&at(path)).await? {
        Opened::Content(content) => {
            let pieces: Vec<Bytes> = content.try_collect().await?;
            Ok(Some(pieces.concat()))
        }
        Opened::Missing => Ok(None),
        Opened::Refused => panic!("refused"),
    }
}

pub(crate) struct Place {
    folder: TempDir,
    _socket: UnixListener,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    pub(crate) fn within(folder: TempDir) -> Self {
        let store = folder.path().join("store");
        let hour = store.join("files/im/20261121/09");
        fs::create_dir_all(&hour).unwrap();
        fs::create_dir(store.join("files/persistent")).unwrap();
        fs::write(store.join(SENTINEL), "").unwrap();
        fs::write(folder.path().join("outside.txt"), "outside").unwrap();
        symlink(folder.path().join("outside.txt"), hour.join("link.txt")).unwrap();
        symlink("held0.bin", hour.join("link-to-held.bin")).unwrap();
        symlink("nowhere", hour.join("dangling")).unwrap();
        symlink(&hour, store.join("files/im/20261122")).unwrap();
        symlink("..", hour.join("up")).unwrap();
        symlink("/", store.join("files/everything")).unwrap();
        assert!(Command::new("mkfifo").arg(hour.join("pipe")).status().unwrap().success());
        let socket = UnixListener::bind(hour.join("socket")).unwrap();
        let place = Self { folder, _socket: socket };
        for (index, (name, content)) in Self::contents().into_iter().enumerate() {
            assert_eq!(name, format!("held{index}.bin"));
            place.write(&format!("files/im/20261121/09/{name}"), &content);
        }
        place
    }

    /// Files of every size that matters.
    fn contents() -> Vec<(String, Bytes)> {
        let sizes = [5, 0, 1, 32 << 10, (32 << 10) + 1, 256 << 10, (256 << 10) - 1, (3 << 20) + 4_711];
        (0..).zip(sizes).map(|(index, size)| (format!("held{index}.bin"), content(index, size))).collect()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub(crate) fn write(&self, below: &str, content: &[u8]) {
        fs::write(self.store().join(below), content).unwrap();
    }

    /// The store, and a process, whose memory is a regular file that cannot be read at its start by anybody.
    pub(crate) fn roots(&self) -> [Root; 2] {
        Self::roots_at(&self.store())
    }

    pub(crate) fn roots_at(store: &Path) -> [Root; 2] {
        let process = format!("/proc/{}", std::process::id());
        [Root::new(LOGGED, store.to_str().unwrap()).unwrap(), Root::new(BROKEN, process).unwrap()]
    }

    pub(crate) fn held() -> Vec<(Transfer, Bytes)> {
        let held = Self::contents().into_iter();
        held.map(|(name, content)| (at(&format!("{LOGGED}/files/im/20261121/09/{name}")), content)).collect()
    }

    pub(crate) fn missing() -> Vec<Transfer> {
        ["files/im/20261121/09/none", "files/im/20261121/10/none", "none", "files/persistent/none"]
            .map(|path| at(&format!("{LOGGED}/{path}")))
            .to_vec()
    }

    pub(crate) fn refused(&self) -> Vec<Transfer> {
        let names = [
            "files/im/20261121/09/link.txt",
            "files/im/20261121/09/link-to-held.bin",
            "files/im/20261121/09/dangling",
            "files/im/20261121/09/pipe",
            "files/im/20261121/09/socket",
            "files/im/20261121/09",
            "files/im/20261122/held0.bin",
            "files/im/20261121/09/up/09/held0.bin",
            "files/everything/etc/passwd",
            "files/im/20261121/09/held0.bin/x",
        ];
        let mut refused: Vec<Transfer> = names.iter().map(|path| at(&format!("{LOGGED}/{path}"))).collect();
        refused.extend([at(LOGGED), at("/etc/passwd"), at("/opt/mftFileStore2/x"), at(self.store().join("files").to_str().unwrap())]);
        refused
    }

    pub(crate) fn unreadable() -> Vec<Transfer> {
        vec![at(&format!("{BROKEN}/mem"))]
    }
}
