//! A file of 3 GB passes through a little memory.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

use std::fs::{self, File};

use futures::StreamExt;
use jabber_archive_core::{FileStore, Opened, Transfer};
use jabber_archive_files::{Folder, Root, SENTINEL, Sftp, testing::Sshd};

const SIZE: u64 = 3_000_000_000;

/// The most memory that this process has had at any time, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

async fn drain(store: &impl FileStore) {
    let mut transfer = Transfer::new(1, "x");
    transfer.path = Some("/log/sparse.iso".to_owned());
    let Opened::Content(mut content) = store.open(&transfer).await.unwrap() else { panic!("not there") };
    let zeros = vec![0; 1 << 20];
    let (mut read, before) = (0, peak());
    while let Some(piece) = content.next().await {
        let piece = piece.unwrap();
        assert!(piece[..] == zeros[..piece.len()]);
        read += piece.len() as u64;
    }
    assert_eq!(read, SIZE);
    let taken = peak() - before;
    println!("{} MiB more at the peak", taken >> 20);
    assert!(taken < 64 << 20, "{taken} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_3_gb_takes_less_than_64_mib_from_a_folder_and_from_a_server() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(SENTINEL), "").unwrap();
    File::create(folder.path().join("sparse.iso")).unwrap().set_len(SIZE).unwrap();
    let root = || Root::new("/log", folder.path().to_str().unwrap()).unwrap();
    drain(&Folder::new([root()])).await;
    let Some(sshd) = Sshd::start() else { return };
    drain(&Sftp::new(sshd.config([root()])).unwrap()).await;
}
